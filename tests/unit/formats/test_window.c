/* Windows of a recording: what of the events and counters belongs to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "formats/recording_window.h"

static const struct pp_recording_window window = {
    .begin = {.time_ns = 1000, .cpu_ns = 500, .own_cpu_ns = 10, .losses = {[PP_LOSS_NO_SPACE] = 3}},
    .end = {.time_ns = 2000, .cpu_ns = 1400, .own_cpu_ns = 14, .losses = {[PP_LOSS_NO_SPACE] = 8}},
};

static int64_t taken_ns(uint64_t time_ns, int64_t cpu_ns)
{
    const struct pp_recording_event event = {.time_ns = time_ns};

    return pp_recording_window_takes(&window, &event, &cpu_ns) ? cpu_ns : -1;
}

/* The begin belongs to a window and the end does not, so that windows one after the other have each
 * event once. */
static void ends(void **state)
{
    (void)state;
    assert_int_equal(taken_ns(999, 0), -1);
    assert_int_equal(taken_ns(1000, 0), 0);
    assert_int_equal(taken_ns(1999, 5), 5);
    assert_int_equal(taken_ns(2000, 5), -1);
}

/* A sample stands for what its thread used since the one before: no more of it than the window had
 * lasted. */
static void values_are_cut(void **state)
{
    (void)state;
    assert_int_equal(taken_ns(1100, 70), 70);
    assert_int_equal(taken_ns(1100, 100), 100);
    assert_int_equal(taken_ns(1100, 5000), 100);
    assert_int_equal(taken_ns(1000, 5000), 0);
    assert_int_equal(taken_ns(1100, 0), 0);
}

/* Beyond the process's CPU time in the window, first samples of threads that lived before lose what
 * is too much, in proportion; those of threads that began within are whole, and nothing goes below
 * 0. */
static void first_samples_are_trimmed(void **state)
{
    static const struct pp_rec_thread old = {.start_ns = 10}, young = {.start_ns = 1500};
    static const int64_t cpu_ns[3] = {300, 100, 400};
    (void)state;

    for (int64_t taken_ns = 800; taken_ns <= 2000; taken_ns += 300) {
        struct pprofc_profile *profile = pp_profile_new();
        struct pp_window_first firsts[3] = {{.is_seen = false}};
        const int64_t less_ns = taken_ns <= 900 ? 0 : taken_ns >= 1300 ? 400 : taken_ns - 900;

        assert_non_null(profile);
        (void)pp_profile_add_type(profile, "samples", "count");
        (void)pp_profile_add_type(profile, "cpu", "nanoseconds");
        for (uint32_t i = 0; i < 3; i++) {
            const struct pp_window_first sample = {
                .is_seen = true, .slice = i, .cpu_ns = cpu_ns[i], .is_remainder = i == 1};
            const struct pp_window_first later = {.is_seen = true, .cpu_ns = 7};
            const int64_t values[2] = {1, cpu_ns[i]};
            pp_profile_add(profile, 0, 0, i, values);
            pp_recording_window_note(&window, &firsts[i], &sample, i == 2 ? &young : &old);
            pp_recording_window_note(&window, &firsts[i], &later, &old);
        }
        pp_recording_window_trim(&window, firsts, 3, taken_ns, profile);
        assert_int_equal(profile->sample_values[1], 300 - less_ns * 3 / 4);
        assert_int_equal(profile->sample_values[3], 100 - less_ns / 4);
        assert_int_equal(profile->sample_values[5], 400);
        assert_int_equal(profile->quality.sampled_ns, -less_ns * 3 / 4);
        assert_int_equal(profile->quality.unsampled_ns, -less_ns / 4);
        pprofc_profile_free(profile);
    }
}

/* What the process used beyond all samples is a row of its own, named for why no sample has it. */
static void rest_is_booked(void **state)
{
    static const struct pp_recording_event within = {.time_ns = 990, .slice_ns = 11},
                                           before = {.time_ns = 990, .slice_ns = 10},
                                           exact = {.time_ns = 990};
    (void)state;

    assert_true(pp_recording_window_reaches(&window, &within));
    assert_false(pp_recording_window_reaches(&window, &before));
    assert_false(pp_recording_window_reaches(&window, &exact));
    for (int has_sums = 0; has_sums < 2; has_sums++) {
        struct pprofc_profile *profile = pp_profile_new();
        const char *name = has_sums ? "[folded]" : "[unsampled]";
        pp_id location;

        assert_non_null(profile);
        (void)pp_profile_add_type(profile, "samples", "count");
        (void)pp_profile_add_type(profile, "cpu", "nanoseconds");
        pp_recording_window_add_rest(&window, 900, has_sums, profile);
        pp_recording_window_add_rest(&window, 1000, has_sums, profile);
        assert_int_equal(profile->n_samples, 0);
        pp_recording_window_add_rest(&window, 250, has_sums, profile);
        assert_int_equal(profile->n_samples, 1);
        location = pp_profile_named_location(profile, name, strlen(name));
        assert_int_equal(profile->sample_stack[0], pp_profile_stack(profile, &location, 1));
        assert_int_equal(profile->sample_values[0], 0);
        assert_int_equal(profile->sample_values[1], 650);
        assert_int_equal(profile->quality.unsampled_ns, 650);
        pprofc_profile_free(profile);
    }
}

/* Clocks and losses are those of the window alone. */
static void quality(void **state)
{
    struct pprofc_profile *profile = pp_profile_new();
    (void)state;

    assert_non_null(profile);
    profile->time_ns = 7;
    profile->quality = (struct pp_quality){.is_known = true, .cpu_ns = 9999, .n_lost = 9999};
    pp_recording_window_quality(&window, pp_recorded_shape(PP_FAMILY_CPU, PP_RECORDED_OF_KIND, 1),
                                profile);
    assert_int_equal(profile->quality.cpu_ns, 900);
    assert_int_equal(profile->quality.own_cpu_ns, 4);
    assert_int_equal(profile->quality.n_lost, 5);
    assert_int_equal(profile->quality.n_losses, 1);
    assert_int_equal(profile->quality.losses[0].n, 5);
    assert_int_equal(profile->time_ns, 1007);
    assert_int_equal(profile->duration_ns, 1000);
    pprofc_profile_free(profile);
}

/* Counters that went back, as in a recording that is damaged, give nothing rather than a huge sum.
 */
static void counters_that_go_back(void **state)
{
    const struct pp_recording_window reversed = {.begin = window.end, .end = window.begin};
    struct pprofc_profile *profile = pp_profile_new();
    (void)state;

    assert_non_null(profile);
    pp_recording_window_quality(&reversed, pp_recorded_shape(PP_FAMILY_CPU, PP_RECORDED_OF_KIND, 1),
                                profile);
    assert_int_equal(profile->quality.cpu_ns, 0);
    assert_int_equal(profile->quality.n_lost, 0);
    assert_int_equal(profile->duration_ns, 0);
    pprofc_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends),
        cmocka_unit_test(values_are_cut),
        cmocka_unit_test(first_samples_are_trimmed),
        cmocka_unit_test(rest_is_booked),
        cmocka_unit_test(quality),
        cmocka_unit_test(counters_that_go_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
