/* What the expressions of a filter say of each location, and what is left of it: the inner part of
 * profile/filter.c. */
#ifndef PP_PROFILE_FILTER_FRAMES_H
#define PP_PROFILE_FILTER_FRAMES_H

#include "profile/filter.h"

/* Of one location, its lines counted from the innermost. */
struct pp_frame_fate {
    uint8_t met; /* which expressions match it or a line of it: bits of enum pp_filter_match */
    bool is_hidden;
    bool begins; /* show_from: the stack may begin here, with the lines up to 'last' */
    bool ends;   /* prune_from: it may end here, with the lines from 'first' */
    uint32_t first, last;
};

struct pp_frame_fates {
    struct pp_frame_fate *fates; /* by location */
    uint32_t n_fates;
    bool *is_line_hidden; /* by index into the profile's lines */
    bool without_inlines;
};

/* -ENOMEM. */
int pp_frame_fates_init(struct pp_frame_fates *fates, const struct pprofc_profile *profile,
                        const struct pp_filter *filter);
void pp_frame_fates_done(struct pp_frame_fates *fates);

/* The location that is left of 'location' where a stack begins there, ends there, both or neither:
 * itself or a new one. */
pp_id pp_frame_left(const struct pp_frame_fates *fates, struct pprofc_profile *profile,
                    pp_id location, bool is_begin, bool is_end);

/* The location with its lines first .. last of its own. */
pp_id pp_frame_part(struct pprofc_profile *profile, pp_id location, uint32_t first, uint32_t last);

/* A bit for each function whose name, without arguments, matches 'drop' and not 'keep' (may be
 * NULL); NULL without memory. */
bool *pp_frame_match_names(const struct pprofc_profile *profile, struct pp_pattern *drop,
                           struct pp_pattern *keep);

#endif
