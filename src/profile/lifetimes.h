/* How long objects of a heap lived: samples of what was freed have a label that says so.
 *
 * A profile keeps lifetimes as pprof's tools can use them: what a stack has allocated is several
 * samples, one for each power of two of milliseconds that freed objects have lived for less than,
 * and one without the label of what is in use, or whose end nobody saw. */
#ifndef PP_PROFILE_LIFETIMES_H
#define PP_PROFILE_LIFETIMES_H

#include "profile/profile.h"

#define PP_LABEL_LIFETIME "lifetime" /* nanoseconds that it lived for less than */

enum {
    PP_N_LIFETIMES = 36, /* the first bucket is all below 2^-10 ms, the last all above 2^24 ms */
    PP_LIFETIME_OF_1_MS = 10,
    PP_LIFETIME_MOST_BESIDE = 24,
};

/* Lifetimes of what was freed, by bucket; in objects or in bytes. */
struct pp_lifetimes {
    double freed[PP_N_LIFETIMES];
    double freed_sum, allocated; /* allocated: of all, freed or not */
    double n_sampled;            /* samples that 'freed' rests on; of exact values not less */
};

/* The label set of a bucket: {lifetime: its upper bound}, and those of 'beside', the first
 * PP_LIFETIME_MOST_BESIDE of them. */
pp_id pp_lifetime_labels(struct pprofc_profile *profile, uint32_t bucket,
                         const struct pp_label *beside, uint32_t n_beside);

/* The upper bound of a bucket in nanoseconds; of the last one, which has none, twice the lower. */
int64_t pp_lifetime_bound_ns(uint32_t bucket);

/* The bucket that a label set tells, or -1. */
int pp_lifetime_of(const struct pprofc_profile *profile, pp_id label_set);

/* The type whose values lifetimes of 'type' are counted in: alloc_space for bytes, else
 * alloc_objects.  -1 when the profile has none, or no label of a lifetime. */
int pp_lifetimes_type(const struct pprofc_profile *profile, uint32_t type);

/* Add sample number 'sample', counted by 'type'. */
void pp_lifetimes_add(struct pp_lifetimes *lifetimes, const struct pprofc_profile *profile,
                      uint32_t sample, uint32_t type);

/* All of the profile, counted by 'type'. */
struct pp_lifetimes pp_lifetimes_total(const struct pprofc_profile *profile, uint32_t type);

/* The lifetime that the share 'part' (0.5: the median) of what was freed is below, between a
 * bucket's bounds by its logarithm; -1 where fewer than ten samples tell. */
double pp_lifetimes_quantile_ns(const struct pp_lifetimes *lifetimes, double part);

/* The share of what was allocated that was freed within a millisecond: temporary allocations.  -1
 * where nothing was allocated. */
double pp_lifetimes_temporary(const struct pp_lifetimes *lifetimes);

#endif
