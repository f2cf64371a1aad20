/* Recordings of waits and locks made by hand, as profiles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "waits.h"

struct two_locks two_locks;
int one_lock;

/* Each wait comes with its kind and its descriptor's, keeps its sums, and what has no stack of the
 * program's is named by what it is. */
static void waits_have_labels(void **state)
{
    struct made made = make(all_kinds);
    struct pprofc_profile *profile;
    char line[256];
    (void)state;

    fill(&made);
    profile = profile_of(&made, PP_FAMILY_OFFCPU, PP_RECORDED_OF_KIND, NULL);
    assert_string_equal(types_of(profile, line), "waits/count wait/nanoseconds");
    assert_string_equal(text(profile, profile->kind), "offcpu");
    assert_int_equal(profile->default_type, 1);
    assert_int_equal(profile->period, 10000000);
    assert_int_equal(pp_profile_total(profile, 1), 900); /* what wall is less CPU */
    assert_int_equal(sum_of(profile, 1, "wait_kind", "read", "prog+0x100"), 700);
    assert_int_equal(sum_of(profile, 0, "wait_kind", "read", NULL), 3);
    assert_int_equal(sum_of(profile, 1, "descriptor", "pipe", NULL), 500);
    assert_int_equal(sum_of(profile, 1, "descriptor", "tcp", NULL), 200);
    assert_int_equal(sum_of(profile, 1, "wait_kind", "lock", NULL), 50);
    assert_int_equal(sum_of(profile, 1, "wait_kind", "condition", NULL), 50);
    assert_int_equal(sum_of(profile, 1, "wait_kind", "run queue", "[run queue]"), 40);
    assert_int_equal(sum_of(profile, 1, "wait_kind", "throttled", "prog+0x300"), 20);
    assert_int_equal(sum_of(profile, 1, "wait_kind", "unattributed", "[unattributed]"), 40);
    assert_int_equal(sum_of(profile, 1, "thread_name", "worker", NULL), 900);
    pprofc_profile_free(profile);
    free(made.writer.bytes);
}

/* Waiters and holders stand in columns of their own, and a lock is called by its variable. */
static void locks_have_two_views(void **state)
{
    struct made made = make(all_kinds);
    struct pprofc_profile *profile;
    char line[256];
    (void)state;

    fill(&made);
    profile = profile_of(&made, PP_FAMILY_LOCK, PP_RECORDED_OF_KIND, NULL);
    assert_string_equal(types_of(profile, line),
                        "contentions/count delay/nanoseconds holder_contentions/count "
                        "holder_delay/nanoseconds");
    assert_string_equal(text(profile, profile->kind), "lock");
    assert_int_equal(profile->default_type, 1);
    assert_int_equal(sum_of(profile, 0, "lock", "one_lock", "prog+0x100"), 4);
    assert_int_equal(sum_of(profile, 1, "lock", "one_lock", "prog+0x100"), 30);
    assert_int_equal(sum_of(profile, 1, "lock", "two_locks+0x8", "prog+0x100"), 20);
    assert_int_equal(sum_of(profile, 2, "lock", "one_lock", "prog+0x300"), 5);
    assert_int_equal(sum_of(profile, 3, "lock", "one_lock", "prog+0x300"), 50);
    assert_int_equal(pp_profile_total(profile, 1), 50);
    assert_int_equal(pp_profile_total(profile, 3), 50);
    assert_int_equal(sum_of(profile, 1, "wait_kind", "lock", NULL), 50);
    assert_int_equal(profile->quality.n_samples, 5);
    pprofc_profile_free(profile);
    free(made.writer.bytes);
}

/* A lock that no variable covers is its address. */
static void unknown_locks_are_addresses(void **state)
{
    struct made made = make(all_kinds);
    struct pprofc_profile *profile;
    (void)state;

    add_lock(&made, PP_FAMILY_LOCK, made.stack, 1, 9, (const void *)0x7f0000001230);
    add_lock(&made, PP_FAMILY_LOCK, made.stack, 1, 8, (const void *)0x1230);
    profile = profile_of(&made, PP_FAMILY_LOCK, PP_RECORDED_OF_KIND, NULL);
    assert_int_equal(sum_of(profile, 1, "lock", "0x7f0000001230", NULL), 9);
    assert_int_equal(sum_of(profile, 1, "lock", "0x1230", NULL), 8);
    pprofc_profile_free(profile);
    free(made.writer.bytes);
}

/* CPU and waits on one axis: their sum is the wall time of the threads that were followed. */
static void wall_is_cpu_and_waits(void **state)
{
    struct made made = make(all_kinds);
    struct pprofc_profile *profile;
    char line[256];
    (void)state;

    fill(&made);
    profile = profile_of(&made, 0, PP_RECORDED_WALL, NULL);
    assert_string_equal(types_of(profile, line), "samples/count wall/nanoseconds");
    assert_string_equal(text(profile, profile->kind), "wall");
    assert_int_equal(pp_profile_total(profile, 1), 1000);
    assert_int_equal(sum_of(profile, 1, "wait_kind", "running", NULL), 100);
    pprofc_profile_free(profile);
    profile = profile_of(&made, 0, PP_RECORDED_FGPROF, NULL);
    assert_string_equal(types_of(profile, line), "samples/count time/nanoseconds");
    assert_int_equal(pp_profile_total(profile, 1), 1000);
    pprofc_profile_free(profile);
    free(made.writer.bytes);
}

