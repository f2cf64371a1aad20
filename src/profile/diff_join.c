/* All profiles of a comparison in one: their stacks in one tree, their values in columns of their
 * sides, their time in batches. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "profile/diff.h"

enum { N_COLUMNS = 2 * PP_N_SIDES }; /* value and samples of each side */

/* Of windows and rates: less than this is no difference. */
static const double alike = 0.1;

struct joining {
    struct pp_diff *diff;
    const struct pprofc_profile *const *const *profiles; /* by side */
    const char *type_name;
};

static const char *side_name(enum pp_diff_side side)
{
    return side == PP_BEFORE ? "before" : "after";
}

/* ---- types ---- */

static int set_types(struct joining *joining, const struct pp_diff_options *options,
                     struct pprofc_error *err)
{
    const struct pprofc_profile *first = joining->profiles[PP_BEFORE][0];
    struct pprofc_profile *joint = joining->diff->joint;
    int type = (int)first->default_type;
    const char *unit;

    if (options->sample != NULL)
        type = pp_profile_find_type(first, options->sample, err);
    if (type < 0)
        return type;
    if (first->n_types == 0)
        return pp_fail(err, -ENODATA, 0, "the first profile has no sample types");
    joining->type_name = pp_profile_chars(first, first->types[type].type);
    unit = pp_profile_chars(first, first->types[type].unit);
    for (int column = 0; column < N_COLUMNS; column++)
        (void)pp_profile_add_type(joint, column % 2 == 0 ? joining->type_name : "samples",
                                  column % 2 == 0 ? unit : "count");
    joint->kind = pp_profile_text(joint, pp_profile_chars(first, first->kind));
    joint->command = pp_profile_text(joint, pp_profile_chars(first, first->command));
    return 0;
}

static int find_type(const struct joining *joining, const struct pprofc_profile *profile,
                     struct pprofc_error *err)
{
    const int type = pp_profile_find_type(profile, joining->type_name, err);
    const char *unit = pp_diff_unit(joining->diff);

    if (type >= 0 && strcmp(pp_profile_chars(profile, profile->types[type].unit), unit) != 0)
        return pp_fail(err, -EINVAL, 0, "%s is in %s here and in %s there: not to be compared",
                       joining->type_name, unit,
                       pp_profile_chars(profile, profile->types[type].unit));
    return type;
}

/* ---- batches ---- */

static int64_t n_slices_of(const struct pprofc_profile *profile)
{
    int64_t n_slices = 0;

    if (profile->slice_ns <= 0)
        return 0;
    n_slices = profile->duration_ns / profile->slice_ns;
    for (uint32_t i = 0; i < profile->n_samples; i++)
        if (profile->sample_slice[i] >= n_slices)
            n_slices = (int64_t)profile->sample_slice[i] + 1;
    return n_slices;
}

/* Into how many batches the time of each profile of a side is cut: 1 where it is not worth it. */
static uint32_t batches_of_side(const struct joining *joining, enum pp_diff_side side)
{
    const uint32_t n_profiles = joining->diff->total[side].n_profiles;
    int64_t n_batches = PP_DIFF_MOST_BATCHES / n_profiles;

    for (uint32_t i = 0; i < n_profiles; i++) {
        const struct pprofc_profile *profile = joining->profiles[side][i];
        const int type = pp_profile_find_type(profile, joining->type_name, NULL);
        int64_t n = n_slices_of(profile), n_samples = 0;
        for (uint32_t k = 0; k < profile->n_samples; k++)
            n_samples += pp_profile_type_samples(
                profile, (uint32_t)type, profile->sample_values + (size_t)k * profile->n_types);
        if (n_samples / 10 < n) /* a batch of a few samples has no variance to speak of */
            n = n_samples / 10;
        n_batches = n < n_batches ? n : n_batches;
    }
    return n_batches * n_profiles < PP_DIFF_FEWEST_BATCHES ? 1 : (uint32_t)n_batches;
}

/* Heap profiles and the like are sums: nothing in them comes one after the other. */
static bool is_estimated(const struct joining *joining)
{
    for (int side = 0; side < PP_N_SIDES; side++)
        for (uint32_t i = 0; i < joining->diff->total[side].n_profiles; i++)
            if (joining->profiles[side][i]->sample_estimates != NULL)
                return true;
    return false;
}

static bool is_counted(const struct pp_diff *diff)
{
    return strcmp(pp_diff_unit(diff), "bytes") == 0 ||
           strcmp(pp_profile_chars(diff->joint, diff->joint->kind), "heap") == 0;
}

