/* Does memory grow?  A verdict on the history of one stack's memory in use: a few points, equally
 * far apart, over all of the run. */
#ifndef PP_PROFILE_GROWTH_H
#define PP_PROFILE_GROWTH_H

#include <stdint.h>

enum { PP_GROWTH_MAX_POINTS = 64 };

struct pp_growth_point {
    double time_s, bytes;
};

enum pp_growth_verdict { PP_GROWTH_TOO_EARLY, PP_GROWTH_STABLE, PP_GROWTH_GROWING };

struct pp_growth {
    enum pp_growth_verdict verdict;
    double bytes_per_s, error; /* over the last half of the time, and one standard error of that */
};

/* Judge 'n' points, in order of time.  'interval_bytes': one object is sampled in so many bytes, 1
 * or less: all are.  'turnover_bytes': what came and went in all, as far as sampled.
 *
 * The last half decides, counted from when there was something: a cache that fills and stays is
 * stable.  Growing is what rises by more than four standard errors, of the noise with its
 * correlation in time and of the sampling, by more than a fiftieth of what there is, and stands
 * higher than it ever did in the first half, as waves do not.  Too early: fewer than 12 points,
 * so few samples that even a doubling could be chance, or a rise by two errors that comes with new
 * heights.  (Error rates, by simulation: tests/unit/profile/test_growth.c.) */
struct pp_growth pp_growth_judge(const struct pp_growth_point *points, uint32_t n,
                                 double interval_bytes, double turnover_bytes);

/* Its name: "growing", "stable", "too early to say". */
const char *pp_growth_name(enum pp_growth_verdict verdict);

#endif
