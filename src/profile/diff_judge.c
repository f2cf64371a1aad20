/* What is more than chance.  The method, and what it rests on, is told in docs/comparing.md;
 * variances are diff_variance.c's. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "profile/diff.h"
#include "profile/diff_variance.h"

struct judging {
    struct pp_diff *diff;
    struct pp_diff_spread spread[PP_N_SIDES]; /* of all functions together */
};

/* ---- tests ---- */

/* The variance of a side's value a run, for each unit of it. */
static double variance_of_unit(const struct pp_diff_total *total,
                               const struct pp_diff_estimate *own,
                               const struct pp_diff_total *other_total,
                               const struct pp_diff_estimate *other)
{
    if (own->value > 0)
        return own->of_value.variance / own->value / total->n_profiles;
    if (other->value > 0)
        return other->of_value.variance / other->value / total->n_profiles *
               (total->n_samples > 0 && other_total->n_samples > 0
                    ? total->value / total->n_samples /
                          (other_total->value / other_total->n_samples)
                    : 1);
    return 0;
}

static double p_of(double difference, double variance_a, double degrees_a, double variance_b,
                   double degrees_b)
{
    if (difference == 0)
        return 1;
    if (!(variance_a + variance_b > 0))
        return 0;
    return pp_student_p(difference / sqrt(variance_a + variance_b),
                        pp_welch_degrees(variance_a, degrees_a, variance_b, degrees_b));
}

/* Is a run's value the same?  Both variances are taken where both sides had the mean. */
static double test_value(const struct judging *judging,
                         const struct pp_diff_estimate estimates[PP_N_SIDES])
{
    const struct pp_diff_total *total = judging->diff->total;
    const double before = estimates[PP_BEFORE].value / total[PP_BEFORE].n_profiles;
    const double after = estimates[PP_AFTER].value / total[PP_AFTER].n_profiles;
    const double mean = (before + after) / 2;
    const double unit_before = variance_of_unit(&total[PP_BEFORE], &estimates[PP_BEFORE],
                                                &total[PP_AFTER], &estimates[PP_AFTER]);
    const double unit_after = variance_of_unit(&total[PP_AFTER], &estimates[PP_AFTER],
                                               &total[PP_BEFORE], &estimates[PP_BEFORE]);

    return p_of(after - before, mean * unit_before, estimates[PP_BEFORE].of_value.degrees,
                mean * unit_after, estimates[PP_AFTER].of_value.degrees);
}

/* How many independent samples the whole side would be, in the eyes of this function. */
static double effective_whole(const struct judging *judging, enum pp_diff_side side,
                              const struct pp_diff_estimate *estimate)
{
    const struct pp_diff_total *total = &judging->diff->total[side];

    if (estimate->share > 0 && estimate->share < 1)
        return estimate->of_share.variance > 0
                   ? estimate->share * (1 - estimate->share) / estimate->of_share.variance
                   : INFINITY;
    return (total->n_sampled > 0 ? total->n_sampled : total->n_samples) / estimate->effect;
}

static double test_share(const struct judging *judging,
                         const struct pp_diff_estimate estimates[PP_N_SIDES])
{
    const struct pp_diff_total *total = judging->diff->total;
    const double pooled = (estimates[PP_BEFORE].value + estimates[PP_AFTER].value) /
                          (total[PP_BEFORE].value + total[PP_AFTER].value);
    const double unit = fmax(0, pooled * (1 - pooled));

    return p_of(estimates[PP_AFTER].share - estimates[PP_BEFORE].share,
                unit / effective_whole(judging, PP_BEFORE, &estimates[PP_BEFORE]),
                estimates[PP_BEFORE].of_share.degrees,
                unit / effective_whole(judging, PP_AFTER, &estimates[PP_AFTER]),
                estimates[PP_AFTER].of_share.degrees);
}

/* ---- intervals ---- */

