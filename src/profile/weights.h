/* What lies on and below each node of a profile's tree, and the way from node to node: what views
 * that look at stacks walk over. */
#ifndef PP_PROFILE_WEIGHTS_H
#define PP_PROFILE_WEIGHTS_H

#include "profile/profile.h"

/* By node. */
struct pp_weights {
    int64_t *total, *total_samples;
    struct pp_estimate *total_estimate; /* NULL: values are exact */
    pp_id *first_child, *next_sibling;
};

/* -ENOMEM, and then there is nothing to be done with it but pp_weights_done(). */
int pp_weights_init(struct pp_weights *weights, const struct pprofc_profile *profile,
                    uint32_t type);
void pp_weights_done(struct pp_weights *weights);

static inline void pp_estimate_add(struct pp_estimate *sum, const struct pp_estimate *more)
{
    sum->variance += more->variance;
    sum->n_sampled += more->n_sampled;
}

#endif
