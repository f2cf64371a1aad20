/* What recordings made by hand count exactly, in all and by thread, as profiles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "formats/formats.h"
#include "formats/recording_heap.h"
#include "writer.h"

/* A recording of the heap alone, without sites; all counts are 100 times those of one allocation of
 * 10 bytes, 16 usable, that is freed. */
static struct writer heap_writer(void)
{
    struct writer writer = writer_new();
    struct pp_rec_heap *heap = &writer.head->heap;

    writer.head->kinds = 1U << (PP_FAMILY_HEAP - 1);
    writer_table(&writer, &heap->sites, sizeof(struct pp_rec_site));
    writer_table(&writer, &heap->frames, sizeof(uint64_t));
    heap->mode = PP_HEAP_SAMPLED;
    heap->interval_bytes = 1000;
    heap->n_allocs = heap->n_frees = 100;
    heap->n_reallocs = 5;
    heap->requested_bytes = 1000;
    heap->usable_allocated_bytes = heap->usable_freed_bytes = 1600;
    heap->options = PP_HEAP_COUNTS_USABLE;
    return writer;
}

/* A thread with 'n' of the hundred. */
static struct pp_rec_thread *add_thread(struct writer *writer, uint32_t tid, const char *name,
                                        uint32_t n)
{
    struct pp_rec_thread *thread = writer_thread(writer, tid, name);

    thread->n_allocs = thread->n_frees = n;
    thread->requested_bytes = n * UINT64_C(10);
    thread->usable_allocated_bytes = thread->usable_freed_bytes = n * UINT64_C(16);
    return thread;
}

static struct pprofc_profile *profile_of(const struct writer *writer,
                                         const struct pp_recording_profile_options *options)
{
    struct pp_recording_reader *reader = NULL;
    struct pprofc_profile *profile = NULL;

    assert_int_equal(pp_recording_view(writer->bytes, writer->n_next, "made", &reader, NULL), 0);
    assert_int_equal(pp_recording_to_profile(reader, NULL, options, &profile, NULL), 0);
    pp_recording_close(reader);
    return profile;
}

static void assert_thread(const struct pprofc_profile *profile, uint32_t i, const char *name,
                          int64_t id, int64_t n)
{
    const struct pp_heap_thread *thread = &profile->heap.threads[i];

    assert_string_equal(pp_profile_chars(profile, thread->who.name), name);
    assert_int_equal(thread->who.id, id);
    assert_int_equal(thread->who.n_threads, 1);
    assert_int_equal(thread->n_allocs, n);
    assert_int_equal(thread->n_frees, n);
    assert_int_equal(thread->requested_bytes, n * 10);
    assert_int_equal(thread->usable_allocated_bytes, n * 16);
    assert_int_equal(thread->usable_freed_bytes, n * 16);
}

/* Threads stand by what they asked for; one that did nothing is not there, and what no thread has
 * counted is others'. */
static void by_thread(void **state)
{
    struct writer writer = heap_writer();
    struct pprofc_profile *profile;
    (void)state;

    (void)add_thread(&writer, 7, "small", 10);
    (void)add_thread(&writer, 8, "idle", 0);
    (void)add_thread(&writer, 9, "large", 60);
    profile = profile_of(&writer, NULL);
    assert_true(profile->heap.counts_usable);
    assert_int_equal(profile->heap.usable_freed_bytes, 1600);
    assert_int_equal(profile->heap.n_threads, 2);
    assert_thread(profile, 0, "large", 9, 60);
    assert_thread(profile, 1, "small", 7, 10);
    assert_int_equal(profile->heap.other_threads.who.n_threads, 0);
    assert_int_equal(profile->heap.other_threads.n_allocs, 30);
    assert_int_equal(profile->heap.other_threads.n_reallocs, 5);
    assert_int_equal(profile->heap.other_threads.usable_allocated_bytes, 480);
    pprofc_profile_free(profile);
    free(writer.bytes);
}

/* Of more than sixteen those stay that asked for most, whatever comes first; the others are one
 * sum. */
