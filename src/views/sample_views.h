/* Views of samples rather than of functions: each stack, the labels, everything as it is. */
#ifndef PP_VIEWS_SAMPLE_VIEWS_H
#define PP_VIEWS_SAMPLE_VIEWS_H

#include "profile/top.h"
#include "views/profile_head.h"

/* Append each sample: its labels, its value, its frames from the innermost. */
int pp_traces_write(const struct pprofc_profile *profile, const struct pp_view_scope *scope,
                    enum pp_group group, struct pp_buffer *out, struct pprofc_error *err);

/* One value of one label, and what carries it. */
struct pp_tag {
    pp_id key;
    char *text;
    double value;
};

struct pp_tags {
    struct pp_tag *tags; /* by key, then the heaviest first */
    size_t n_tags, capacity;
};

/* The labels of the samples, in 'unit' where they are numbers (NULL: in what suits them); done() in
 * any case.  -ENOMEM. */
int pp_tags_make(const struct pprofc_profile *profile, uint32_t type, const char *unit,
                 struct pp_tags *tags_out, struct pprofc_error *err);
void pp_tags_done(struct pp_tags *tags);

/* Append each label's key, how much carries it, and its values by how much has them. */
int pp_tags_write(const struct pprofc_profile *profile, const struct pp_view_scope *scope,
                  struct pp_buffer *out, struct pprofc_error *err);

/* Append all that the profile holds: samples as values and locations' numbers, locations, mappings,
 * in the layout of `pprof -raw`. */
int pp_raw_write(const struct pprofc_profile *profile, struct pp_buffer *out,
                 struct pprofc_error *err);

#endif