/* Runs are the truth; slices of one know how its samples hang together; else each stands alone. */
static void choose_variance(struct joining *joining, uint32_t per_profile[PP_N_SIDES])
{
    struct pp_diff *diff = joining->diff;
    struct pp_diff_total *before = &diff->total[PP_BEFORE], *after = &diff->total[PP_AFTER];

    per_profile[PP_BEFORE] = per_profile[PP_AFTER] = 1;
    if (before->n_profiles >= PP_DIFF_FEWEST_RUNS && after->n_profiles >= PP_DIFF_FEWEST_RUNS) {
        diff->variance = PP_VARIANCE_RUNS;
    } else if (is_estimated(joining)) {
        diff->variance = PP_VARIANCE_SAMPLING;
    } else if (is_counted(diff)) {
        diff->variance = PP_VARIANCE_NONE;
    } else {
        per_profile[PP_BEFORE] = batches_of_side(joining, PP_BEFORE);
        per_profile[PP_AFTER] = batches_of_side(joining, PP_AFTER);
        diff->variance = per_profile[PP_BEFORE] > 1 && per_profile[PP_AFTER] > 1
                             ? PP_VARIANCE_SLICES
                             : PP_VARIANCE_BINOMIAL;
        diff->only_one_has_slices = (per_profile[PP_BEFORE] > 1) != (per_profile[PP_AFTER] > 1);
        if (diff->variance == PP_VARIANCE_BINOMIAL)
            per_profile[PP_BEFORE] = per_profile[PP_AFTER] = 1;
    }
    before->n_batches = before->n_profiles * per_profile[PP_BEFORE];
    after->n_batches = after->n_profiles * per_profile[PP_AFTER];
}

/* How long each batch is, in slices: the last slice ends with the profile. */
static void measure_batches(struct joining *joining, enum pp_diff_side side, uint32_t per_profile)
{
    struct pp_diff *diff = joining->diff;
    struct pp_diff_total *total = &diff->total[side];
    double *widths = diff->widths + (side == PP_BEFORE ? 0 : diff->total[PP_BEFORE].n_batches);

    for (uint32_t i = 0; i < total->n_profiles; i++) {
        const struct pprofc_profile *profile = joining->profiles[side][i];
        const int64_t n_slices = per_profile > 1 ? n_slices_of(profile) : 1;
        for (int64_t slice = 0; slice < n_slices; slice++) {
            const int64_t batch = i * (int64_t)per_profile + slice * per_profile / n_slices;
            double width = 1;
            if (per_profile > 1 && slice == n_slices - 1 && profile->duration_ns > 0)
                width = (double)profile->duration_ns / (double)profile->slice_ns - (double)slice;
            widths[batch] += fmin(1, fmax(0, width));
        }
    }
    for (uint32_t batch = 0; batch < total->n_batches; batch++) {
        total->width += widths[batch];
        total->width_squares += widths[batch] * widths[batch];
    }
}

/* ---- samples ---- */

static void add_samples(struct joining *joining, const struct pprofc_profile *profile,
                        uint32_t type, enum pp_diff_side side, uint32_t first_batch,
                        uint32_t n_batches, const pp_id *nodes)
{
    struct pp_diff_total *total = &joining->diff->total[side];
    const int64_t n_slices = n_batches > 1 ? n_slices_of(profile) : 1;

    for (uint32_t i = 0; i < profile->n_samples; i++) {
        const int64_t *from = profile->sample_values + (size_t)i * profile->n_types;
        const struct pp_estimate *estimate = pp_profile_estimate(profile, i, type);
        struct pp_estimate estimates[N_COLUMNS] = {{0, 0}};
        int64_t values[N_COLUMNS] = {0};
        const uint32_t batch =
            n_batches > 1 ? (uint32_t)(profile->sample_slice[i] * (int64_t)n_batches / n_slices)
                          : 0;
        values[2 * side] = from[type];
        values[2 * side + 1] = pp_profile_type_samples(profile, type, from);
        if (estimate != NULL)
            estimates[2 * side] = *estimate;
        pp_profile_add_estimate(joining->diff->joint, nodes[profile->sample_stack[i]], 0,
                                first_batch + batch, values, estimate != NULL ? estimates : NULL);
        total->value += (double)values[2 * side];
        total->n_samples += (double)values[2 * side + 1];
        total->variance += estimates[2 * side].variance;
        total->n_sampled += estimates[2 * side].n_sampled;
    }
}

