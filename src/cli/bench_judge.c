/* What of the difference between a benchmark and its baseline is more than chance.
 *
 * The two were not measured in turn, so the machine itself may have been another one: what is
 * timed beside each run says by how much at least, and limits are wider by that. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "cli/bench_case.h"
#include "cli/messages.h"
#include "cli/verbs.h"

static const double significance = 0.05;

const char *pp_bench_state_name(enum pp_bench_state state)
{
    static const char *const names[PP_BENCH_N_STATES] = {
        [PP_BENCH_REGRESSED] = "regressed",
        [PP_BENCH_IMPROVED] = "improved",
        [PP_BENCH_NOISE] = "within noise",
        [PP_BENCH_FEW] = "too few runs",
        [PP_BENCH_NEW] = "new",
    };

    return names[state];
}

/* ---- times ---- */

/* The geometric mean. */
static double mean_of(const double *times, uint32_t n)
{
    double sum = 0;

    for (uint32_t i = 0; i < n; i++)
        sum += log(times[i]) / n;
    return exp(sum);
}

static void settle(struct pp_bench_verdict *verdict, double noise)
{
    const double change = verdict->ratio.ratio - 1;

    if (!isfinite(verdict->ratio.limits.high))
        verdict->state = PP_BENCH_FEW;
    else if (verdict->p_adjusted > significance || fabs(change) <= noise)
        verdict->state = PP_BENCH_NOISE;
    else
        verdict->state = change > 0 ? PP_BENCH_REGRESSED : PP_BENCH_IMPROVED;
}

/* The time of a run and that of an iteration are nothing to compare. */
static void check_kind(struct pp_bench_case *one)
{
    if (!one->has_before ||
        one->times[PP_BEFORE].is_per_iteration == one->times[PP_AFTER].is_per_iteration)
        return;
    pp_complain("case %s was not measured in the same way before: it is taken for a new one",
                one->name);
    one->has_before = false;
}

/* How far off the machine may have put a ratio, as a logarithm: by being faster or slower, which
 * the fixed piece of work tells, and by what starting and profiling a program takes, which the
 * empty one does.  Of the latter there is nothing in the time of an iteration. */
static double doubt_of(const struct pp_bench_case *one, enum pp_bench_series series,
                       enum pp_bench_series spin, enum pp_bench_series empty)
{
    const struct pp_bench_times *before = &one->times[PP_BEFORE], *after = &one->times[PP_AFTER];
    const double speed =
        log(mean_of(after->s[spin], after->n_runs) / mean_of(before->s[spin], before->n_runs));
    const double start =
        mean_of(after->s[empty], after->n_runs) - mean_of(before->s[empty], before->n_runs);
    const double least =
        fmin(mean_of(before->s[series], before->n_runs), mean_of(after->s[series], after->n_runs));

    return fabs(speed) + (after->is_per_iteration ? 0 : log1p(fabs(start) / least));
}

static void compare_times(struct pp_bench_case *one)
{
    const struct pp_bench_times *before = &one->times[PP_BEFORE], *after = &one->times[PP_AFTER];
    const double wall_doubt = doubt_of(one, PP_BENCH_WALL, PP_BENCH_SPIN_WALL, PP_BENCH_EMPTY_WALL);

    one->doubt = doubt_of(one, PP_BENCH_CPU, PP_BENCH_SPIN_CPU, PP_BENCH_EMPTY_CPU);
    one->wall.ratio = pp_unpaired_ratio(before->s[PP_BENCH_WALL], before->n_runs,
                                        after->s[PP_BENCH_WALL], after->n_runs, wall_doubt);
    one->cpu.ratio = pp_unpaired_ratio(before->s[PP_BENCH_CPU], before->n_runs,
                                       after->s[PP_BENCH_CPU], after->n_runs, one->doubt);
}

/* One in twenty of the cases that are said to have changed may be chance, however many there are.
 */
static int judge_times(struct pp_bench_suite *suite)
{
    pp_autofree double *p = calloc(2 * suite->n_cases + 1, sizeof *p);
    pp_autofree double *adjusted = calloc(2 * suite->n_cases + 1, sizeof *adjusted);
    size_t n = 0;

    if (p == NULL || adjusted == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < suite->n_cases; i++) {
        struct pp_bench_case *one = &suite->cases[i];
        check_kind(one);
        if (!one->has_before)
            continue;
        compare_times(one);
        p[n++] = one->wall.ratio.p;
        p[n++] = one->cpu.ratio.p;
    }
    if (pp_benjamini_hochberg(p, NULL, n, adjusted) != 0)
        return -ENOMEM;
    n = 0;
    for (size_t i = 0; i < suite->n_cases; i++) {
        struct pp_bench_case *one = &suite->cases[i];
        if (!one->has_before) {
            one->wall.state = one->cpu.state = PP_BENCH_NEW;
            continue;
        }
        one->wall.p_adjusted = adjusted[n++];
        one->cpu.p_adjusted = adjusted[n++];
        settle(&one->wall, suite->options->noise);
        settle(&one->cpu, suite->options->noise);
    }
    return 0;
}

/* ---- profiles ---- */

static bool is_time(const struct pprofc_profile *profile, uint32_t type)
{
    const char *unit = pp_profile_chars(profile, profile->types[type].unit);

    return unit[0] == 'n' && unit[1] == 'a'; /* nanoseconds; all of ours are */
}

