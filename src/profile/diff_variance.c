/* Where variances come from.
 *
 * A side's sum x of a function has a variance V: between its batches (batch means: K / (K - 1)
 * times the sum of squares about their mean), never less than that of independent samples, p (1 -
 * p) / N of the total squared.  The ratio of the two is the function's design effect: samples that
 * come in bursts are worth fewer.
 *
 * Of slices there are 48, so that the ratio is off by a fifth; taking the larger of it and 1 made
 * variances 8 % too large where samples are independent.  How much the ratios of all functions
 * differ, beyond that fifth, tells how much the others say of one: where they are alike, all of
 * them together are one good estimate, and where each has its own they count for little (Smyth
 * 2004).  A function of 30 % made 5 % dearer is found so in 186.5 of 200 comparisons, in 180.2 by
 * each function's own; equal programs with bursts, alike or mixed, seem to differ in 10.7 and 13.1
 * of 200 as before (bench/diff_statistics, ten series each). */
#include "profile/diff_variance.h"

#include <math.h>

/* How far, of two standard errors, an estimate of so many degrees may be too large by chance. */
static double most_by_chance(double degrees)
{
    const double part = 2 / (9 * degrees); /* Wilson and Hilferty's cube */

    return pow(1 - part + 2 * sqrt(part), 3);
}

/* The variance of a sum of K batches, of which c is one function's, n the whole and w the width:
 * about what a batch of its width would have, c - x w / W, or with the whole given about c - p n.
 */
static double value_variance(const struct pp_diff_moments *moments,
                             const struct pp_diff_total *total)
{
    const double n = total->n_batches, rate = moments->value / total->width;

    return fmax(0, n / (n - 1) *
                       (moments->squares - 2 * rate * moments->by_width +
                        rate * rate * total->width_squares));
}

static double share_variance(const struct pp_diff_moments *moments,
                             const struct pp_diff_total *total)
{
    const double n = total->n_batches, share = moments->value / total->value;

    return fmax(0, n / (n - 1) *
                       (moments->squares - 2 * share * moments->products +
                        share * share * total->squares)) /
           (total->value * total->value);
}

static bool has_batches(const struct pp_diff *diff)
{
    return diff->variance == PP_VARIANCE_RUNS || diff->variance == PP_VARIANCE_SLICES;
}

/* Of independent samples, or of a heap's weights; nothing where all was counted. */
static void independent(const struct pp_diff *diff, const struct pp_diff_moments *moments,
                        const struct pp_diff_total *total, struct pp_diff_estimate *estimate)
{
    const double p = estimate->share, whole = total->value * total->value;

    if (total->n_sampled > 0) {
        const double rest = fmax(0, total->variance - moments->variance);
        estimate->of_value.variance = moments->variance;
        estimate->of_share.variance =
            ((1 - p) * (1 - p) * moments->variance + p * p * rest) / whole;
    } else if (diff->variance != PP_VARIANCE_NONE && total->n_samples > 0) {
        estimate->of_share.variance = fmax(0, p * (1 - p)) / total->n_samples;
        estimate->of_value.variance = estimate->of_share.variance * whole;
    }
}

static struct pp_diff_estimate independent_side(const struct pp_diff *diff, enum pp_diff_side side,
                                                const struct pp_diff_moments *moments)
{
    const struct pp_diff_total *total = &diff->total[side];
    struct pp_diff_estimate estimate = {.value = moments->value,
                                        .share = moments->value / total->value,
                                        .of_value.degrees = INFINITY,
                                        .of_share.degrees = INFINITY,
                                        .effect = 1};

    /* of a heap that was sampled: not the objects that they stand for */
    estimate.n_samples = total->n_sampled > 0 ? moments->n_sampled : moments->n_samples;
    estimate.effective = estimate.n_samples;
    independent(diff, moments, total, &estimate);
    return estimate;
}

/* Does its own spread over the batches tell the most of it? */
static bool has_many(const struct pp_diff_moments *moments, const struct pp_diff_total *total)
{
    return 2 * moments->n_batches >= total->n_batches && moments->n_samples >= total->n_batches;
}

/* Between batches, but nearer to what is typical the more that tells; never below what its own
 * would be if it was too large by chance.  Of a function that few slices have those tell little,
 * and what is known of all functions together counts as much as ten of them.  (Of 200 comparisons
 * of equal programs with bursts of 20 samples 16 found a change so, 25 without it.) */
