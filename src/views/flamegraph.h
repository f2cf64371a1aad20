/* The flame graph: one offline SVG file that works without scripts and is interactive with them. */
#ifndef PP_VIEWS_FLAMEGRAPH_H
#define PP_VIEWS_FLAMEGRAPH_H

#include "base/buffer.h"
#include "profile/profile.h"

enum pp_flame_color { PP_COLOR_MODULE, PP_COLOR_NAME };

struct pp_flamegraph_options {
    uint32_t type;             /* index of the sample type; its value is a box's width */
    const char *title;         /* NULL: made from the profile's command and kind */
    enum pp_flame_color color; /* the scheme first shown; the page switches */
    bool inverted;             /* roots at the top at first; the page switches */
    /* Of the whole: what is narrower is gathered in "other (n)" in the picture without scripts; 0
     * is 1/4000.  The page gathers what its window cannot show and brings it back on zooming. */
    double min_share;
};

/* Append the picture to 'svg'.  Cost: linear in nodes; memory: about what it writes. */
int pp_flamegraph_write(const struct pprofc_profile *profile,
                        const struct pp_flamegraph_options *options, struct pp_buffer *svg,
                        struct pprofc_error *err);

struct pp_diff;

/* One picture of a comparison: a box is as wide as what it cost before and after together, and its
 * colour says how that changed; what is new or gone is outlined.  Of the options the title, the
 * inversion and the least share count. */
int pp_flamegraph_write_diff(const struct pp_diff *diff,
                             const struct pp_flamegraph_options *options, struct pp_buffer *svg,
                             struct pprofc_error *err);

/* The picture's scripts as sources of a content security policy: "'sha256-..' 'sha256-..'". */
const char *pp_flamegraph_script_sources(void);

#endif
