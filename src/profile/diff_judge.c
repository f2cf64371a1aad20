/* What is more than chance.  The method, and what it rests on, is told in docs/comparing.md.
 *
 * A side's sum x of a function has a variance V: between its batches (batch means: K / (K - 1)
 * times the sum of squares about their mean), never less than that of independent samples, p (1 -
 * p) / N of the total squared.  The ratio of the two is the function's design effect: samples that
 * come in bursts are worth fewer. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "profile/diff.h"

/* What is known of a function on one side. */
struct estimate {
    double value, share, n_samples; /* of all profiles of the side */
    double value_variance, share_variance;
    double effect;    /* of the value's variance: 1 when samples are independent */
    double effective; /* samples, of those that it would take if they were */
};

/* How many times the variance of independent samples there is. */
struct effects {
    double value, share;
};

struct judging {
    struct pp_diff *diff;
    struct effects effects[PP_N_SIDES]; /* of all functions together */
    double degrees[PP_N_SIDES];         /* of a side's variances */
};

/* ---- a side ---- */

/* The variance of a sum of K batches, of which c is one function's, n the whole and w the width:
 * about what a batch of its width would have, c - x w / W, or with the whole given about c - p n.
 */
static double batch_variance(const struct pp_diff_moments *moments,
                             const struct pp_diff_total *total, double share)
{
    const double n = total->n_batches, rate = moments->value / total->width;
    const double about =
        share < 0
            ? moments->squares - 2 * rate * moments->by_width + rate * rate * total->width_squares
            : moments->squares - 2 * share * moments->products + share * share * total->squares;

    return fmax(0, n / (n - 1) * about);
}

static bool has_batches(const struct pp_diff *diff)
{
    return diff->variance == PP_VARIANCE_RUNS || diff->variance == PP_VARIANCE_SLICES;
}

/* Of independent samples, or of a heap's weights; nothing where all was counted. */
static void independent(const struct pp_diff *diff, const struct pp_diff_moments *moments,
                        const struct pp_diff_total *total, struct estimate *estimate)
{
    const double p = estimate->share, whole = total->value * total->value;

    if (total->n_sampled > 0) {
        const double rest = fmax(0, total->variance - moments->variance);
        estimate->value_variance = moments->variance;
        estimate->share_variance = ((1 - p) * (1 - p) * moments->variance + p * p * rest) / whole;
    } else if (diff->variance != PP_VARIANCE_NONE && total->n_samples > 0) {
        estimate->share_variance = fmax(0, p * (1 - p)) / total->n_samples;
        estimate->value_variance = estimate->share_variance * whole;
    }
}

static struct estimate independent_side(const struct pp_diff *diff, enum pp_diff_side side,
                                        const struct pp_diff_moments *moments)
{
    const struct pp_diff_total *total = &diff->total[side];
    struct estimate estimate = {.value = moments->value,
                                .share = moments->value / total->value,
                                .n_samples = moments->n_samples,
                                .effect = 1};

    estimate.effective = total->n_sampled > 0 ? moments->n_sampled : moments->n_samples;
    independent(diff, moments, total, &estimate);
    return estimate;
}

/* Between batches; but of a function that few slices have those tell little, and what is known of
 * all functions together counts as much as ten of them.  (Of 200 comparisons of equal programs with
 * bursts of 20 samples 16 found a change so, 25 without it.) */
static double raised(double variance, double own, double of_all, double n_batches)
{
    const double shared = (n_batches * own + 10 * of_all * variance) / (n_batches + 10);

    return fmax(variance, fmax(own, shared));
}

static struct estimate estimate_side(const struct judging *judging, enum pp_diff_side side,
                                     const struct pp_diff_moments *moments)
{
    const struct pp_diff_total *total = &judging->diff->total[side];
    const struct effects *all = &judging->effects[side];
    struct estimate estimate = independent_side(judging->diff, side, moments);
    const double base = estimate.share_variance;

    if (!has_batches(judging->diff) || !(moments->value > 0))
        return estimate;
    estimate.value_variance = raised(estimate.value_variance, batch_variance(moments, total, -1),
                                     all->value, moments->n_batches);
    estimate.share_variance =
        raised(base, batch_variance(moments, total, estimate.share) / (total->value * total->value),
               all->share, moments->n_batches);
    estimate.effect = base > 0 ? estimate.share_variance / base : 1;
    estimate.effective /= estimate.effect;
    return estimate;
}

/* How much larger than independent samples' the variances of all functions' own parts are. */
static void find_effects(struct judging *judging, const struct pp_diff_groups *groups,
                         enum pp_diff_side side)
{
    const struct pp_diff_total *total = &judging->diff->total[side];
    double value = 0, share = 0, value_base = 0, share_base = 0;

    if (judging->diff->variance != PP_VARIANCE_SLICES)
        return; /* how runs differ is each function's own matter */
    for (uint32_t i = 0; i < groups->n; i++) {
        const struct pp_diff_moments *moments = &groups->items[i].flat[side];
        const struct estimate estimate = independent_side(judging->diff, side, moments);
        value += batch_variance(moments, total, -1);
        share += batch_variance(moments, total, estimate.share) / (total->value * total->value);
        value_base += estimate.value_variance;
        share_base += estimate.share_variance;
    }
    judging->effects[side] = (struct effects){value_base > 0 ? value / value_base : 1,
                                              share_base > 0 ? share / share_base : 1};
}

