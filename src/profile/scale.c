/* Multiplying a profile, and what a difference of two is made of. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "profile/profile.h"
#include "profile/tables.h"

static int64_t scaled(int64_t value, double ratio)
{
    const double product = round((double)value * ratio);

    if (ratio == 1)
        return value;
    if (ratio == -1) /* exact, however large */
        return value == INT64_MIN ? INT64_MAX : -value;
    return product >= 0x1p63 ? INT64_MAX : product < -0x1p63 ? INT64_MIN : (int64_t)product;
}

void pp_profile_scale(struct pprofc_profile *profile, const double *ratios)
{
    for (size_t i = 0; i < (size_t)profile->n_samples * profile->n_types; i++) {
        const double ratio = ratios[i % profile->n_types];
        profile->sample_values[i] = scaled(profile->sample_values[i], ratio);
        if (profile->sample_estimates != NULL)
            profile->sample_estimates[i].variance *= ratio * ratio;
    }
}

int64_t pp_profile_magnitude(const struct pprofc_profile *profile, uint32_t type)
{
    int64_t sum = 0;

    for (uint32_t i = 0; i < profile->n_samples; i++) {
        const int64_t value = profile->sample_values[(size_t)i * profile->n_types + type];
        sum = pp_add_values(sum, value == INT64_MIN ? INT64_MAX : value < 0 ? -value : value);
    }
    return sum;
}

static bool is_zero(const struct pprofc_profile *profile, uint32_t sample)
{
    for (uint32_t type = 0; type < profile->n_types; type++)
        if (profile->sample_values[(size_t)sample * profile->n_types + type] != 0)
            return false;
    return true;
}

static void move_sample(struct pprofc_profile *profile, uint32_t from, uint32_t to)
{
    const size_t n_types = profile->n_types;

    profile->sample_stack[to] = profile->sample_stack[from];
    profile->sample_labels[to] = profile->sample_labels[from];
    profile->sample_slice[to] = profile->sample_slice[from];
    memmove(profile->sample_values + to * n_types, profile->sample_values + from * n_types,
            n_types * sizeof *profile->sample_values);
    if (profile->sample_estimates != NULL)
        memmove(profile->sample_estimates + to * n_types,
                profile->sample_estimates + from * n_types,
                n_types * sizeof *profile->sample_estimates);
}

void pp_profile_drop_zeros(struct pprofc_profile *profile)
{
    uint32_t n_left = 0;

    for (uint32_t i = 0; i < profile->n_samples; i++) {
        if (is_zero(profile, i))
            continue;
        if (n_left != i)
            move_sample(profile, i, n_left);
        n_left++;
    }
    if (n_left == profile->n_samples)
        return;
    profile->n_samples = n_left;
    pp_profile_samples_forget(profile);
    for (uint32_t i = 0; i < n_left; i++)
        pp_profile_samples_remember(profile, i);
}
