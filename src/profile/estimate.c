/* How sure the values of a sampled heap profile are. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "profile/profile.h"
#include "profile/tables.h"

static bool has_unit(const struct pprofc_profile *profile, const struct pp_value_type *type,
                     const char *unit)
{
    return strcmp(profile->strings[type->unit], unit) == 0;
}

/* An object of s bytes is sampled with probability 1 - exp(-s / period) and stands for w = 1 / that
 * many.  n samples stand for n * w objects, and their variance is n * w * (w - 1); that of the
 * bytes is s * s of it.  (w - 1) * s * s is concave: of objects of several sizes the mean size
 * gives more. */
static void estimate(int64_t n_objects, int64_t n_bytes, double period,
                     struct pp_estimate *objects_out, struct pp_estimate *bytes_out)
{
    const double objects = fabs((double)n_objects), bytes = fabs((double)n_bytes);
    double size, probability;

    if (objects <= 0 || bytes <= 0)
        return;
    size = bytes / objects;
    probability = -expm1(-size / period);
    objects_out->n_sampled = bytes_out->n_sampled = objects * probability;
    objects_out->variance = objects * (1 / probability - 1);
    bytes_out->variance = objects_out->variance * size * size;
}

int pp_profile_estimate_heap(struct pprofc_profile *profile)
{
    const uint32_t n_types = profile->n_types;

    if (profile->period <= 1 || !has_unit(profile, &profile->period_type, "bytes") ||
        profile->n_samples == 0)
        return 0;
    free(profile->sample_estimates);
    profile->sample_estimates =
        calloc((size_t)profile->n_samples * n_types + 1, sizeof *profile->sample_estimates);
    if (profile->sample_estimates == NULL)
        return -ENOMEM;
    profile->tables->sample_estimates_capacity = (size_t)profile->n_samples * n_types;
    for (uint32_t type = 0; type + 1 < n_types; type++) {
        if (!has_unit(profile, &profile->types[type], "count") ||
            !has_unit(profile, &profile->types[type + 1], "bytes"))
            continue;
        for (size_t at = type; at < (size_t)profile->n_samples * n_types; at += n_types)
            estimate(profile->sample_values[at], profile->sample_values[at + 1],
                     (double)profile->period, &profile->sample_estimates[at],
                     &profile->sample_estimates[at + 1]);
    }
    return 0;
}

struct pp_estimate pp_profile_total_estimate(const struct pprofc_profile *profile, uint32_t type)
{
    struct pp_estimate total = {0, 0};

    for (uint32_t i = 0; profile->sample_estimates != NULL && i < profile->n_samples; i++) {
        const struct pp_estimate *estimate = pp_profile_estimate(profile, i, type);
        total.variance += estimate->variance;
        total.n_sampled += estimate->n_sampled;
    }
    return total;
}
