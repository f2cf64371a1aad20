/* What a comparison could have found at all: no change was seen, but how small a one would have
 * been?
 */
#ifndef PP_PROFILE_POWER_H
#define PP_PROFILE_POWER_H

#include <stddef.h>

/* Values of one side's windows: how many, their mean and the variance between them. */
struct pp_spread {
    size_t n;
    double mean, squares; /* squares: of the deviations from the mean, summed */
};

/* One value more (Welford 1962). */
void pp_spread_add(struct pp_spread *spread, double value);

/* The variance between them; not a number with fewer than two. */
double pp_spread_variance(const struct pp_spread *spread);

/* The smallest difference of the two means that Welch's test at 5 % would have found in four cases
 * of five:
 *
 *     (t (1 - 1 / 4v) + z sqrt(1 + t^2 / 2v)) * sqrt(var_b / n_b + var_a / n_a)
 *
 * with Welch's degrees of freedom v, Student's t(0.975, v) and the normal z(0.8): the power of the
 * t test (Lachin 1981, Controlled Clinical Trials 2:93) solved for the difference, the noncentral t
 * distribution by Abramowitz and Stegun 26.7.10.  With many windows it is 1.96 + 0.84 standard
 * errors.  tests/unit/profile/test_power.c finds the four of five by simulation (78 % with five
 * windows a side).  INFINITY with fewer than two windows a side.  Windows are taken to be
 * independent: where load comes in waves of several windows the true figure is larger. */
double pp_detectable_change(const struct pp_spread *before, const struct pp_spread *after);

#endif