/* A program that repeats its loop until some time is over uses that time, however fast it is.  So
 * each run is made as long as 'n_iterations' of it would be, by the program's own time of one. */
static void scale_to_iterations(struct pprofc_profile *profile, double cpu_s, double n_iterations)
{
    double ratios[PP_MAX_TYPES];

    for (uint32_t type = 0; type < profile->n_types; type++) {
        const double total = (double)pp_profile_total(profile, type);
        ratios[type] = is_time(profile, type) && total > 0 ? cpu_s * 1e9 * n_iterations / total : 1;
    }
    pp_profile_scale(profile, ratios);
}

/* How many iterations the CPU time of a run before was worth, in the middle. */
static double iterations_of(const struct pp_bench_case *one)
{
    const struct pp_bench_times *times = &one->times[PP_BEFORE];
    double sum = 0;

    for (uint32_t i = 0; i < times->n_runs; i++) {
        const struct pprofc_profile *profile = one->profiles[PP_BEFORE][i];
        if (profile->n_types > 0)
            sum += (double)pp_profile_total(profile, profile->default_type) /
                   (times->s[PP_BENCH_CPU][i] * 1e9) / times->n_runs;
    }
    return sum;
}

static void scale_all(struct pp_bench_case *one)
{
    const double n_iterations = iterations_of(one);

    for (int side = 0; side < PP_N_SIDES; side++)
        for (uint32_t i = 0; i < one->times[side].n_runs; i++)
            scale_to_iterations(one->profiles[side][i], one->times[side].s[PP_BENCH_CPU][i],
                                n_iterations);
}

static void compare_profiles(struct pp_bench_case *one, bool by_cum)
{
    const struct pp_diff_options options = {.judge = PP_JUDGE_COST};
    struct pprofc_error err;

    if (one->times[PP_AFTER].is_per_iteration)
        scale_all(one);
    if (pp_diff_make((const struct pprofc_profile *const *)one->profiles[PP_BEFORE],
                     one->times[PP_BEFORE].n_runs,
                     (const struct pprofc_profile *const *)one->profiles[PP_AFTER],
                     one->times[PP_AFTER].n_runs, &options, &one->diff, &err) < 0)
        pp_complain("case %s: %s; its times are compared without profiles", one->name, err.message);
    else if (by_cum)
        pp_diff_sort(one->diff, true);
}

int pp_bench_judge(struct pp_bench_suite *suite, struct pprofc_error *err)
{
    if (judge_times(suite) != 0)
        return pp_fail(err, -ENOMEM, 0, "no memory to compare %zu cases", suite->n_cases);
    for (size_t i = 0; i < suite->n_cases; i++) {
        struct pp_bench_case *one = &suite->cases[i];
        if (one->has_before && one->profiles[PP_BEFORE] != NULL && one->profiles[PP_AFTER] != NULL)
            compare_profiles(one, suite->options->by_cum);
    }
    return 0;
}

/* ---- the verdict ---- */

bool pp_bench_row_counts(const struct pp_bench_case *one, const struct pp_diff_row *row,
                         bool by_cum)
{
    const struct pp_diff_change *change = by_cum ? &row->cum : &row->flat;

    if (change->state == PP_DIFF_NEW || change->state == PP_DIFF_GONE)
        return true;
    if (change->state == PP_DIFF_REGRESSED)
        return !isfinite(change->ratio.low) || log(change->ratio.low) > one->doubt;
    return change->state == PP_DIFF_IMPROVED &&
           (!isfinite(change->ratio.high) || log(change->ratio.high) < -one->doubt);
}

/* The function that is dearer by most, when that is more than 'limit' of the whole. */
static const struct pp_diff_row *find_worse(const struct pp_bench_case *one, double limit,
                                            bool by_cum, double *growth_out)
{
    const struct pp_diff_row *worst = NULL;

    *growth_out = limit;
    for (uint32_t i = 0; one->diff != NULL && i < one->diff->n_rows; i++) {
        const struct pp_diff_row *row = &one->diff->rows[i];
        const double growth = pp_diff_growth(one->diff, by_cum ? &row->cum : &row->flat);
        if (!(growth > *growth_out) || !pp_bench_row_counts(one, row, by_cum))
            continue;
        *growth_out = growth;
        worst = row;
    }
    return worst;
}

int pp_bench_verdict(const struct pp_bench_suite *suite)
{
    const double limit = suite->options->limit;

    if (limit < 0)
        return PP_EXIT_OK;
    for (size_t i = 0; i < suite->n_cases; i++) {
        const struct pp_bench_case *one = &suite->cases[i];
        const struct pp_diff_row *row;
        double growth;
        if (!one->has_before)
            continue;
        if (one->cpu.state == PP_BENCH_REGRESSED && one->cpu.ratio.ratio - 1 > limit) {
            pp_complain("case %s: the CPU time is more by %.1f %%: the limit is %.4g %%", one->name,
                        100 * (one->cpu.ratio.ratio - 1), 100 * limit);
            return PP_EXIT_WORSE;
        }
        row = find_worse(one, limit + one->doubt, suite->options->by_cum, &growth);
        if (row == NULL)
            continue;
        pp_complain("case %s: %s is dearer by %.1f %% of the whole: the limit is %.4g %%",
                    one->name, row->name, 100 * growth, 100 * limit);
        return PP_EXIT_WORSE;
    }
    return PP_EXIT_OK;
}