static void fill_intervals(const struct judging *judging,
                           const struct pp_diff_estimate estimates[PP_N_SIDES],
                           struct pp_diff_change *change)
{
    const struct pp_diff_total *total = judging->diff->total;
    const struct pp_diff_estimate *before = &estimates[PP_BEFORE], *after = &estimates[PP_AFTER];
    const double runs_before = total[PP_BEFORE].n_profiles, runs_after = total[PP_AFTER].n_profiles;
    const double variance_before = before->of_value.variance / (runs_before * runs_before);
    const double variance_after = after->of_value.variance / (runs_after * runs_after);
    const double t = pp_student_95(pp_welch_degrees(variance_before, before->of_value.degrees,
                                                    variance_after, after->of_value.degrees));
    const double difference = change->value[PP_AFTER] - change->value[PP_BEFORE];
    const double half = t * sqrt(variance_before + variance_after);

    change->value_change = (struct pp_interval){difference - half, difference + half};
    change->ratio = (struct pp_interval){NAN, NAN};
    if (before->value > 0 && after->value > 0) { /* by the delta method, on the logarithm */
        const double ratio = change->value[PP_AFTER] / change->value[PP_BEFORE];
        const double spread =
            exp(t * sqrt(before->of_value.variance / (before->value * before->value) +
                         after->of_value.variance / (after->value * after->value)));
        change->ratio = (struct pp_interval){ratio / spread, ratio * spread};
    }
    change->share_change =
        pp_newcombe_interval(before->share, effective_whole(judging, PP_BEFORE, before),
                             after->share, effective_whole(judging, PP_AFTER, after), t);
}

/* ---- rows ---- */

/* Of the moments of both sides. */
static void fill_change(const struct judging *judging, const struct pp_diff_moments *moments,
                        struct pp_diff_change *change)
{
    struct pp_diff_estimate estimates[PP_N_SIDES];
    double p_value, p_share;

    for (int side = 0; side < PP_N_SIDES; side++) {
        estimates[side] = pp_diff_estimate_side(judging->diff, &judging->spread[side],
                                                (enum pp_diff_side)side, &moments[side]);
        change->value[side] = estimates[side].value / judging->diff->total[side].n_profiles;
        change->share[side] = estimates[side].share;
        change->n_samples[side] = estimates[side].n_samples;
    }
    if (!(estimates[PP_BEFORE].value > 0))
        estimates[PP_BEFORE].effect = estimates[PP_AFTER].effect;
    if (!(estimates[PP_AFTER].value > 0))
        estimates[PP_AFTER].effect = estimates[PP_BEFORE].effect;
    fill_intervals(judging, estimates, change);
    p_value = test_value(judging, estimates);
    p_share = test_share(judging, estimates);
    change->p = judging->diff->judge == PP_JUDGE_COST    ? p_value
                : judging->diff->judge == PP_JUDGE_SHARE ? p_share
                                                         : fmax(p_value, p_share);
    change->state = PP_DIFF_NOISE;
    if (judging->diff->judge == PP_JUDGE_BOTH &&
        (change->value[PP_AFTER] > change->value[PP_BEFORE]) !=
            (change->share[PP_AFTER] > change->share[PP_BEFORE]))
        change->p = 1; /* dearer by the one and cheaper by the other: no change of its own */
    if (judging->diff->variance != PP_VARIANCE_NONE &&
        estimates[PP_BEFORE].effective + estimates[PP_AFTER].effective < PP_DIFF_FEW_SAMPLES) {
        change->state = PP_DIFF_FEW;
        change->p = 1;
    }
}

static bool is_worse(const struct pp_diff *diff, const struct pp_diff_change *change)
{
    return diff->judge == PP_JUDGE_SHARE ? change->share[PP_AFTER] > change->share[PP_BEFORE]
                                         : change->value[PP_AFTER] > change->value[PP_BEFORE];
}

static void set_state(const struct pp_diff *diff, struct pp_diff_change *change)
{
    if (change->state == PP_DIFF_FEW || !(change->p_adjusted <= 0.05))
        return;
    if (is_worse(diff, change))
        change->state = change->value[PP_BEFORE] > 0 ? PP_DIFF_REGRESSED : PP_DIFF_NEW;
    else
        change->state = change->value[PP_AFTER] > 0 ? PP_DIFF_IMPROVED : PP_DIFF_GONE;
}