/* Go's names: block has the waits for locks and conditions, or of locks alone where nobody timed
 * others; mutex has who let them wait. */
static void views_of_go(void **state)
{
    struct made made = make(all_kinds);
    struct pprofc_profile *profile;
    char line[256];
    (void)state;

    fill(&made);
    profile = profile_of(&made, 0, PP_RECORDED_BLOCK, NULL);
    assert_string_equal(types_of(profile, line), "contentions/count delay/nanoseconds");
    assert_int_equal(pp_profile_total(profile, 1), 100);
    assert_int_equal(pp_profile_total(profile, 0), 4);
    pprofc_profile_free(profile);
    profile = profile_of(&made, 0, PP_RECORDED_MUTEX, NULL);
    assert_string_equal(types_of(profile, line), "contentions/count delay/nanoseconds");
    assert_int_equal(sum_of(profile, 1, "lock", "one_lock", "prog+0x300"), 50);
    assert_int_equal(pp_profile_total(profile, 1), 50);
    pprofc_profile_free(profile);
    made.writer.head->kinds = 1U << (PP_FAMILY_LOCK - 1);
    profile = profile_of(&made, 0, PP_RECORDED_BLOCK, NULL);
    assert_int_equal(pp_profile_total(profile, 1), 50);
    assert_int_equal(pp_profile_total(profile, 0), 5);
    pprofc_profile_free(profile);
    free(made.writer.bytes);
}

/* Not asked for anything, a recording shows the first kind that it holds; its CPU profile knows
 * nothing of waits. */
static void kinds_are_chosen(void **state)
{
    static const struct {
        uint32_t kinds;
        const char *kind;
    } cases[] = {
        {1, "cpu"}, {3, "cpu"}, {7, "cpu"}, {2, "offcpu"}, {6, "offcpu"}, {4, "lock"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct made made = make(cases[i].kinds);
        struct pprofc_profile *profile;
        fill(&made);
        profile = profile_of(&made, 0, PP_RECORDED_OF_KIND, NULL);
        assert_string_equal(text(profile, profile->kind), cases[i].kind);
        assert_int_equal(profile->waits.is_known, strcmp(cases[i].kind, "cpu") != 0);
        pprofc_profile_free(profile);
        free(made.writer.bytes);
    }
}

/* A wait that ended in a window counts there for as long as it lies in it, what the window's time
 * had besides is unattributed, and a holder's time is never cut, since it is others'. */
static void windows_of_waits(void **state)
{
    struct made made = make(all_kinds);
    struct pp_recording_window window = {
        .begin = {.time_ns = 1000, .waits = {.wall_ns = 5000, .cpu_ns = 500}},
        .end = {.time_ns = 2000, .waits = {.wall_ns = 6000, .cpu_ns = 800, .n_waits = 2}},
    };
    struct pprofc_profile *profile;
    (void)state;

    add_wait(&made, 999, made.stack, wait_flags(PP_WAIT_SLEEP, 0), 1, 900);
    add_wait(&made, 1300, made.stack, wait_flags(PP_WAIT_SLEEP, 0), 1, 5000);
    add_wait(&made, 1900, made.stack, wait_flags(PP_WAIT_SLEEP, 0), 1, 100);
    add_wait(&made, 2000, made.stack, wait_flags(PP_WAIT_SLEEP, 0), 1, 7);
    profile = profile_of(&made, PP_FAMILY_OFFCPU, PP_RECORDED_OF_KIND, &window);
    assert_int_equal(sum_of(profile, 1, "wait_kind", "sleep", NULL), 400);
    assert_int_equal(sum_of(profile, 0, "wait_kind", "sleep", NULL), 2);
    assert_int_equal(sum_of(profile, 1, "wait_kind", "unattributed", "[unattributed]"), 300);
    assert_int_equal(profile->waits.all.wall_ns, 1000);
    assert_int_equal(profile->waits.all.n_waits, 2);
    assert_int_equal(profile->duration_ns, 1000);
    pprofc_profile_free(profile);

    window.begin.time_ns = 150; /* the lock's events are at 200 */
    window.end.time_ns = 300;
    add_lock(&made, PP_FAMILY_LOCK, made.stack, 1, 90, &one_lock);
    add_lock(&made, PP_FAMILY_HOLDER, made.stack, 2, 180, &one_lock);
    profile = profile_of(&made, PP_FAMILY_LOCK, PP_RECORDED_OF_KIND, &window);
    assert_int_equal(pp_profile_total(profile, 1), 50);
    assert_int_equal(pp_profile_total(profile, 3), 180);
    pprofc_profile_free(profile);
    free(made.writer.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_have_labels),
        cmocka_unit_test(locks_have_two_views),
        cmocka_unit_test(unknown_locks_are_addresses),
        cmocka_unit_test(wall_is_cpu_and_waits),
        cmocka_unit_test(views_of_go),
        cmocka_unit_test(kinds_are_chosen),
        cmocka_unit_test(windows_of_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