static struct pp_diff_known raised(double base, double own, const struct pp_diff_effects *all,
                                   const struct pp_diff_moments *moments,
                                   const struct pp_diff_total *total)
{
    const double degrees = (double)total->n_batches - 1, n = moments->n_batches;
    const double careful = fmax(own, (n * own + 10 * all->of_sum * base) / (n + 10));
    double weight, shared;

    if (!has_many(moments, total) || !(base > 0) || !(all->degrees > 0))
        return (struct pp_diff_known){fmax(base, careful), degrees};
    weight = isinf(all->degrees) ? 1 : all->degrees / (degrees + all->degrees);
    shared = (1 - weight) * careful + weight * all->typical * base;
    return (struct pp_diff_known){
        fmax(base, fmax(shared, own * pow(most_by_chance(degrees), -weight))),
        degrees + all->degrees};
}

struct pp_diff_estimate pp_diff_estimate_side(const struct pp_diff *diff,
                                              const struct pp_diff_spread *spread,
                                              enum pp_diff_side side,
                                              const struct pp_diff_moments *moments)
{
    const struct pp_diff_total *total = &diff->total[side];
    struct pp_diff_estimate estimate = independent_side(diff, side, moments);
    const double base = estimate.of_share.variance;

    if (!has_batches(diff))
        return estimate;
    estimate.of_value.degrees = estimate.of_share.degrees = (double)total->n_batches - 1;
    if (!(moments->value > 0))
        return estimate;
    estimate.of_value = raised(estimate.of_value.variance, value_variance(moments, total),
                               &spread->value, moments, total);
    estimate.of_share =
        raised(base, share_variance(moments, total), &spread->share, moments, total);
    estimate.effect = base > 0 ? estimate.of_share.variance / base : 1;
    estimate.effective /= estimate.effect;
    return estimate;
}

/* ---- of all functions ---- */

/* Of variances of all functions, each with what it would be of independent samples. */
struct summing {
    double own, base;                  /* of all */
    double n, logs, squares, expected; /* of those that have many samples: of log (own / base) */
};

static void add(struct summing *sums, double own, double base, bool is_one_of_many,
                double expected_variance)
{
    const double ratio = log(own / base);

    sums->own += own;
    sums->base += base;
    if (!is_one_of_many || !(own > 0) || !(base > 0))
        return;
    sums->n++;
    sums->logs += ratio;
    sums->squares += ratio * ratio;
    sums->expected += expected_variance;
}

static struct pp_diff_effects effects_of(const struct summing *sums, double degrees)
{
    enum { FEWEST = 8 }; /* functions, to know by how much they differ */
    struct pp_diff_effects effects = {
        .of_sum = sums->base > 0 ? sums->own / sums->base : 1, .typical = 1, .degrees = 0};

    if (sums->n < FEWEST)
        return effects;
    effects.typical = exp(sums->logs / sums->n - pp_log_variance_mean(degrees));
    effects.degrees =
        pp_degrees_of_spread((sums->squares - sums->logs * sums->logs / sums->n) / (sums->n - 1) -
                             sums->expected / sums->n);
    return effects;
}

struct pp_diff_spread pp_diff_spread_of(const struct pp_diff *diff,
                                        const struct pp_diff_groups *groups, enum pp_diff_side side)
{
    const struct pp_diff_total *total = &diff->total[side];
    const double degrees = (double)total->n_batches - 1;
    struct summing values = {.own = 0}, shares = {.own = 0};

    if (diff->variance != PP_VARIANCE_SLICES)
        return (struct pp_diff_spread){{0, 0, 0},
                                       {0, 0, 0}}; /* how runs differ is each one's own */
    for (uint32_t i = 0; i < groups->n; i++) {
        const struct pp_diff_moments *moments = &groups->items[i].flat[side];
        const struct pp_diff_estimate estimate = independent_side(diff, side, moments);
        const bool is_one_of_many = has_many(moments, total);
        /* whole samples make it a little more uneven: a Poisson number's fourth moment */
        const double expected =
            is_one_of_many ? pp_log_variance_variance(degrees) + 1 / moments->n_samples : 0;
        add(&values, value_variance(moments, total), estimate.of_value.variance, is_one_of_many,
            expected);
        add(&shares, share_variance(moments, total), estimate.of_share.variance, is_one_of_many,
            expected);
    }
    return (struct pp_diff_spread){effects_of(&values, degrees), effects_of(&shares, degrees)};
}
