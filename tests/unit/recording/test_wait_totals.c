/* Where threads' time went, exactly: in profiles, files, merges and at the ends of windows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/formats.h"
#include "formats/pprof.h"
#include "waits.h"

struct two_locks two_locks;
int one_lock;

static void assert_totals(const struct pprofc_profile *profile)
{
    const struct pp_wait_totals *waits = &profile->waits;

    assert_true(waits->is_known);
    assert_int_equal(waits->all.who.n_threads, 2);
    assert_int_equal(waits->all.wall_ns, 4000);
    assert_int_equal(waits->all.cpu_ns, 3100);
    assert_int_equal(waits->all.blocked_ns, 800);
    assert_int_equal(waits->all.run_queue_ns, 60);
    assert_int_equal(waits->all.throttled_ns, 20);
    assert_int_equal(waits->all.unattributed_ns, 40);
    assert_int_equal(waits->all.n_waits, 7);
    assert_int_equal(waits->all.n_contentions, 6); /* the header knows one more */
    assert_int_equal(waits->all.delay_ns, 55);
    assert_int_equal(waits->n_threads, 2);
    assert_string_equal(text(profile, waits->threads[0].who.name), "main");
    assert_int_equal(waits->threads[0].wall_ns, 3000);
    assert_string_equal(text(profile, waits->threads[1].who.name), "worker");
    assert_int_equal(waits->threads[1].who.id, 42);
    assert_int_equal(waits->threads[1].n_contentions, 5);
}

/* Exact totals, by thread too, live through a pprof file and add up in a merge. */
static void totals_are_exact(void **state)
{
    struct made made = make(all_kinds);
    struct pprofc_profile *profile, *again = NULL;
    struct pp_buffer bytes = PP_BUFFER_INIT;
    struct pprofc_error err;
    char line[400];
    (void)state;

    fill(&made);
    made.writer.head->losses[PP_LOSS_WAIT] = 3;
    made.writer.head->losses[PP_LOSS_LOCK] = 4;
    profile = profile_of(&made, PP_FAMILY_OFFCPU, PP_RECORDED_OF_KIND, NULL);
    assert_totals(profile);
    assert_int_equal(profile->quality.n_lost, 3);
    assert_string_equal(text(profile, profile->quality.losses[0].cause), "wait");
    pp_profile_quality_line(profile, line, sizeof line);
    assert_string_equal(line, "7 waits = 860 ns of 900 ns off CPU (95.5 %), 60 ns in run queues "
                              "(20 ns throttled), 3 lost, 0 truncated");
    assert_int_equal(pp_pprof_write(profile, false, &bytes, &err), 0);
    assert_int_equal(pp_pprof_read(bytes.bytes, bytes.n_bytes, "made", &again, &err), 0);
    assert_totals(again);
    assert_int_equal(pp_profile_merge(again, profile, &err), 0);
    assert_int_equal(again->waits.all.wall_ns, 8000);
    assert_int_equal(again->waits.n_threads, 2);
    assert_int_equal(again->waits.threads[1].blocked_ns, 1600);
    pprofc_profile_free(again);
    pprofc_profile_free(profile);
    profile = profile_of(&made, PP_FAMILY_LOCK, PP_RECORDED_OF_KIND, NULL);
    assert_int_equal(profile->quality.n_lost, 7); /* of waiters and of holders */
    pprofc_profile_free(profile);
    profile = profile_of(&made, PP_FAMILY_CPU, PP_RECORDED_OF_KIND, NULL);
    assert_int_equal(profile->quality.n_lost, 0);
    pprofc_profile_free(profile);
    pp_buffer_done(&bytes);
    free(made.writer.bytes);
}

/* Of a recording of locks alone only what is of locks is known: its other times are no matter of
 * it, and would all be unattributed. */
