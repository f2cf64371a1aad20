/* Verdicts on growth, by simulation: a thousand histories of each kind, and how often each verdict
 * may come out.  The bounds are the rates that were seen with other seeds (in brackets, per cent)
 * and four standard deviations of a thousand draws. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "profile/growth.h"

enum { N_RUNS = 1000, MOST_POINTS = 32 };

static const double MEGABYTE = 1e6, PI = 3.14159265358979;
static uint64_t random_state = UINT64_C(88172645463325252);

static double uniform(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return ((double)(random_state >> 11) + 0.5) * 0x1p-53;
}

static double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(2 * PI * uniform());
}

static unsigned poisson(double mean)
{
    unsigned n = 0;

    for (double sum = -log(uniform()); sum < mean; sum -= log(uniform()))
        n++;
    return n;
}

/* ---- what memory does: 'x' from 0 to 1 over the run, 'state' its own, as it was left ---- */

typedef double (*memory_of)(double x, double *state);

static double plateau(double x, double *state)
{
    (void)x, (void)state;
    return MEGABYTE * (1 + 0.1 * normal());
}

static double noisy_plateau(double x, double *state)
{
    (void)x, (void)state;
    return fmax(0, MEGABYTE * (1 + 0.5 * normal()));
}

/* Load that comes and goes: neighbours correlate by 0.8. */
static double slow_plateau(double x, double *state)
{
    (void)x;
    *state = 0.8 * *state + 0.12 * normal();
    return fmax(0, MEGABYTE * (1 + *state));
}

static double waves(double x, double *state)
{
    return MEGABYTE * (1 + sin(x * 6 * PI + 2 * PI * *state));
}

static double saw_tooth(double x, double *state)
{
    return MEGABYTE * fmod(x * 7.3 + *state, 1);
}

static double cache(double x, double *state)
{
    (void)state;
    return MEGABYTE * fmin(1, x / 0.4) * (1 + 0.02 * normal());
}

static double slow_cache(double x, double *state)
{
    (void)state;
    return MEGABYTE * (1 - exp(-x / 0.1)) * (1 + 0.02 * normal());
}

static double late_cache(double x, double *state)
{
    (void)state;
    return MEGABYTE * fmin(1, x / 0.6) * (1 + 0.02 * normal());
}

static double leak(double x, double *state)
{
    (void)state;
    return MEGABYTE * x;
}

static double leak_under_load(double x, double *state)
{
    (void)state;
    return MEGABYTE * x * (1 + 0.1 * normal()) + 0.1 * MEGABYTE * fabs(normal());
}

static double small_leak(double x, double *state)
{
    (void)state;
    return MEGABYTE * (1 + 0.02 * normal()) + 0.2 * MEGABYTE * x;
}

static double leak_in_noise(double x, double *state)
{
    (void)state;
    return MEGABYTE * (1 + 0.2 * normal() + x);
}

/* ---- running them ---- */

struct counts {
    int n[3];
};

static struct counts run(memory_of memory, uint32_t n_points)
{
    struct counts counts = {{0}};

    for (int i = 0; i < N_RUNS; i++) {
        struct pp_growth_point points[MOST_POINTS];
        double state = uniform();
        for (uint32_t k = 0; k < n_points; k++)
            points[k] = (struct pp_growth_point){k + 1.0, memory((k + 1.0) / n_points, &state)};
        counts.n[pp_growth_judge(points, n_points, 1, 0).verdict]++;
    }
    return counts;
}

/* A share of a thousand, and four standard deviations. */
static int at_most(double share)
{
    return (int)(N_RUNS * share + 4 * sqrt(N_RUNS * share * (1 - share)) + 1);
}

static int at_least(double share)
{
    return (int)(N_RUNS * share - 4 * sqrt(N_RUNS * share * (1 - share)));
}

/* What does not grow is taken for growing once in a hundred histories at most (seen: 0.9 %, of 16
 * points under slow load; 0.1 else), and is mostly called stable. */
static void test_what_does_not_grow(void **unused)
{
    static const struct {
        memory_of memory;
        double stable;
    } KINDS[] = {{plateau, 0.88},    {noisy_plateau, 0.78}, {slow_plateau, 0.74},
                 {waves, 0.78},      {saw_tooth, 0.99},     {cache, 0.99},
                 {slow_cache, 0.99}, {late_cache, 0.99}};

    (void)unused;
    for (uint32_t n_points = 16; n_points <= MOST_POINTS; n_points += 8)
        for (unsigned i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
            const struct counts counts = run(KINDS[i].memory, n_points);
            assert_in_range(counts.n[PP_GROWTH_GROWING], 0, at_most(0.01));
            assert_in_range(counts.n[PP_GROWTH_STABLE], at_least(KINDS[i].stable), N_RUNS);
        }
}

