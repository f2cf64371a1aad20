/* How sure a side's sum of a function is: the inner part of profile/diff_judge.c. */
#ifndef PP_PROFILE_DIFF_VARIANCE_H
#define PP_PROFILE_DIFF_VARIANCE_H

#include "profile/diff.h"

/* An estimated variance, and of how many degrees of freedom it is: INFINITY where it is known. */
struct pp_diff_known {
    double variance, degrees;
};

/* What is known of a function on one side. */
struct pp_diff_estimate {
    double value, share, n_samples; /* of all profiles of the side */
    struct pp_diff_known of_value, of_share;
    double effect;    /* of the share's variance: 1 when samples are independent */
    double effective; /* samples, of those that it would take if they were */
};

/* How many times the variance of independent samples there is, of all functions of a side. */
struct pp_diff_effects {
    double of_sum;  /* of their variances' sum */
    double typical; /* of one of them */
    double degrees; /* how much it tells of one: 0 nothing, INFINITY all */
};

struct pp_diff_spread {
    struct pp_diff_effects value, share;
};

/* Of the own parts of all functions; of nothing where variances are not those of slices. */
struct pp_diff_spread pp_diff_spread_of(const struct pp_diff *diff,
                                        const struct pp_diff_groups *groups,
                                        enum pp_diff_side side);

struct pp_diff_estimate pp_diff_estimate_side(const struct pp_diff *diff,
                                              const struct pp_diff_spread *spread,
                                              enum pp_diff_side side,
                                              const struct pp_diff_moments *moments);

#endif