static struct pp_diff_change *change_of(struct pp_diff_row *row, bool by_cum)
{
    return by_cum ? &row->cum : &row->flat;
}

/* Of the twentieth that may be chance each function has a part like its part of the samples, which
 * says nothing of whether it changed: what matters is not drowned by thousands of functions that do
 * not.  Those with too few samples are no tests. */
static int adjust(struct pp_diff *diff, bool by_cum)
{
    pp_autofree double *p = malloc(((size_t)diff->n_rows + 1) * sizeof *p);
    pp_autofree double *weights = malloc(((size_t)diff->n_rows + 1) * sizeof *weights);
    pp_autofree double *adjusted = malloc(((size_t)diff->n_rows + 1) * sizeof *adjusted);
    size_t n = 0;

    if (p == NULL || weights == NULL || adjusted == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < diff->n_rows; i++) {
        const struct pp_diff_change *change = change_of(&diff->rows[i], by_cum);
        if (change->state == PP_DIFF_FEW)
            continue;
        p[n] = change->p;
        weights[n++] = change->share[PP_BEFORE] + change->share[PP_AFTER];
    }
    if (pp_benjamini_hochberg(p, weights, n, adjusted) != 0)
        return -ENOMEM;
    n = 0;
    for (uint32_t i = 0; i < diff->n_rows; i++) {
        struct pp_diff_change *change = change_of(&diff->rows[i], by_cum);
        change->p_adjusted = change->state == PP_DIFF_FEW ? 1 : adjusted[n++];
        set_state(diff, change);
    }
    return 0;
}

/* The whole of a run, where there are runs to compare. */
static void compare_totals(struct pp_diff *diff)
{
    double variance[PP_N_SIDES], mean[PP_N_SIDES], spread;

    diff->total_ratio = (struct pp_interval){NAN, NAN};
    if (diff->variance != PP_VARIANCE_RUNS)
        return;
    for (int side = 0; side < PP_N_SIDES; side++) {
        const struct pp_diff_total *total = &diff->total[side];
        const double n = total->n_profiles;
        mean[side] = total->value / n;
        variance[side] = fmax(0, total->squares - total->value * total->value / n) / (n - 1) / n /
                         (mean[side] * mean[side]);
    }
    spread = exp(pp_student_95(pp_welch_degrees(
                     variance[PP_BEFORE], (double)diff->total[PP_BEFORE].n_batches - 1,
                     variance[PP_AFTER], (double)diff->total[PP_AFTER].n_batches - 1)) *
                 sqrt(variance[PP_BEFORE] + variance[PP_AFTER]));
    diff->total_ratio = (struct pp_interval){mean[PP_AFTER] / mean[PP_BEFORE] / spread,
                                             mean[PP_AFTER] / mean[PP_BEFORE] * spread};
}

int pp_diff_judge_groups(struct pp_diff *diff, const struct pp_diff_groups *groups)
{
    struct judging judging = {.diff = diff};
    const struct pprofc_profile *joint = diff->joint;

    for (int side = 0; side < PP_N_SIDES; side++)
        judging.spread[side] = pp_diff_spread_of(diff, groups, (enum pp_diff_side)side);
    compare_totals(diff);
    diff->rows = calloc((size_t)groups->n + 1, sizeof *diff->rows);
    if (diff->rows == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < groups->n; i++) {
        const struct pp_diff_group *group = &groups->items[i];
        struct pp_diff_row *row = &diff->rows[diff->n_rows];
        if (!(group->cum[PP_BEFORE].value > 0) && !(group->cum[PP_AFTER].value > 0))
            continue;
        row->name = joint->strings[group->name];
        row->file = joint->strings[group->file];
        row->module = joint->strings[group->module];
        row->line = group->line;
        fill_change(&judging, group->flat, &row->flat);
        fill_change(&judging, group->cum, &row->cum);
        diff->n_rows++;
    }
    if (adjust(diff, false) != 0 || adjust(diff, true) != 0)
        return -ENOMEM;
    return 0;
}
