/* Distributions, intervals and tests. */
#include "profile/statistics.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

/* The standard normal distribution's 97.5 % point. */
static const double z_95 = 1.959963984540054;

/* ---- Student's distribution ---- */

/* The continued fraction of the incomplete beta function, by Lentz's method: it converges fast
 * where x < (a + 1) / (a + b + 2). */
static double beta_fraction(double x, double a, double b)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1), fraction;

    d = 1 / (fabs(d) < tiny ? tiny : d);
    fraction = d;
    for (int m = 1; m <= 500; m++) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        double step;
        d = 1 + even * d;
        c = 1 + even / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        fraction *= d * c;
        d = 1 + odd * d;
        c = 1 + odd / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        step = d * c;
        fraction *= step;
        if (fabs(step - 1) < 1e-15)
            break;
    }
    return fraction;
}

static double incomplete_beta(double x, double a, double b)
{
    double front;

    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(x, a, b) / a;
    return 1 - front * beta_fraction(1 - x, b, a) / b;
}

double pp_student_p(double t, double degrees)
{
    if (isnan(t))
        return 1;
    if (isinf(t))
        return 0;
    if (degrees > 1e6) /* normal to eight digits */
        return erfc(fabs(t) / M_SQRT2);
    return incomplete_beta(degrees / (degrees + t * t), degrees / 2, 0.5);
}

static double bisect_95(double degrees)
{
    double low = 0, high = 1e6;

    for (int i = 0; i < 100; i++) {
        const double middle = (low + high) / 2;
        *(pp_student_p(middle, degrees) > 0.05 ? &low : &high) = middle;
    }
    return (low + high) / 2;
}

