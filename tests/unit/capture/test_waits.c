/* What waits are measured with: draws, weights, the countdown, and the table of locks. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sigsafe/locks.h"
#include "sigsafe/waits.h"

enum { INTERVAL = 1000000, N = 200000 };

static struct pp_sig_thread *fresh_thread(void)
{
    static struct pp_sig_thread thread;

    memset(&thread, 0, sizeof thread);
    return &thread;
}

/* Countdowns are between a half and one and a half intervals, and an interval on average. */
static void test_draws(void **state)
{
    struct pp_sig_thread *thread = fresh_thread();
    double sum = 0;

    (void)state;
    for (int i = 0; i < N; i++) {
        const uint64_t ticks = pp_sig_wait_draw(thread, INTERVAL);
        assert_in_range(ticks, INTERVAL / 2, INTERVAL * 3 / 2 + 1);
        sum += (double)ticks;
    }
    /* Of one draw the deviation is interval / sqrt(12). */
    assert_true(fabs(sum / N - INTERVAL) < 5 * INTERVAL / sqrt(12.0 * N));
}

/* The first is what is left of one that began at any time: 13/24 of an interval on average, which
 * is E(l^2) / 2 E(l) of the countdowns. */
static void test_first_draw(void **state)
{
    struct pp_sig_thread *thread = fresh_thread();
    double sum = 0;

    (void)state;
    for (int i = 0; i < N; i++)
        sum += (double)pp_sig_wait_draw_first(thread, INTERVAL);
    assert_true(fabs(sum / N - INTERVAL * 13.0 / 24) < 5 * INTERVAL * 0.34 / sqrt(N));
}

/* Weights are whole numbers with the right mean, and 1 for what is an interval or longer. */
static void test_weights(void **state)
{
    struct pp_sig_thread *thread = fresh_thread();
    double sum = 0;

    (void)state;
    for (int i = 0; i < N; i++)
        sum += (double)pp_sig_wait_weight(thread, 400000, INTERVAL);
    assert_true(fabs(sum / N - 2.5) < 5 * 0.5 / sqrt(N));
    assert_int_equal(pp_sig_wait_weight(thread, INTERVAL, INTERVAL), 1);
    assert_int_equal(pp_sig_wait_weight(thread, 7 * INTERVAL, INTERVAL), 1);
    assert_true(pp_sig_wait_weight(thread, 0, INTERVAL) <= INTERVAL + 1);
}

/* Whatever the lengths are, sums over the waits that are picked are unbiased for each kind of wait;
 * long ones are events of their own and move no countdown. */
static void test_countdown_is_unbiased(void **state)
{
    static const uint64_t LENGTHS[] = {1000, 30000, 400000};
    struct pp_sig_thread *thread = fresh_thread();
    struct pp_sig_countdown countdown = {0, 0, 0};
    double count[3] = {0, 0, 0}, time[3] = {0, 0, 0}, small, told;
    int64_t n;
    uint64_t ticks;

    (void)state;
    for (int i = 0; i < 3 * N; i++) {
        countdown.small_ticks += LENGTHS[i % 3];
        if (pp_sig_wait_is_due(thread, &countdown, LENGTHS[i % 3], INTERVAL, &n, &ticks)) {
            count[i % 3] += (double)n;
            time[i % 3] += (double)ticks;
        }
        if (i % 1000 == 0) {
            const struct pp_sig_countdown before = countdown;
            countdown.small_ticks += 7 * INTERVAL;
            assert_true(pp_sig_wait_is_due(thread, &countdown, 7 * INTERVAL, INTERVAL, &n, &ticks));
            assert_true(n == 1 && ticks == 7 * INTERVAL);
            assert_memory_equal(&countdown, &before, sizeof before);
        }
    }
    small = (double)countdown.small_ticks;
    told = (double)countdown.told_ticks;
    for (int k = 0; k < 3; k++) {
        const double true_time = (double)LENGTHS[k] * N;
        const double n_picked = true_time / INTERVAL;
        assert_true(fabs(count[k] / N - 1) < 5 / sqrt(n_picked));
        assert_true(fabs(time[k] / true_time - 1) < 5 * 1.1 / sqrt(n_picked));
    }
    /* All of the time is on one of them. */
    assert_true(fabs((time[0] + time[1] + time[2] + small - told) / (431000.0 * N) - 1) < 1e-9);
}

/* The helper books the sum between the thread's addition to it and its look whether one is due. */
static void test_booked_meanwhile(void **state)
{
    struct pp_sig_countdown countdown = {
        .small_ticks = INTERVAL + 1000, .next_ticks = INTERVAL, .told_ticks = INTERVAL + 1000};
    uint64_t ticks = 1;
    int64_t n;

    (void)state;
    assert_true(pp_sig_wait_is_due(fresh_thread(), &countdown, 2000, INTERVAL, &n, &ticks));
    assert_int_equal(ticks, 0);
    assert_int_equal(countdown.told_ticks, INTERVAL);
}

static void set_clock(void)
{
    pp_sig_wait_clock.uses_tsc = 0;
    pp_sig_wait_clock.base_ticks = 0;
    atomic_store(&pp_sig_wait_clock.ns_q32, UINT64_C(1) << 32);
}

static void test_conversion(void **state)
{
    (void)state;
    set_clock();
    assert_int_equal(pp_sig_wait_ns(123456789), 123456789);
    atomic_store(&pp_sig_wait_clock.ns_q32, UINT64_C(1) << 31);
    assert_int_equal(pp_sig_wait_ns(UINT64_C(1) << 60), UINT64_C(1) << 59); /* 36 years */
}

/* Notes are told by their address alone. */
static void test_notes(void **state)
{
    (void)state;
    assert_int_equal(pp_sig_lock_noted(0x1000), 0);
    pp_sig_lock_note(0x1000, 77);
    assert_int_equal(pp_sig_lock_noted(0x1000), 77);
    assert_int_equal(pp_sig_lock_noted(0x1001), 0);
    pp_sig_lock_note(0x1000, 0);
    assert_int_equal(pp_sig_lock_noted(0x1000), 0);
}

/* Nobody waits: nothing is charged. */
static void test_release_without_waiters(void **state)
{
    (void)state;
    set_clock();
    pp_sig_locks_reset();
    assert_int_equal(pp_sig_lock_release(0x2000), 0);
    assert_int_equal(pp_sig_n_lock_waiters, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_draws),
        cmocka_unit_test(test_first_draw),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_countdown_is_unbiased),
        cmocka_unit_test(test_booked_meanwhile),
        cmocka_unit_test(test_conversion),
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_release_without_waiters),
    };

    return cmocka_run_group_tests_name("capture_waits", tests, NULL, NULL);
}