static void locks_alone(void **state)
{
    struct made made = make(1U << (PP_FAMILY_LOCK - 1));
    struct pp_recording_window window = {.end = {.time_ns = 300}};
    struct pp_recording_reader *reader = NULL;
    struct pprofc_profile *profile;
    (void)state;

    fill(&made);
    assert_int_equal(
        pp_recording_view(made.writer.bytes, made.writer.n_next, "made", &reader, NULL), 0);
    pp_recording_mark_waits(reader, &window.end);
    pp_recording_close(reader);
    for (int i = 0; i < 2; i++) {
        profile = profile_of(&made, PP_FAMILY_LOCK, PP_RECORDED_OF_KIND, i == 0 ? NULL : &window);
        assert_true(profile->waits.is_known);
        assert_int_equal(profile->waits.all.wall_ns, 0);
        assert_int_equal(profile->waits.all.unattributed_ns, 0);
        assert_int_equal(profile->waits.all.n_contentions, i == 0 ? 6 : 5);
        assert_int_equal(profile->waits.n_threads, i == 0 ? 1 : 0);
        assert_int_equal(profile->waits.threads[0].delay_ns, i == 0 ? 50 : 0);
        pprofc_profile_free(profile);
    }
    free(made.writer.bytes);
}

/* Of more than sixteen threads the others are one, in a file too; a comment that is none of ours in
 * any part is left for people. */
static void many_threads_and_other_comments(void **state)
{
    static const char *const others[] = {
        "pprofc: waits=",
        "pprofc: waits=id=1 threads=1",
        "pprofc: waits=id=1 threads=-1 name=x",
        "pprofc: wait_thread=id=1 threads=1 walls=5 name=x",
        "pprofc: wait_threads=id=1 name=x",
        "waits=id=1 name=x",
    };
    struct made made = make(2);
    struct pprofc_profile *profile, *again = NULL;
    struct pp_buffer bytes = PP_BUFFER_INIT;
    (void)state;

    for (uint32_t i = 0; i < 20; i++) {
        struct pp_rec_thread_waits *waits =
            writer_item(&made.writer, &made.writer.head->waits.threads);
        writer_thread(&made.writer, 100 + i, "name=odd =");
        waits->wall_ns = 10 + i;
    }
    profile = profile_of(&made, PP_FAMILY_OFFCPU, PP_RECORDED_OF_KIND, NULL);
    assert_int_equal(pp_pprof_write(profile, false, &bytes, NULL), 0);
    assert_int_equal(pp_pprof_read(bytes.bytes, bytes.n_bytes, "made", &again, NULL), 0);
    for (int i = 0; i < 2; i++) {
        const struct pp_wait_totals *waits = i == 0 ? &profile->waits : &again->waits;
        assert_int_equal(waits->n_threads, PP_MAX_KEPT_THREADS);
        assert_int_equal(waits->all.who.n_threads, 22);
        assert_int_equal(waits->other_threads.who.n_threads, 6);
        assert_int_equal(waits->other_threads.wall_ns, 10 + 11 + 12 + 13 + 14 + 15);
        assert_string_equal(text(i == 0 ? profile : again, waits->threads[2].who.name),
                            "name=odd =");
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(pp_pprof_read_comment(again, others[i]));
    pprofc_profile_free(again);
    pprofc_profile_free(profile);
    pp_buffer_done(&bytes);
    free(made.writer.bytes);
}

/* What all threads together waited can be read without a copy, in place as in a snapshot. */
static void sums_of_now(void **state)
{
    struct made made = make(all_kinds);
    struct pp_recording_reader *reader = NULL, *snapshot = NULL;
    struct pp_recording_mark mark;
    (void)state;

    for (int i = 0; i < 9; i++) { /* across blocks of the table */
        struct pp_rec_thread_waits *waits =
            writer_item(&made.writer, &made.writer.head->waits.threads);
        writer_thread(&made.writer, 100 + (uint32_t)i, "more");
        waits->wall_ns = 10;
    }
    assert_int_equal(
        pp_recording_view(made.writer.bytes, made.writer.n_next, "made", &reader, NULL), 0);
    pp_recording_mark_waits(reader, &mark);
    assert_int_equal(mark.waits.wall_ns, 4090);
    assert_int_equal(mark.waits.delay_ns, 50);
    assert_int_equal(pp_recording_snapshot(reader, 0, &snapshot, NULL), 0);
    pp_recording_mark_waits(snapshot, &mark);
    assert_int_equal(mark.waits.wall_ns, 4090);
    made.writer.head->waits.threads.blocks[1] = UINT64_MAX - 7; /* damaged: nothing beyond it */
    pp_recording_mark_waits(reader, &mark);
    assert_int_equal(mark.waits.wall_ns, 4000);
    pp_recording_close(snapshot);
    pp_recording_close(reader);
    free(made.writer.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(totals_are_exact),
        cmocka_unit_test(locks_alone),
        cmocka_unit_test(many_threads_and_other_comments),
        cmocka_unit_test(sums_of_now),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
