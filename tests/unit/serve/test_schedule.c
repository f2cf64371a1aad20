/* When windows begin: by a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdbool.h>

#include "serve/schedule.h"

static const uint64_t s = 1000000000;

enum { N_MEMBERS = 2000, N_TURNS = 50, N_BINS = 20 };

/* Each turn has one window, as long as asked, within it; a day of them is on for the share asked.
 */
static void one_window_a_turn(void **state)
{
    const uint64_t start = 77 * s, on = 60 * s, whole = 360 * s;
    struct pp_schedule schedule;
    uint64_t now = start;

    (void)state;
    pp_schedule_init(&schedule, on, whole, 1, now);
    for (uint64_t turn = 0; turn < 240; turn++) {
        assert_true(schedule.begin_ns >= start + turn * whole);
        assert_true(schedule.end_ns <= start + (turn + 1) * whole);
        assert_int_equal(schedule.end_ns - schedule.begin_ns, on);
        now = schedule.end_ns;
        pp_schedule_next(&schedule, now);
    }
}

/* Without rest windows follow each other without a gap, the first of odd length. */
static void always_on(void **state)
{
    struct pp_schedule schedule;
    uint64_t end = 5 * s;

    (void)state;
    pp_schedule_init(&schedule, 60 * s, 60 * s, 9, end);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(schedule.begin_ns, end);
        assert_true(i > 0 ? schedule.end_ns - end == 60 * s
                          : schedule.end_ns - end >= 12 * s && schedule.end_ns - end <= 72 * s);
        end = schedule.end_ns;
        pp_schedule_next(&schedule, end + 1000); /* somebody is a little late */
    }
}

/* Chi square of counts that should be equal, 19 degrees of freedom: 60 is passed four times in a
 * million, and the seeds are always the same. */
static bool are_even(const uint32_t *counts, uint32_t n)
{
    double chi2 = 0;

    for (int i = 0; i < N_BINS; i++)
        chi2 += pow(counts[i] - (double)n / N_BINS, 2) / ((double)n / N_BINS);
    return chi2 < 60;
}

/* A fleet of 2000 that starts in one moment: in every later turn the begins of its windows lie
 * evenly over the time that there is, a member's begins differ from turn to turn, and at no moment
 * of it do more sample than chance has it (a sixth, and five standard deviations). */
static void fleet_is_out_of_step(void **state)
{
    static struct pp_schedule fleet[N_MEMBERS];
    const uint64_t on = 60 * s, whole = 360 * s;

    (void)state;
    for (uint64_t i = 0; i < N_MEMBERS; i++)
        pp_schedule_init(&fleet[i], on, whole, i, 0);
    for (uint64_t turn = 0; turn < N_TURNS; turn++) {
        uint32_t counts[N_BINS] = {0}, moved = 0;
        for (uint64_t at = turn * whole + on; turn > 0 && at < (turn + 1) * whole - on;
             at += 7 * s) {
            uint32_t n_on = 0;
            for (int i = 0; i < N_MEMBERS; i++)
                n_on += fleet[i].begin_ns <= at && at < fleet[i].end_ns;
            /* Within: a window of 60 s in 300 s of possible begins is met by a fifth of them. */
            assert_true(n_on < N_MEMBERS / 5.0 + 5 * sqrt(N_MEMBERS * 0.2 * 0.8));
        }
        for (int i = 0; i < N_MEMBERS; i++) {
            const uint64_t place = fleet[i].begin_ns - turn * whole;
            counts[place * N_BINS / (whole - on + 1)]++;
            pp_schedule_next(&fleet[i], fleet[i].end_ns);
            moved += fleet[i].begin_ns - (turn + 1) * whole != place;
        }
        assert_true(are_even(counts, N_MEMBERS));
        assert_int_equal(moved, N_MEMBERS);
    }
}

/* Always on, the borders of a fleet that started in one moment lie evenly over a minute. */
static void borders_are_out_of_step(void **state)
{
    uint32_t counts[N_BINS] = {0};

    (void)state;
    for (uint64_t i = 0; i < N_MEMBERS; i++) {
        struct pp_schedule member;
        pp_schedule_init(&member, 60 * s, 60 * s, i, 0);
        counts[member.end_ns % (60 * s) * N_BINS / (60 * s)]++;
    }
    assert_true(are_even(counts, N_MEMBERS));
}

/* A machine that slept for a day has no windows to make up for. */
static void sleep_is_left_out(void **state)
{
    struct pp_schedule schedule;
    const uint64_t morning = 86400 * s;

    (void)state;
    pp_schedule_init(&schedule, 60 * s, 360 * s, 3, 0);
    pp_schedule_next(&schedule, morning);
    assert_true(schedule.begin_ns >= morning && schedule.end_ns <= morning + 720 * s);
    pp_schedule_init(&schedule, 60 * s, 60 * s, 3, 0);
    pp_schedule_next(&schedule, morning);
    assert_true(schedule.begin_ns <= morning && schedule.end_ns > morning);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_window_a_turn), cmocka_unit_test(always_on),
        cmocka_unit_test(fleet_is_out_of_step), cmocka_unit_test(borders_are_out_of_step),
        cmocka_unit_test(sleep_is_left_out)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