double pp_student_95(double degrees)
{
    const double z = z_95, z2 = z * z, n = degrees;

    if (degrees > 1e6)
        return z;
    if (degrees < 4)
        return bisect_95(degrees);
    return z + z * (z2 + 1) / (4 * n) + z * ((5 * z2 + 16) * z2 + 3) / (96 * n * n) +
           z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / (384 * n * n * n) +
           z * ((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945) / (92160 * n * n * n * n);
}

double pp_welch_degrees(double variance_a, double degrees_a, double variance_b, double degrees_b)
{
    const double sum = variance_a + variance_b;
    const double denominator =
        variance_a * variance_a / degrees_a + variance_b * variance_b / degrees_b;

    return denominator > 0 ? sum * sum / denominator : INFINITY;
}

/* ---- variances of variances ---- */

/* From where on the asymptotic series below have ten digits. */
static const double far_enough = 10;

double pp_log_variance_mean(double degrees)
{
    double x = degrees / 2, sum = -log(x), square;

    for (; x < far_enough; x++)
        sum -= 1 / x;
    square = 1 / (x * x);
    return sum + log(x) - 1 / (2 * x) -
           square * (1.0 / 12 - square * (1.0 / 120 - square * (1.0 / 252 - square / 240)));
}

double pp_log_variance_variance(double degrees)
{
    double x = degrees / 2, sum = 0, square;

    for (; x < far_enough; x++)
        sum += 1 / (x * x);
    square = 1 / (x * x);
    return sum + 1 / x + square / 2 +
           square / x * (1.0 / 6 - square * (1.0 / 30 - square * (1.0 / 42 - square / 30)));
}

double pp_degrees_of_spread(double variance)
{
    double low = log(1e-9), high = log(1e9); /* of the degrees */

    if (!(variance > 0))
        return INFINITY;
    for (int i = 0; i < 64; i++) {
        const double middle = (low + high) / 2;
        *(pp_log_variance_variance(exp(middle)) > variance ? &low : &high) = middle;
    }
    return exp((low + high) / 2);
}

/* ---- shares ---- */

struct pp_interval pp_wilson_interval(double share, double n, double z)
{
    const double z2 = z * z;
    double middle, half;

    if (isinf(n))
        return (struct pp_interval){share, share};
    if (!(n > 0))
        return (struct pp_interval){0, 1};
    middle = (share + z2 / (2 * n)) / (1 + z2 / n);
    half = z / (1 + z2 / n) * sqrt(share * (1 - share) / n + z2 / (4 * n * n));
    return (struct pp_interval){fmax(0, middle - half), fmin(1, middle + half)};
}

struct pp_interval pp_newcombe_interval(double share_a, double n_a, double share_b, double n_b,
                                        double z)
{
    const struct pp_interval a = pp_wilson_interval(share_a, n_a, z);
    const struct pp_interval b = pp_wilson_interval(share_b, n_b, z);
    const double difference = share_b - share_a;

    return (struct pp_interval){
        difference - hypot(share_b - b.low, a.high - share_a),
        difference + hypot(b.high - share_b, share_a - a.low),
    };
}

/* ---- pairs ---- */

double pp_paired_ratio(const double *before, const double *after, size_t n,
                       struct pp_interval *interval_out)
{
    double mean = 0, squares = 0, half;

    for (size_t i = 0; i < n; i++)
        mean += log(after[i] / before[i]) / (double)n;
    for (size_t i = 0; i < n; i++) {
        const double off = log(after[i] / before[i]) - mean;
        squares += off * off;
    }
    half = n > 1 ? pp_student_95((double)n - 1) * sqrt(squares / ((double)n - 1) / (double)n)
                 : INFINITY;
    *interval_out = (struct pp_interval){exp(mean - half), exp(mean + half)};
    return exp(mean);
}

/* ---- not in pairs ---- */

/* The mean of the logarithms, and the variance of that mean. */
static double log_mean(const double *times, size_t n, double *variance_out)
{
    double mean = 0, squares = 0;

    for (size_t i = 0; i < n; i++)
        mean += log(times[i]) / (double)n;
    for (size_t i = 0; i < n; i++) {
        const double off = log(times[i]) - mean;
        squares += off * off;
    }
    *variance_out = n > 1 ? squares / (double)(n - 1) / (double)n : INFINITY;
    return mean;
}

struct pp_ratio pp_unpaired_ratio(const double *before, size_t n_before, const double *after,
                                  size_t n_after, double doubt)
{
    double variance_before, variance_after, error, degrees, half;
    const double mean_before = log_mean(before, n_before, &variance_before);
    const double mean = log_mean(after, n_after, &variance_after) - mean_before;
    const double beyond = fmax(0, fabs(mean) - doubt);

    if (n_before < 2 || n_after < 2)
        return (struct pp_ratio){exp(mean), {0, INFINITY}, 1};
    error = sqrt(variance_before + variance_after);
    degrees = pp_welch_degrees(variance_before, (double)(n_before - 1), variance_after,
                               (double)(n_after - 1));
    half = pp_student_95(degrees) * error + doubt;
    return (struct pp_ratio){
        .ratio = exp(mean),
        .limits = {exp(mean - half), exp(mean + half)},
        /* 0 / 0: runs that are all alike, and the same on both sides */
        .p = beyond == 0 ? 1 : pp_student_p(beyond / error, degrees),
    };
}

/* ---- many tests at once ---- */

struct weighted_test {
    double p;
    size_t at;
};

static int compare_tests(const void *left, const void *right)
{
    const struct weighted_test *a = left, *b = right;

    return (a->p > b->p) - (a->p < b->p);
}

int pp_benjamini_hochberg(const double *p, const double *weights, size_t n, double *adjusted_out)
{
    pp_autofree struct weighted_test *tests = calloc(n + 1, sizeof *tests);
    double sum = 0, least = 1;

    if (tests == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        sum += weights != NULL ? weights[i] : 1;
    for (size_t i = 0; i < n; i++) {
        const double weight = weights != NULL ? weights[i] * (double)n / sum : 1;
        tests[i] = (struct weighted_test){weight > 0 ? p[i] / weight : INFINITY, i};
    }
    qsort(tests, n, sizeof *tests, compare_tests);
    for (size_t i = n; i-- > 0;) {
        least = fmin(least, tests[i].p * (double)n / (double)(i + 1));
        adjusted_out[tests[i].at] = least;
    }
    return 0;
}
