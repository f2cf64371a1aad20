/* A robust slope of the last half, and how sure it is. */
#include "profile/growth.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_POINTS = 12, SURE_ERRORS = 4, HALF_ERRORS = 3, BOUND_ERRORS = 2 };

/* Of what there is, in half of the time: less is no growth, and what may be more is not stable. */
static const double LEAST_SHARE = 0.02, MOST_SHARE = 0.3;
static const double MOST_CORRELATION = 0.9;

static int by_size(const void *a, const void *b)
{
    const double one = *(const double *)a, other = *(const double *)b;

    return (one > other) - (one < other);
}

/* Sorts 'numbers'. */
static double median(double *numbers, uint32_t n)
{
    if (n == 0)
        return 0;
    qsort(numbers, n, sizeof *numbers, by_size);
    return n % 2 == 1 ? numbers[n / 2] : (numbers[n / 2 - 1] + numbers[n / 2]) / 2;
}

static double median_bytes(const struct pp_growth_point *points, uint32_t n)
{
    double bytes[PP_GROWTH_MAX_POINTS];

    for (uint32_t i = 0; i < n; i++)
        bytes[i] = points[i].bytes;
    return median(bytes, n);
}

/* Three quarters of the points are not above it. */
static double upper_quartile(const struct pp_growth_point *points, uint32_t n)
{
    double bytes[PP_GROWTH_MAX_POINTS];

    for (uint32_t i = 0; i < n; i++)
        bytes[i] = points[i].bytes;
    (void)median(bytes, n);
    return n == 0 ? 0 : bytes[(n - 1) * 3 / 4];
}

/* Theil and Sen's: the median of the slopes between any two points.  A third of them may lie
 * anywhere. */
static double slope_of(const struct pp_growth_point *points, uint32_t n)
{
    static const uint32_t most = PP_GROWTH_MAX_POINTS;
    double slopes[PP_GROWTH_MAX_POINTS * (PP_GROWTH_MAX_POINTS - 1) / 2];
    uint32_t n_slopes = 0;

    for (uint32_t i = 0; i < n && i < most; i++)
        for (uint32_t k = 0; k < i; k++)
            if (points[i].time_s > points[k].time_s)
                slopes[n_slopes++] =
                    (points[i].bytes - points[k].bytes) / (points[i].time_s - points[k].time_s);
    return median(slopes, n_slopes);
}

/* The variance of a slope by what is left beside the line.  Neighbours that are alike tell less
 * than their number: the correlation of the next, which few points show too small, counts. */
static double noise_variance(const struct pp_growth_point *points, uint32_t n, double slope)
{
    double left[PP_GROWTH_MAX_POINTS], sorted[PP_GROWTH_MAX_POINTS];
    double middle = 0, sum = 0, product = 0, spread = 0, mean_time = 0, correlation;

    for (uint32_t i = 0; i < n; i++) {
        sorted[i] = left[i] = points[i].bytes - slope * points[i].time_s;
        mean_time += points[i].time_s / n;
    }
    middle = median(sorted, n);
    for (uint32_t i = 0; i < n; i++) {
        left[i] -= middle;
        sum += left[i] * left[i];
        product += i > 0 ? left[i] * left[i - 1] : 0;
        spread += (points[i].time_s - mean_time) * (points[i].time_s - mean_time);
    }
    if (sum <= 0 || spread <= 0)
        return 0;
    correlation = product / sum;
    correlation += (1 + 3 * correlation) / n;
    correlation = fmin(fmax(correlation, 0), MOST_CORRELATION);
    return sum / (n - 2) / spread * (1 + correlation) / (1 - correlation);
}

/* Of the difference between two moments: what was in use at both is in both alike. */
static double sampling_variance(double level, double interval_bytes, double turnover_bytes)
{
    return interval_bytes <= 1 ? 0 : interval_bytes * fmin(2 * level, turnover_bytes);
}

/* The points since there was something, the last empty one too. */
static uint32_t leave_out_emptiness(const struct pp_growth_point **points, uint32_t n)
{
    uint32_t first = 0;

    while (first < n && (*points)[first].bytes <= 0)
        first++;
    first -= first > 0;
    *points += first;
    return n - first;
}

/* A line through some of the points. */
struct line {
    double slope, error, sampled; /* 'sampled': the part of the error that comes from sampling */
};

static struct line line_through(const struct pp_growth_point *points, uint32_t n,
                                double interval_bytes, double turnover_bytes)
{
    const double span_s = points[n - 1].time_s - points[0].time_s;
    struct line line = {.slope = slope_of(points, n)};

    line.sampled =
        sqrt(sampling_variance(median_bytes(points, n), interval_bytes, turnover_bytes)) / span_s;
    line.error = hypot(sqrt(noise_variance(points, n, line.slope)), line.sampled);
    return line;
}

struct pp_growth pp_growth_judge(const struct pp_growth_point *points, uint32_t n,
                                 double interval_bytes, double turnover_bytes)
{
    struct pp_growth growth = {PP_GROWTH_TOO_EARLY, 0, 0};
    struct line whole, half;
    double span_s, level;
    uint32_t first, n_half;
    bool is_new_height;

    n = leave_out_emptiness(&points, n > PP_GROWTH_MAX_POINTS ? PP_GROWTH_MAX_POINTS : n);
    if (n < LEAST_POINTS)
        return growth;
    span_s = (points[n - 1].time_s - points[0].time_s) / 2;
    for (first = 0; first < n - 2 && points[first].time_s < points[0].time_s + span_s; first++)
        ;
    n_half = n - first;
    if (!(span_s > 0) || n_half < LEAST_POINTS / 2)
        return growth;
    whole = line_through(points, n, interval_bytes, turnover_bytes);
    half = line_through(points + first, n_half, interval_bytes, turnover_bytes);
    level = median_bytes(points + first, n_half);
    growth.bytes_per_s = half.slope;
    growth.error = half.error;
    is_new_height = median_bytes(points + n - n_half / 2, n_half / 2) >
                    (1 + LEAST_SHARE) * upper_quartile(points, first);
    if (is_new_height && half.slope * span_s > LEAST_SHARE * level &&
        half.slope > HALF_ERRORS * half.error && whole.slope > SURE_ERRORS * whole.error)
        growth.verdict = PP_GROWTH_GROWING;
    else if (2 * half.sampled * span_s < level &&
             (!is_new_height ||
              (half.slope + BOUND_ERRORS * half.error) * span_s < MOST_SHARE * level))
        growth.verdict = PP_GROWTH_STABLE;
    return growth;
}

const char *pp_growth_name(enum pp_growth_verdict verdict)
{
    switch (verdict) {
    case PP_GROWTH_GROWING:
        return "growing";
    case PP_GROWTH_STABLE:
        return "stable";
    default:
        return "too early to say";
    }
}
