/* Distributions, intervals and tests: what says whether a difference is more than chance. */
#ifndef PP_PROFILE_STATISTICS_H
#define PP_PROFILE_STATISTICS_H

#include <stddef.h>

struct pp_interval {
    double low, high;
};

/* Degrees of freedom are > 0; INFINITY is the normal distribution. */

/* P(|T| >= |t|) of Student's distribution, by the regularised incomplete beta function (Abramowitz
 * and Stegun 26.7.1, 26.5.27; its continued fraction 26.5.8). */
double pp_student_p(double t, double degrees);

/* The t with P(|T| <= t) = 0.95: Cornish and Fisher's expansion (Abramowitz and Stegun 26.7.5),
 * below 4 degrees by bisection. */
double pp_student_95(double degrees);

/* Degrees of freedom of a sum of two variances, each estimated with its own (Welch 1947). */
double pp_welch_degrees(double variance_a, double degrees_a, double variance_b, double degrees_b);

/* The logarithm of an estimated variance, as a part of the true one, when it has so many degrees of
 * freedom: its mean and its variance (digamma and trigamma; Abramowitz and Stegun 6.3.18, 6.4.12).
 */
double pp_log_variance_mean(double degrees);
double pp_log_variance_variance(double degrees);

/* The degrees of freedom at which pp_log_variance_variance() is 'variance': how much things that
 * differ so among themselves tell of another one of their kind (Smyth 2004, Statistical
 * Applications in Genetics and Molecular Biology 3:3).  INFINITY when it is 0 or less. */
double pp_degrees_of_spread(double variance);

/* A share that was seen in 'n' trials (need not be whole; INFINITY: known exactly), 'z' standard
 * errors to each side (Wilson 1927). */
struct pp_interval pp_wilson_interval(double share, double n, double z);

/* share_b - share_a of two independent samples (Newcombe 1998, Statistics in Medicine 17:873,
 * method 10: Wilson's limits put together). */
struct pp_interval pp_newcombe_interval(double share_a, double n_a, double share_b, double n_b,
                                        double z);

/* after / before of runs made in pairs: the geometric mean of the pairs' ratios, with its 95 %
 * limits by Student's distribution (infinite for a single pair).  Times are > 0. */
double pp_paired_ratio(const double *before, const double *after, size_t n,
                       struct pp_interval *interval_out);

/* What two sets of runs that were not made in pairs differ by. */
struct pp_ratio {
    double ratio;              /* after / before, of the geometric means */
    struct pp_interval limits; /* 95 %; infinite where a side has a single run */
    double p;                  /* of no difference; 1 where a side has a single run */
};

/* After / before by Welch's test (1947) on logarithms.  'doubt' is how far off the ratio may be for
 * a reason that all runs of a side share, as a logarithm >= 0: limits are wider by it, and only
 * what is beyond it counts for a difference.  Times are > 0. */
struct pp_ratio pp_unpaired_ratio(const double *before, size_t n_before, const double *after,
                                  size_t n_after, double doubt);

/* The adjusted p values of Benjamini and Hochberg (1995), with weights (Genovese, Roeder and
 * Wasserman 2006; they need not sum to 1, a weight of 0 is never found, NULL: all are equal): of
 * those with adjusted_out[i] <= 0.05 one in twenty is expected to be chance.  0 or -ENOMEM. */
int pp_benjamini_hochberg(const double *p, const double *weights, size_t n, double *adjusted_out);

#endif