static void capped(void **state)
{
    static const uint32_t counts[20] = {1, 2, 3, 4, 5,  20, 19, 18, 17, 16,
                                        6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    struct writer writer = heap_writer();
    struct pprofc_profile *profile;
    (void)state;

    writer.head->heap.n_allocs = 210;
    for (uint32_t i = 0; i < 20; i++)
        (void)add_thread(&writer, 100 + counts[i], "pool", counts[i]);
    profile = profile_of(&writer, NULL);
    assert_int_equal(profile->heap.n_threads, PP_MAX_KEPT_THREADS);
    for (uint32_t i = 0; i < PP_MAX_KEPT_THREADS; i++)
        assert_thread(profile, i, "pool", 120 - i, 20 - i);
    assert_int_equal(profile->heap.other_threads.who.n_threads, 4);
    assert_int_equal(profile->heap.other_threads.n_allocs, 1 + 2 + 3 + 4);
    pprofc_profile_free(profile);
    free(writer.bytes);
}

/* Since a mark each thread has what it did since, one that came later all. */
static void since_a_mark(void **state)
{
    struct writer writer = heap_writer();
    struct pp_rec_thread *old = add_thread(&writer, 7, "old", 60);
    struct pp_heap_mark mark;
    const struct pp_recording_profile_options options = {.heap_since = &mark};
    struct pp_recording_reader *reader = NULL;
    struct pprofc_profile *profile;
    (void)state;

    (void)add_thread(&writer, 8, "silent", 40);
    assert_int_equal(pp_recording_view(writer.bytes, writer.n_next, "made", &reader, NULL), 0);
    assert_int_equal(pp_heap_mark_take(reader, &mark), 0);
    pp_recording_close(reader);
    old->n_allocs += 2;
    old->usable_allocated_bytes += 32;
    (void)add_thread(&writer, 9, "young", 3);
    writer.head->heap.n_allocs = 105;
    writer.head->heap.usable_allocated_bytes += 80;
    profile = profile_of(&writer, &options);
    assert_int_equal(profile->heap.usable_allocated_bytes, 80);
    assert_int_equal(profile->heap.n_threads, 2);
    assert_thread(profile, 0, "young", 9, 3);
    assert_int_equal(profile->heap.threads[1].who.id, 7);
    assert_int_equal(profile->heap.threads[1].n_allocs, 2);
    assert_int_equal(profile->heap.threads[1].n_frees, 0);
    assert_int_equal(profile->heap.threads[1].usable_allocated_bytes, 32);
    pprofc_profile_free(profile);
    pp_heap_mark_done(&mark);
    free(writer.bytes);
}

/* Where nobody asked for usable bytes they are not known, as in a sum with such a one. */
static void unasked(void **state)
{
    struct writer writer = heap_writer(), without = heap_writer();
    struct pprofc_profile *profile, *other, *sum = pp_profile_new();
    (void)state;

    without.head->heap.options = 0;
    (void)add_thread(&writer, 7, "both", 10);
    (void)add_thread(&without, 7, "both", 20);
    (void)add_thread(&without, 7, "renamed", 5);
    profile = profile_of(&writer, NULL);
    other = profile_of(&without, NULL);
    assert_false(other->heap.counts_usable);
    assert_int_equal(pp_profile_merge(sum, profile, NULL), 0);
    assert_true(sum->heap.counts_usable);
    assert_int_equal(pp_profile_merge(sum, other, NULL), 0);
    assert_false(sum->heap.counts_usable);
    assert_int_equal(sum->heap.n_threads, 2);
    assert_thread(sum, 0, "both", 7, 30);
    assert_thread(sum, 1, "renamed", 7, 5);
    assert_int_equal(sum->heap.other_threads.n_allocs, 90 + 75);
    pprofc_profile_free(profile);
    pprofc_profile_free(other);
    pprofc_profile_free(sum);
    free(writer.bytes);
    free(without.bytes);
}

/* Comments of a pprof file keep all of it, whatever a thread is called; what is damaged in them is
 * a comment like others. */
static void in_a_file(void **state)
{
    static const char *const damaged[] = {
        "pprofc: heap_thread=id=1", "pprofc: heap_thread=id=1 allocs=-2 name=x",
        "pprofc: heap_thread=id=1 colour=2 name=x", "pprofc: heap_thread=id=one name=x",
        "pprofc: heap_thread= name=x"};
    struct writer writer = heap_writer();
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    struct pprofc_profile *profile, *read = NULL;
    (void)state;

    (void)add_thread(&writer, 7, "name=a b", 60);
    (void)add_thread(&writer, 8, "", 20);
    profile = profile_of(&writer, NULL);
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++)
        pp_profile_comment(profile, "%s", damaged[i]);
    assert_int_equal(pp_pprof_write(profile, true, &bytes, NULL), 0);
    assert_int_equal(pp_pprof_read(bytes.bytes, bytes.n_bytes, "it", &read, NULL), 0);
    assert_true(read->heap.counts_usable);
    assert_int_equal(read->heap.usable_allocated_bytes, 1600);
    assert_int_equal(read->heap.n_threads, 2);
    assert_thread(read, 0, "name=a b", 7, 60);
    assert_thread(read, 1, "", 8, 20);
    assert_int_equal(read->heap.other_threads.n_allocs, 20);
    assert_int_equal(read->heap.other_threads.n_reallocs, 5);
    assert_int_equal(read->n_comments, sizeof damaged / sizeof damaged[0]);
    pprofc_profile_free(profile);
    pprofc_profile_free(read);
    free(writer.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_thread), cmocka_unit_test(capped),    cmocka_unit_test(since_a_mark),
        cmocka_unit_test(unasked),   cmocka_unit_test(in_a_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
