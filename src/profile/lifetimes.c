/* How long objects of a heap lived. */
#include "profile/lifetimes.h"

#include <math.h>
#include <string.h>

#include "profile/top.h"

static const double MILLISECOND_NS = 1e6;

int64_t pp_lifetime_bound_ns(uint32_t bucket)
{
    return (int64_t)(ldexp(MILLISECOND_NS, (int)bucket - PP_LIFETIME_OF_1_MS) + 0.5);
}

pp_id pp_lifetime_labels(struct pprofc_profile *profile, uint32_t bucket,
                         const struct pp_label *beside, uint32_t n_beside)
{
    struct pp_label labels[PP_LIFETIME_MOST_BESIDE + 1];
    uint32_t n = n_beside < PP_LIFETIME_MOST_BESIDE ? n_beside : PP_LIFETIME_MOST_BESIDE;

    if (n > 0)
        memcpy(labels, beside, n * sizeof *labels);
    labels[n++] = (struct pp_label){.key = pp_profile_text(profile, PP_LABEL_LIFETIME),
                                    .number = pp_lifetime_bound_ns(bucket),
                                    .unit = pp_profile_text(profile, "nanoseconds")};
    return pp_profile_label_set(profile, labels, n);
}

/* The nearest: the bounds of the shortest are rounded to nanoseconds. */
static int bucket_of(int64_t bound_ns)
{
    const double power = log2((double)bound_ns / MILLISECOND_NS) + PP_LIFETIME_OF_1_MS;

    if (!(power > 0))
        return 0;
    return power < PP_N_LIFETIMES - 1 ? (int)(power + 0.5) : PP_N_LIFETIMES - 1;
}

int pp_lifetime_of(const struct pprofc_profile *profile, pp_id label_set)
{
    const struct pp_label_set *set = &profile->label_sets[label_set];

    for (uint32_t i = 0; i < set->n_labels; i++) {
        const struct pp_label *label = &profile->labels[set->first + i];
        if (label->text == 0 && label->number > 0 &&
            strcmp(pp_profile_chars(profile, label->key), PP_LABEL_LIFETIME) == 0 &&
            strcmp(pp_profile_chars(profile, label->unit), "nanoseconds") == 0)
            return bucket_of(label->number);
    }
    return -1;
}

int pp_lifetimes_type(const struct pprofc_profile *profile, uint32_t type)
{
    const bool is_bytes =
        strcmp(pp_profile_chars(profile, profile->types[type].unit), "bytes") == 0;

    for (pp_id set = 1; set < profile->n_label_sets; set++)
        if (pp_lifetime_of(profile, set) >= 0)
            return pp_profile_find_type(profile, is_bytes ? "alloc_space" : "alloc_objects", NULL);
    return -1;
}

void pp_lifetimes_add(struct pp_lifetimes *lifetimes, const struct pprofc_profile *profile,
                      uint32_t sample, uint32_t type)
{
    const double value = (double)profile->sample_values[(size_t)sample * profile->n_types + type];
    const struct pp_estimate *estimate = pp_profile_estimate(profile, sample, type);
    const int bucket = pp_lifetime_of(profile, profile->sample_labels[sample]);

    lifetimes->allocated += value;
    if (bucket < 0)
        return;
    lifetimes->freed[bucket] += value;
    lifetimes->freed_sum += value;
    lifetimes->n_sampled +=
        estimate != NULL && estimate->n_sampled > 0 ? estimate->n_sampled : PP_TOP_FEW_SAMPLES;
}

struct pp_lifetimes pp_lifetimes_total(const struct pprofc_profile *profile, uint32_t type)
{
    struct pp_lifetimes total = {.freed_sum = 0};

    for (uint32_t i = 0; i < profile->n_samples; i++)
        pp_lifetimes_add(&total, profile, i, type);
    return total;
}

double pp_lifetimes_quantile_ns(const struct pp_lifetimes *lifetimes, double part)
{
    double left = part * lifetimes->freed_sum;
    uint32_t bucket = 0;

    if (lifetimes->freed_sum <= 0 || lifetimes->n_sampled + 0.5 < PP_TOP_FEW_SAMPLES)
        return -1;
    while (bucket < PP_N_LIFETIMES - 1 && left > lifetimes->freed[bucket])
        left -= lifetimes->freed[bucket++];
    if (lifetimes->freed[bucket] <= 0)
        return (double)pp_lifetime_bound_ns(bucket);
    return (double)pp_lifetime_bound_ns(bucket) *
           exp2(fmin(left / lifetimes->freed[bucket], 1) - 1);
}

double pp_lifetimes_temporary(const struct pp_lifetimes *lifetimes)
{
    double temporary = 0;

    for (uint32_t bucket = 0; bucket <= PP_LIFETIME_OF_1_MS; bucket++)
        temporary += lifetimes->freed[bucket];
    return lifetimes->allocated > 0 ? temporary / lifetimes->allocated : -1;
}