static int add_side(struct joining *joining, enum pp_diff_side side, uint32_t per_profile,
                    struct pprofc_error *err)
{
    const struct pp_diff_total *total = &joining->diff->total[side];
    uint32_t batch = side == PP_BEFORE ? 0 : joining->diff->total[PP_BEFORE].n_batches;

    for (uint32_t i = 0; i < total->n_profiles; i++, batch += per_profile) {
        const struct pprofc_profile *profile = joining->profiles[side][i];
        const int type = find_type(joining, profile, err);
        pp_autofree pp_id *nodes = NULL;
        int rc = type;
        if (rc >= 0)
            rc = pp_profile_merge_stacks(joining->diff->joint, profile, &nodes, err);
        if (rc < 0)
            return rc;
        add_samples(joining, profile, (uint32_t)type, side, batch, per_profile, nodes);
    }
    return 0;
}

/* ---- what was measured, and for how long ---- */

static double rate_of(const struct pprofc_profile *profile)
{
    if (profile->quality.is_known && profile->quality.asked_hz > 0)
        return profile->quality.asked_hz;
    if (profile->period > 0 &&
        strcmp(pp_profile_chars(profile, profile->period_type.unit), "nanoseconds") == 0)
        return 1e9 / (double)profile->period;
    return profile->period > 1 ? (double)profile->period : 0; /* of a heap: bytes */
}

static bool differ(double a, double b)
{
    return a > 0 && b > 0 && fabs(a - b) > alike * fmax(a, b);
}

static void describe_side(struct joining *joining, enum pp_diff_side side)
{
    struct pp_diff_total *total = &joining->diff->total[side];
    bool has_all = true;

    for (uint32_t i = 0; i < total->n_profiles; i++) {
        const struct pprofc_profile *profile = joining->profiles[side][i];
        const double rate_hz = rate_of(profile);
        has_all = has_all && profile->duration_ns > 0;
        total->duration_ns += profile->duration_ns;
        if (i > 0 && rate_hz > 0 && differ(total->rate_hz, rate_hz))
            joining->diff->rates_differ = true;
        if (rate_hz > 0)
            total->rate_hz = rate_hz;
    }
    if (!has_all)
        total->duration_ns = 0;
}

static void compare_sides(struct pp_diff *diff, enum pp_diff_judge wished)
{
    const struct pp_diff_total *before = &diff->total[PP_BEFORE], *after = &diff->total[PP_AFTER];

    diff->windows_differ = differ((double)before->duration_ns / before->n_profiles,
                                  (double)after->duration_ns / after->n_profiles);
    diff->rates_differ = diff->rates_differ || differ(before->rate_hz, after->rate_hz);
    diff->judge =
        wished != PP_JUDGE_AUTO ? wished
        /* Memory is what it is, however long somebody looked. */
        : is_counted(diff) ? PP_JUDGE_COST
        : diff->windows_differ || (diff->rates_differ && strcmp(pp_diff_unit(diff), "count") == 0)
            ? PP_JUDGE_BOTH
            : PP_JUDGE_COST;
}

int pp_diff_join(struct pp_diff *diff,
                 const struct pprofc_profile *const *const profiles[PP_N_SIDES],
                 const struct pp_diff_options *options, struct pprofc_error *err)
{
    struct joining joining = {.diff = diff, .profiles = profiles};
    uint32_t per_profile[PP_N_SIDES];
    int rc = set_types(&joining, options, err);

    for (int side = 0; side < PP_N_SIDES && rc >= 0; side++)
        for (uint32_t i = 0; i < diff->total[side].n_profiles && rc >= 0; i++)
            rc = find_type(&joining, profiles[side][i], err);
    if (rc < 0)
        return rc;
    choose_variance(&joining, per_profile);
    diff->widths =
        calloc((size_t)diff->total[PP_BEFORE].n_batches + diff->total[PP_AFTER].n_batches,
               sizeof *diff->widths);
    if (diff->widths == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory to compare profiles");
    for (int side = 0; side < PP_N_SIDES; side++) {
        describe_side(&joining, (enum pp_diff_side)side);
        measure_batches(&joining, (enum pp_diff_side)side, per_profile[side]);
        rc = add_side(&joining, (enum pp_diff_side)side, per_profile[side], err);
        if (rc < 0)
            return rc;
        if (diff->total[side].value <= 0)
            return pp_fail(err, -ENODATA, 0, "there are no samples of %s %s", joining.type_name,
                           side_name((enum pp_diff_side)side));
    }
    compare_sides(diff, options->judge);
    if (pp_profile_failed(diff->joint))
        return pp_fail(err, -ENOMEM, 0, "no memory to compare profiles");
    return 0;
}
