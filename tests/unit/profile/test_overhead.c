/* What a treatment costs, from times that are made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "profile/overhead.h"

enum { N_ROUNDS = 12 };

/* Uniform in 0 to 1, the same in each run of the test. */
static double chance(void)
{
    static uint64_t x = 88172645463325252ULL;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (double)(x >> 11) * 0x1p-53;
}

/* Runs of a second that differ by up to 'noise', of which the profiled take 'more' times that. */
static void fill(struct pp_overhead_times *times, double more, double noise)
{
    for (uint32_t round = 0; round < times->n_rounds; round++)
        for (int run = 0; run < PP_N_OVERHEAD_RUNS; run++)
            times->seconds[run][round] =
                (1 + noise * (2 * chance() - 1)) * (run == PP_RUN_PROFILED ? 1 + more : 1);
}

/* Each kind of run has each place twice in six rounds, and no round has one twice. */
static void turns(void **state)
{
    int n[PP_N_OVERHEAD_RUNS][3] = {{0}};
    (void)state;

    for (uint32_t round = 0; round < 6; round++) {
        unsigned seen = 0;
        for (uint32_t place = 0; place < 3; place++) {
            const enum pp_overhead_run run = pp_overhead_turn(round, place);
            n[run][place]++;
            seen |= 1U << run;
        }
        assert_int_equal(seen, 7);
    }
    for (int run = 0; run < PP_N_OVERHEAD_RUNS; run++)
        for (int place = 0; place < 3; place++)
            assert_int_equal(n[run][place], 2);
}

/* A cost that is larger than the noise is found, within its limits, and is above the floor. */
static void found(void **state)
{
    struct pp_overhead_times times;
    struct pp_overhead overhead;
    (void)state;

    assert_int_equal(pp_overhead_times_init(&times, N_ROUNDS), 0);
    fill(&times, 0.05, 0.005);
    pp_overhead_judge(&times, &overhead);
    pp_overhead_times_done(&times);
    assert_true(fabs(overhead.percent - 5) < 0.5);
    assert_true(overhead.low_percent < overhead.percent &&
                overhead.percent < overhead.high_percent);
    assert_true(overhead.low_percent < 5 && 5 < overhead.high_percent);
    assert_true(overhead.floor_percent > 0 && overhead.floor_percent < 1);
    assert_false(overhead.is_below_floor);
}

/* A cost that is small beside the noise is said to be below the floor. */
static void below_the_floor(void **state)
{
    struct pp_overhead_times times;
    struct pp_overhead overhead;
    (void)state;

    assert_int_equal(pp_overhead_times_init(&times, N_ROUNDS), 0);
    fill(&times, 0.001, 0.1);
    pp_overhead_judge(&times, &overhead);
    pp_overhead_times_done(&times);
    assert_true(overhead.is_below_floor);
    assert_true(overhead.floor_percent > fabs(overhead.percent));
}

/* Nothing is claimed of a hundred measurements of nothing: the limits hold 0 in about 95, and no
 * more than a few are above the floor. */
static void nothing(void **state)
{
    struct pp_overhead_times times;
    struct pp_overhead overhead;
    int n_held = 0, n_above = 0;
    (void)state;

    assert_int_equal(pp_overhead_times_init(&times, N_ROUNDS), 0);
    for (int i = 0; i < 1000; i++) {
        fill(&times, 0, 0.02);
        pp_overhead_judge(&times, &overhead);
        n_held += overhead.low_percent <= 0 && overhead.high_percent >= 0;
        n_above += !overhead.is_below_floor;
    }
    pp_overhead_times_done(&times);
    assert_true(n_held >= 930 && n_held <= 970);
    assert_true(n_above <= 50);
}

/* One round has no limits, and claims nothing. */
static void one_round(void **state)
{
    struct pp_overhead_times times;
    struct pp_overhead overhead;
    (void)state;

    assert_int_equal(pp_overhead_times_init(&times, 1), 0);
    fill(&times, 0.5, 0);
    pp_overhead_judge(&times, &overhead);
    pp_overhead_times_done(&times);
    assert_true(fabs(overhead.percent - 50) < 1e-9);
    assert_true(isinf(overhead.high_percent) && overhead.is_below_floor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns),   cmocka_unit_test(found),     cmocka_unit_test(below_the_floor),
        cmocka_unit_test(nothing), cmocka_unit_test(one_round),
    };

    return cmocka_run_group_tests_name("profile_overhead", tests, NULL, NULL);
}