/* What grows is seen, or it is too early to say: stable it is called seldom. */
static void test_what_grows(void **unused)
{
    static const struct {
        memory_of memory;
        double growing, stable;
    } KINDS[] = {{leak, 1, 0},
                 {leak_under_load, 0.93, 0}, /* seen: 95 % */
                 {small_leak, 0.93, 0.06},   /* 95, 5 */
                 {leak_in_noise, 0.36, 0.06} /* 39, 4.5 */};

    (void)unused;
    for (unsigned i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        const struct counts counts = run(KINDS[i].memory, MOST_POINTS);
        assert_in_range(counts.n[PP_GROWTH_GROWING], at_least(KINDS[i].growing), N_RUNS);
        assert_in_range(counts.n[PP_GROWTH_STABLE], 0, at_most(KINDS[i].stable));
    }
}

/* ---- sampled ---- */

static const double INTERVAL = 512 * 1024;

static enum pp_growth_verdict judge_sampled_leak(double n_samples)
{
    struct pp_growth_point points[MOST_POINTS];
    double bytes = 0;

    for (int k = 0; k < MOST_POINTS; k++) {
        bytes += poisson(n_samples / MOST_POINTS) * INTERVAL;
        points[k] = (struct pp_growth_point){k + 1.0, bytes};
    }
    return pp_growth_judge(points, MOST_POINTS, INTERVAL, bytes).verdict;
}

/* A tenth of what is there goes from point to point, and as much comes. */
static enum pp_growth_verdict judge_sampled_plateau(double n_samples)
{
    struct pp_growth_point points[MOST_POINTS];
    unsigned n = 0, n_gone = 0, n_come = 0;

    for (int k = 0; k < MOST_POINTS; k++) {
        unsigned gone = 0, come = poisson(k == 0 ? n_samples : n_samples / 10);
        for (unsigned i = 0; i < n; i++)
            gone += uniform() < 0.1;
        n += come - gone;
        n_come += come;
        n_gone += gone;
        points[k] = (struct pp_growth_point){k + 1.0, n * INTERVAL};
    }
    return pp_growth_judge(points, MOST_POINTS, INTERVAL, (n_come + n_gone) * INTERVAL).verdict;
}

/* Few samples are no evidence: a leak is not called stable, and nothing is called growing by
 * chance; from 128 samples on a leak is seen. */
static void test_sampled(void **unused)
{
    (void)unused;
    for (double n = 4; n <= 256; n *= 2) {
        struct counts leaks = {{0}}, plateaus = {{0}};
        for (int i = 0; i < N_RUNS; i++) {
            leaks.n[judge_sampled_leak(n)]++;
            plateaus.n[judge_sampled_plateau(n)]++;
        }
        assert_in_range(leaks.n[PP_GROWTH_STABLE], 0, at_most(0.01));
        assert_in_range(plateaus.n[PP_GROWTH_GROWING], 0, at_most(0.005));
        if (n >= 128) {
            assert_in_range(leaks.n[PP_GROWTH_GROWING], at_least(0.98), N_RUNS);
            assert_in_range(plateaus.n[PP_GROWTH_STABLE], at_least(0.75), N_RUNS);
        }
        if (n <= 4)
            assert_in_range(plateaus.n[PP_GROWTH_TOO_EARLY], at_least(0.98), N_RUNS);
    }
}

/* ---- edges ---- */

/* Fewer than 12 points since there was something, none, or all at one time: too early, and no
 * number is out of the way. */
static void test_edges(void **unused)
{
    struct pp_growth_point points[PP_GROWTH_MAX_POINTS + 8];
    struct pp_growth growth;

    (void)unused;
    for (uint32_t k = 0; k < PP_GROWTH_MAX_POINTS + 8; k++)
        points[k] = (struct pp_growth_point){k, k < 22 ? 0 : 1e6 * k};
    for (uint32_t n = 0; n <= 32; n++) {
        growth = pp_growth_judge(points, n, 1, 0);
        assert_int_equal(growth.verdict, PP_GROWTH_TOO_EARLY);
        assert_true(isfinite(growth.bytes_per_s) && isfinite(growth.error));
    }
    growth = pp_growth_judge(points, PP_GROWTH_MAX_POINTS + 8, 1, 0);
    assert_int_equal(growth.verdict, PP_GROWTH_GROWING);
    assert_true(growth.bytes_per_s == 1e6 && growth.error == 0);
    for (uint32_t k = 0; k < 32; k++)
        points[k].time_s = 7;
    assert_int_equal(pp_growth_judge(points, 32, 1, 0).verdict, PP_GROWTH_TOO_EARLY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_does_not_grow),
        cmocka_unit_test(test_what_grows),
        cmocka_unit_test(test_sampled),
        cmocka_unit_test(test_edges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