/* ---- tests ---- */

/* The variance of a side's value a run, for each unit of it. */
static double variance_of_unit(const struct pp_diff_total *total, const struct estimate *own,
                               const struct pp_diff_total *other_total,
                               const struct estimate *other)
{
    if (own->value > 0)
        return own->value_variance / own->value / total->n_profiles;
    if (other->value > 0)
        return other->value_variance / other->value / total->n_profiles *
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
static double test_value(const struct judging *judging, const struct estimate estimates[PP_N_SIDES])
{
    const struct pp_diff_total *total = judging->diff->total;
    const double before = estimates[PP_BEFORE].value / total[PP_BEFORE].n_profiles;
    const double after = estimates[PP_AFTER].value / total[PP_AFTER].n_profiles;
    const double mean = (before + after) / 2;
    const double unit_before = variance_of_unit(&total[PP_BEFORE], &estimates[PP_BEFORE],
                                                &total[PP_AFTER], &estimates[PP_AFTER]);
    const double unit_after = variance_of_unit(&total[PP_AFTER], &estimates[PP_AFTER],
                                               &total[PP_BEFORE], &estimates[PP_BEFORE]);

    return p_of(after - before, mean * unit_before, judging->degrees[PP_BEFORE], mean * unit_after,
                judging->degrees[PP_AFTER]);
}

/* How many independent samples the whole side would be, in the eyes of this function. */
static double effective_whole(const struct judging *judging, enum pp_diff_side side,
                              const struct estimate *estimate)
{
    const struct pp_diff_total *total = &judging->diff->total[side];

    if (estimate->share > 0 && estimate->share < 1)
        return estimate->share_variance > 0
                   ? estimate->share * (1 - estimate->share) / estimate->share_variance
                   : INFINITY;
    return (total->n_sampled > 0 ? total->n_sampled : total->n_samples) / estimate->effect;
}

static double test_share(const struct judging *judging, const struct estimate estimates[PP_N_SIDES])
{
    const struct pp_diff_total *total = judging->diff->total;
    const double pooled = (estimates[PP_BEFORE].value + estimates[PP_AFTER].value) /
                          (total[PP_BEFORE].value + total[PP_AFTER].value);
    const double unit = fmax(0, pooled * (1 - pooled));

    return p_of(estimates[PP_AFTER].share - estimates[PP_BEFORE].share,
                unit / effective_whole(judging, PP_BEFORE, &estimates[PP_BEFORE]),
                judging->degrees[PP_BEFORE],
                unit / effective_whole(judging, PP_AFTER, &estimates[PP_AFTER]),
                judging->degrees[PP_AFTER]);
}

/* ---- intervals ---- */

static void fill_intervals(const struct judging *judging,
                           const struct estimate estimates[PP_N_SIDES],
                           struct pp_diff_change *change)
{
    const struct pp_diff_total *total = judging->diff->total;
    const struct estimate *before = &estimates[PP_BEFORE], *after = &estimates[PP_AFTER];
    const double runs_before = total[PP_BEFORE].n_profiles, runs_after = total[PP_AFTER].n_profiles;
    const double variance_before = before->value_variance / (runs_before * runs_before);
    const double variance_after = after->value_variance / (runs_after * runs_after);
    const double t = pp_student_95(pp_welch_degrees(variance_before, judging->degrees[PP_BEFORE],
                                                    variance_after, judging->degrees[PP_AFTER]));
    const double difference = change->value[PP_AFTER] - change->value[PP_BEFORE];
    const double half = t * sqrt(variance_before + variance_after);

    change->value_change = (struct pp_interval){difference - half, difference + half};
    change->ratio = (struct pp_interval){NAN, NAN};
    if (before->value > 0 && after->value > 0) { /* by the delta method, on the logarithm */
        const double ratio = change->value[PP_AFTER] / change->value[PP_BEFORE];
        const double spread =
            exp(t * sqrt(before->value_variance / (before->value * before->value) +
                         after->value_variance / (after->value * after->value)));
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
    struct estimate estimates[PP_N_SIDES];
    double p_value, p_share;

    for (int side = 0; side < PP_N_SIDES; side++) {
        estimates[side] = estimate_side(judging, (enum pp_diff_side)side, &moments[side]);
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
static void compare_totals(struct judging *judging)
{
    struct pp_diff *diff = judging->diff;
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
    spread = exp(pp_student_95(pp_welch_degrees(variance[PP_BEFORE], judging->degrees[PP_BEFORE],
                                                variance[PP_AFTER], judging->degrees[PP_AFTER])) *
                 sqrt(variance[PP_BEFORE] + variance[PP_AFTER]));
    diff->total_ratio = (struct pp_interval){mean[PP_AFTER] / mean[PP_BEFORE] / spread,
                                             mean[PP_AFTER] / mean[PP_BEFORE] * spread};
}

int pp_diff_judge_groups(struct pp_diff *diff, const struct pp_diff_groups *groups)
{
    struct judging judging = {.diff = diff};
    const struct pprofc_profile *joint = diff->joint;

    for (int side = 0; side < PP_N_SIDES; side++)
        judging.degrees[side] =
            has_batches(diff) ? (double)diff->total[side].n_batches - 1 : (double)INFINITY;
    for (int side = 0; side < PP_N_SIDES; side++)
        find_effects(&judging, groups, (enum pp_diff_side)side);
    compare_totals(&judging);
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
