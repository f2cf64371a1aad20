/* Samples without the time axis, for formats that have none. */
#ifndef PP_PROFILE_SLICE_SUMS_H
#define PP_PROFILE_SLICE_SUMS_H

#include "profile/profile.h"

/* The samples of one stack and label set, summed over all slices. */
struct pp_slice_sums {
    uint32_t *first; /* one of the profile's samples that are in a sum */
    int64_t *values; /* n_types of each sum */
    uint32_t n_sums;
};

/* In the order of their first samples; 0 or -ENOMEM. */
int pp_slice_sums_make(const struct pprofc_profile *profile, struct pp_slice_sums *sums_out);

/* The sums' indexes, those of one stack side by side, stacks in the order of their first sums; to
 * be freed.  NULL: no memory. */
uint32_t *pp_slice_sums_by_stack(const struct pprofc_profile *profile,
                                 const struct pp_slice_sums *sums);
void pp_slice_sums_done(struct pp_slice_sums *sums);

#endif
