/* The power of comparisons. */
#include "profile/power.h"

#include <math.h>

#include "profile/statistics.h"

/* The normal distribution's 0.8 quantile. */
static const double z_80 = 0.8416212336;

void pp_spread_add(struct pp_spread *spread, double value)
{
    const double off = value - spread->mean;

    spread->n++;
    spread->mean += off / (double)spread->n;
    spread->squares += off * (value - spread->mean);
}

double pp_spread_variance(const struct pp_spread *spread)
{
    return spread->n < 2 ? NAN : spread->squares / (double)(spread->n - 1);
}

double pp_detectable_change(const struct pp_spread *before, const struct pp_spread *after)
{
    const double n_before = (double)before->n, n_after = (double)after->n;
    const double of_before = pp_spread_variance(before) / n_before;
    const double of_after = pp_spread_variance(after) / n_after;
    double degrees, t;

    if (before->n < 2 || after->n < 2)
        return INFINITY;
    degrees = pp_welch_degrees(of_before, n_before - 1, of_after, n_after - 1);
    if (isinf(degrees)) /* no variance at all */
        return 0;
    t = pp_student_95(degrees);
    return (t * (1 - 1 / (4 * degrees)) + z_80 * sqrt(1 + t * t / (2 * degrees))) *
           sqrt(of_before + of_after);
}
