/* Heaps of recordings made by hand, as profiles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "formats/formats.h"
#include "formats/recording_heap.h"
#include "formats/recording_leak_profile.h"
#include "profile/top.h"
#include "writer.h"

enum {
    BASE = 0x10000,
    INTERVAL = 1000,
    ALLOC_OBJECTS = 0,
    ALLOC_SPACE,
    INUSE_OBJECTS,
    INUSE_SPACE
};

static uint64_t bits_of(double number)
{
    uint64_t bits;

    memcpy(&bits, &number, sizeof bits);
    return bits;
}

/* 'n' samples of objects of 'size' bytes, as capture adds them up. */
static void set_sums(struct pp_rec_heap_sums *sums, uint64_t n, double size)
{
    const double w = 1 / -expm1(-size / INTERVAL);

    sums->n_samples = n;
    sums->bytes = (uint64_t)((double)n * w * size + 0.5);
    sums->excess = (uint64_t)((double)n * (w - 1) * 1024 + 0.5);
    sums->bytes_variance = bits_of((double)n * w * (w - 1) * size * size);
    sums->count_variance = bits_of((double)n * w * (w - 1));
}

/* A recording of the heap alone, with a program at BASE. */
static struct writer heap_writer(void)
{
    struct writer writer = writer_new();
    struct pp_rec_heap *heap = &writer.head->heap;

    writer.head->kinds = 1U << (PP_FAMILY_HEAP - 1);
    writer_module(&writer, "/gone/prog", BASE, BASE + 0x10000, 0, 0);
    writer_table(&writer, &heap->sites, sizeof(struct pp_rec_site));
    writer_table(&writer, &heap->frames, sizeof(uint64_t));
    heap->frames.n_first = 64;
    heap->mode = PP_HEAP_SAMPLED;
    heap->interval_bytes = INTERVAL;
    heap->n_allocs = 300;
    heap->n_reallocs = 3;
    heap->n_frees = 200;
    heap->requested_bytes = 50000;
    return writer;
}

static struct pp_rec_site *add_site(struct writer *writer, uint64_t return_address)
{
    struct pp_rec_site *site = writer_item(writer, &writer->head->heap.sites);

    site->first_frame = writer->head->heap.frames.n_items;
    site->n_frames = 1;
    *(uint64_t *)writer_item(writer, &writer->head->heap.frames) = return_address;
    site->hash = return_address;
    return site;
}

static int make(const struct writer *writer, const struct pp_recording_profile_options *options,
                struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    struct pp_recording_reader *reader = NULL;
    int status = pp_recording_view(writer->bytes, writer->n_next, "made", &reader, err);

    if (status == 0)
        status = pp_recording_to_profile(reader, NULL, options, profile_out, err);
    pp_recording_close(reader);
    return status;
}

static struct pprofc_profile *profile_of(const struct writer *writer,
                                         const struct pp_recording_profile_options *options)
{
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err = {0};

    if (make(writer, options, &profile, &err) != 0)
        fail_msg("%s", err.message);
    return profile;
}

static int64_t value(const struct pprofc_profile *profile, uint32_t sample, uint32_t type)
{
    return profile->sample_values[(size_t)sample * profile->n_types + type];
}

/* Sums are rounded when they are added up. */
static void assert_bytes(int64_t is, int64_t should)
{
    assert_in_range(is - should + 2, 0, 4);
}

static void assert_near(double is, double should)
{
    if (fabs(is - should) > 1e-3 * fabs(should) + 1e-9)
        fail_msg("%g instead of %g", is, should);
}

static void assert_estimate(const struct pprofc_profile *profile, uint32_t sample, uint32_t type,
                            double variance, double n_sampled)
{
    assert_near(pp_profile_estimate(profile, sample, type)->variance, variance);
    assert_near(pp_profile_estimate(profile, sample, type)->n_sampled, n_sampled);
}

static const char *type_name(const struct pprofc_profile *profile, uint32_t type)
{
    return pp_profile_chars(profile, profile->types[type].type);
}

/* Allocated is what was sampled times what a sample stands for, in use what was not freed of it;
 * each has its variance and its number of samples.  Of 100 bytes at 1000 w is 10.508. */
static void values_have_errors(void **state)
{
    struct writer writer = heap_writer();
    struct pp_rec_site *site = add_site(&writer, BASE + 0x101);
    const double w = 1 / -expm1(-0.1), one = w * (w - 1);
    struct pprofc_profile *profile;
    (void)state;

    set_sums(&site->allocated, 20, 100);
    set_sums(&site->freed, 5, 100);
    writer.head->losses[PP_LOSS_HEAP_OBJECT] = 2;
    writer.head->losses[PP_LOSS_HEAP_STACK] = 4;
    writer.head->losses[PP_LOSS_NO_SPACE] = 8;
    profile = profile_of(&writer, NULL);
    assert_int_equal(profile->n_types, 4);
    assert_string_equal(type_name(profile, ALLOC_OBJECTS), "alloc_objects");
    assert_string_equal(type_name(profile, profile->default_type), "inuse_space");
    assert_string_equal(pp_profile_chars(profile, profile->kind), "heap");
    assert_int_equal(profile->period, INTERVAL);
    assert_int_equal(profile->n_samples, 1);
    assert_int_equal(value(profile, 0, ALLOC_OBJECTS), 210);
    assert_bytes(value(profile, 0, ALLOC_SPACE), 21017);
    assert_int_equal(value(profile, 0, INUSE_OBJECTS), 158);
    assert_bytes(value(profile, 0, INUSE_SPACE), 15763);
    assert_estimate(profile, 0, ALLOC_OBJECTS, 20 * one, 20);
    assert_estimate(profile, 0, ALLOC_SPACE, 20 * one * 1e4, 20);
    assert_estimate(profile, 0, INUSE_OBJECTS, 15 * one, 15);
    assert_estimate(profile, 0, INUSE_SPACE, 15 * one * 1e4, 15);
    assert_int_equal(profile->quality.n_samples, 20);
    assert_int_equal(profile->quality.n_lost, 2); /* the heap's alone */
    assert_int_equal(profile->quality.n_losses, 2);
    assert_true(profile->heap.is_known);
    assert_int_equal(profile->heap.n_allocs, 300);
    assert_int_equal(profile->heap.n_frees, 200);
    assert_int_equal(profile->duration_ns, 2000000000);
    pprofc_profile_free(profile);
    free(writer.bytes);
}

/* Counters of a living process are of different moments: more freed than allocated is nothing in
 * use.  Bits that are no number, a site that is being made and one without values add nothing. */
static void odd_sites(void **state)
{
    struct writer writer = heap_writer();
    struct pp_rec_site *site = add_site(&writer, BASE + 0x101);
    struct pprofc_profile *profile;
    (void)state;

    set_sums(&site->allocated, 5, 100);
    set_sums(&site->freed, 6, 100);
    site->allocated.bytes_variance = bits_of((double)NAN);
    site->allocated.count_variance = bits_of(-1);
    site = add_site(&writer, BASE + 0x201);
    set_sums(&site->allocated, 5, 100);
    site->hash = 0;
    (void)add_site(&writer, BASE + 0x301);
    profile = profile_of(&writer, NULL);
    assert_int_equal(profile->n_samples, 1);
    assert_int_equal(value(profile, 0, INUSE_OBJECTS), 0);
    assert_bytes(value(profile, 0, INUSE_SPACE), 0);
    assert_estimate(profile, 0, ALLOC_SPACE, 0, 5);
    assert_estimate(profile, 0, ALLOC_OBJECTS, 0, 5);
    pprofc_profile_free(profile);
    free(writer.bytes);
}

/* A site whose frames lie outside the table is damage, not a crash. */
static void damage(void **state)
{
    struct writer writer = heap_writer();
    struct pp_rec_site *site = add_site(&writer, BASE + 0x101);
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err = {0};
    (void)state;

    set_sums(&site->allocated, 5, 100);
    site->n_frames = UINT32_MAX;
    assert_int_equal(make(&writer, NULL, &profile, &err), -EBADMSG);
    free(writer.bytes);
}

/* Where every allocation was recorded nothing is an estimate. */
static void exact_has_no_errors(void **state)
{
    struct writer writer = heap_writer();
    struct pp_rec_site *site = add_site(&writer, BASE + 0x101);
    struct pprofc_profile *profile;
    struct pp_top top;
    (void)state;

    writer.head->heap.mode = PP_HEAP_EXACT;
    writer.head->heap.interval_bytes = 1;
    site->allocated.n_samples = 7;
    site->allocated.bytes = 700;
    profile = profile_of(&writer, NULL);
    assert_int_equal(profile->period, 1);
    assert_null(profile->sample_estimates);
    assert_bytes(value(profile, 0, INUSE_SPACE), 700);
    assert_int_equal(pp_top_make(profile, INUSE_SPACE, PP_BY_FUNCTION, &top, NULL), 0);
    assert_false(top.is_estimated);
    pp_top_done(&top);
    pprofc_profile_free(profile);
    free(writer.bytes);
}

/* What came since a mark: allocations of that time alone, and by how much memory in use has grown,
 * which may be below nothing.  A site that is new since the mark is whole. */
static void differences(void **state)
{
    struct writer writer = heap_writer();
    struct pp_rec_site *old = add_site(&writer, BASE + 0x101), *young;
    struct pp_heap_mark mark;
    const struct pp_recording_profile_options options = {.heap_since = &mark};
    const double w = 1 / -expm1(-0.1), one = w * (w - 1) * 1e4;
    struct pp_recording_reader *reader = NULL;
    struct pprofc_profile *profile;
    (void)state;

    set_sums(&old->allocated, 20, 100);
    set_sums(&old->freed, 5, 100);
    assert_int_equal(pp_recording_view(writer.bytes, writer.n_next, "made", &reader, NULL), 0);
    assert_int_equal(pp_heap_mark_take(reader, &mark), 0);
    pp_recording_close(reader);
    set_sums(&old->allocated, 22, 100);
    set_sums(&old->freed, 15, 100);
    young = add_site(&writer, BASE + 0x201);
    set_sums(&young->allocated, 3, 100);
    writer.head->heap.n_allocs = 340;
    writer.head->end_ns = 3000000000;
    profile = profile_of(&writer, &options);
    assert_int_equal(profile->n_samples, 2);
    assert_bytes(value(profile, 0, ALLOC_SPACE), 2102);
    assert_bytes(value(profile, 0, INUSE_SPACE), 7356 - 15763);
    assert_bytes(value(profile, 1, INUSE_SPACE), 3153);
    assert_int_equal(profile->heap.n_allocs, 40);
    assert_int_equal(profile->heap.n_frees, 0);
    assert_int_equal(profile->duration_ns, 1000000000);
    /* 2 came and 10 went, of which some may have been in use all the time: at most these 12. */
    assert_estimate(profile, 0, INUSE_SPACE, 12 * one, 12);
    pprofc_profile_free(profile);
    pp_heap_mark_done(&mark);
    free(writer.bytes);
}

/* At the peak: sites that changed since have kept what they had, the others have it still.  A
 * recording that follows no peak says so. */
static void peak(void **state)
{
    static const struct pp_recording_profile_options options = {.is_at_peak = true};
    struct writer writer = heap_writer();
    struct pp_rec_site *changed = add_site(&writer, BASE + 0x101);
    struct pp_rec_site *same = add_site(&writer, BASE + 0x201);
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err = {0};
    (void)state;

    set_sums(&changed->allocated, 20, 100);
    set_sums(&changed->freed, 20, 100);
    set_sums(&same->allocated, 3, 100);
    assert_int_equal(make(&writer, &options, &profile, &err), -ENODATA);
    assert_non_null(strstr(err.message, "--heap-peak"));
    writer.head->heap.peak_mark = 9;
    changed->peak_mark = 9;
    changed->peak_samples = 12;
    changed->peak_bytes = 12610;
    changed->peak_excess = (uint64_t)(12 * 9.508 * 1024);
    same->peak_mark = 8;
    profile = profile_of(&writer, &options);
    assert_bytes(value(profile, 0, INUSE_SPACE), 12610);
    assert_int_equal(value(profile, 0, INUSE_OBJECTS), 126);
    assert_bytes(value(profile, 1, INUSE_SPACE), 3153);
    assert_near(pp_profile_estimate(profile, 0, INUSE_SPACE)->n_sampled, 12);
    assert_true(pp_profile_estimate(profile, 0, INUSE_SPACE)->variance > 1e6);
    pprofc_profile_free(profile);
    free(writer.bytes);
}

/* After an exec the memory of the program before is gone; what it allocated counts. */
static void exec_ends_use(void **state)
{
    struct writer first = heap_writer(), second = heap_writer();
    struct pp_recording_reader *readers[2];
    struct pprofc_profile *profile = NULL;
    (void)state;

    set_sums(&add_site(&first, BASE + 0x101)->allocated, 20, 100);
    set_sums(&add_site(&second, BASE + 0x101)->allocated, 3, 100);
    assert_int_equal(pp_recording_view(first.bytes, first.n_next, "a", &readers[0], NULL), 0);
    assert_int_equal(pp_recording_view(second.bytes, second.n_next, "b", &readers[1], NULL), 0);
    assert_int_equal(pp_recordings_to_profile(readers, 2, NULL, NULL, &profile, NULL), 0);
    assert_bytes(value(profile, 0, ALLOC_SPACE), 21017 + 3153);
    assert_bytes(value(profile, 0, INUSE_SPACE), 3153);
    assert_int_equal(profile->heap.n_allocs, 600);
    pprofc_profile_free(profile);
    pp_recording_close(readers[0]);
    pp_recording_close(readers[1]);
    free(first.bytes);
    free(second.bytes);
}

/* A recording of both kinds gives cpu unless the heap is asked for; an old one knows cpu alone. */
static void kinds(void **state)
{
    static const struct pp_recording_profile_options heap = {.kind = PP_FAMILY_HEAP},
                                                     cpu = {.kind = PP_FAMILY_CPU};
    struct writer writer = heap_writer();
    struct pprofc_profile *profile;
    (void)state;

    set_sums(&add_site(&writer, BASE + 0x101)->allocated, 20, 100);
    assert_int_equal(pp_recording_kinds(writer.head), 8);
    profile = profile_of(&writer, &cpu);
    assert_string_equal(pp_profile_chars(profile, profile->kind), "cpu");
    pprofc_profile_free(profile);
    writer.head->kinds = 9;
    assert_int_equal(pp_recording_kinds(writer.head), 9);
    profile = profile_of(&writer, NULL);
    assert_string_equal(pp_profile_chars(profile, profile->kind), "cpu");
    pprofc_profile_free(profile);
    profile = profile_of(&writer, &heap);
    assert_string_equal(pp_profile_chars(profile, profile->kind), "heap");
    assert_int_equal(profile->n_samples, 1);
    pprofc_profile_free(profile);
    writer.head->kinds = 0;
    memset(&writer.head->heap, 0, sizeof writer.head->heap);
    assert_int_equal(pp_recording_kinds(writer.head), 1);
    free(writer.bytes);
}

/* A pprof file holds no errors, but what they come from: read back they are as they were where a
 * site's objects have one size.  Exact totals are in its comments. */
static void files_keep_errors(void **state)
{
    struct writer writer = heap_writer();
    struct pp_rec_site *site = add_site(&writer, BASE + 0x101);
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    struct pprofc_profile *profile, *read = NULL;
    (void)state;

    set_sums(&site->allocated, 2000, 100);
    set_sums(&site->freed, 500, 100);
    profile = profile_of(&writer, NULL);
    assert_int_equal(pp_pprof_write(profile, true, &bytes, NULL), 0);
    assert_int_equal(pp_pprof_read(bytes.bytes, bytes.n_bytes, "it", &read, NULL), 0);
    for (uint32_t type = 0; type < 4; type++) {
        const struct pp_estimate *estimate = pp_profile_estimate(profile, 0, type);
        assert_int_equal(value(read, 0, type), value(profile, 0, type));
        assert_estimate(read, 0, type, estimate->variance, estimate->n_sampled);
    }
    assert_true(read->heap.is_known);
    assert_memory_equal(&read->heap.n_allocs, &profile->heap.n_allocs, 4 * sizeof(int64_t));
    assert_string_equal(type_name(read, read->default_type), "inuse_space");
    pprofc_profile_free(profile);
    pprofc_profile_free(read);
    free(writer.bytes);
}

/* Errors add up as variances when profiles are merged, also with an exact one, which has none, and
 * in a function's row. */
static void errors_add_up(void **state)
{
    struct writer writer = heap_writer(), exact = heap_writer();
    const double w = 1 / -expm1(-0.1), one = w * (w - 1) * 1e4;
    struct pprofc_profile *a, *b, *sum = pp_profile_new();
    struct pp_top top;
    (void)state;

    set_sums(&add_site(&writer, BASE + 0x101)->allocated, 20, 100);
    add_site(&exact, BASE + 0x101)->allocated =
        (struct pp_rec_heap_sums){.n_samples = 1, .bytes = 1000};
    exact.head->heap.mode = PP_HEAP_EXACT;
    exact.head->heap.interval_bytes = 1;
    a = profile_of(&exact, NULL);
    b = profile_of(&writer, NULL);
    assert_int_equal(pp_profile_merge(sum, a, NULL), 0);
    assert_int_equal(pp_profile_merge(sum, b, NULL), 0);
    assert_int_equal(pp_profile_merge(sum, b, NULL), 0);
    assert_int_equal(pp_profile_total(sum, INUSE_SPACE), 1000 + 2 * 21017);
    assert_int_equal(sum->heap.n_allocs, 900);
    assert_int_equal(pp_top_make(sum, INUSE_SPACE, PP_BY_MODULE, &top, NULL), 0);
    assert_true(top.is_estimated);
    assert_near(top.rows[0].flat_estimate.variance, 40 * one);
    assert_near(pp_top_error(&top.rows[0].flat_estimate), sqrt(40 * one));
    assert_near(pp_top_error(&(struct pp_estimate){100, 9}), -1);
    assert_near(pp_top_error(&(struct pp_estimate){100, 10}), 10);
    pp_top_done(&top);
    pprofc_profile_free(a);
    pprofc_profile_free(b);
    pprofc_profile_free(sum);
    free(writer.bytes);
    free(exact.bytes);
}

static struct pprofc_profile *suspects_of(const struct writer *writer)
{
    struct pprofc_profile *profile = pp_profile_new();
    struct pp_symbolizer *symbolizer = NULL;
    struct pp_recording_reader *reader = NULL;

    assert_int_equal(pp_recording_view(writer->bytes, writer->n_next, "made", &reader, NULL), 0);
    assert_int_equal(pp_symbolizer_new(NULL, &symbolizer, NULL), 0);
    assert_int_equal(pp_recording_leak_profile_fill(reader, symbolizer, profile, NULL), 0);
    pp_recording_close(reader);
    pp_symbolizer_free(symbolizer);
    return profile;
}

/* Suspects stand beside what is in use; errors are those of objects of one size; what was freed is
 * left out; without a look what is in use comes first; any numbers are bounded. */
static void suspects(void **state)
{
    enum { SUSPECT_OBJECTS, SUSPECT_SPACE };
    struct writer writer = heap_writer();
    struct pp_rec_site *site = add_site(&writer, BASE + 0x100);
    const double size = 500, w = 1 / -expm1(-size / INTERVAL);
    struct pprofc_profile *profile;

    (void)state;
    set_sums(&site->allocated, 100, size);
    set_sums(&site->freed, 40, size);
    site->unreached_samples = 30;
    site->unreached_bytes = (uint64_t)(30 * w * size + 0.5);
    site->unreached_excess = (uint64_t)(30 * (w - 1) * 1024 + 0.5);
    set_sums(&add_site(&writer, BASE + 0x200)->allocated, 10, size);
    site = add_site(&writer, BASE + 0x300);
    set_sums(&site->allocated, 10, size);
    set_sums(&site->freed, 10, size);
    profile = suspects_of(&writer);
    assert_string_equal(type_name(profile, profile->default_type), "inuse_space");
    pprofc_profile_free(profile);

    writer.head->heap.leaks.generation = 2;
    profile = suspects_of(&writer);
    assert_string_equal(type_name(profile, profile->default_type), "suspect_space");
    assert_int_equal(profile->n_samples, 2);
    assert_int_equal(value(profile, 0, SUSPECT_OBJECTS), llround(30 * w));
    assert_bytes(value(profile, 0, SUSPECT_SPACE), llround(30 * w * size));
    assert_int_equal(value(profile, 0, INUSE_OBJECTS), llround(60 * w));
    assert_bytes(value(profile, 0, INUSE_SPACE), llround(60 * w * size));
    assert_in_range(llround(pp_profile_estimate(profile, 0, SUSPECT_SPACE)->n_sampled), 29, 31);
    assert_int_equal(value(profile, 1, SUSPECT_SPACE), 0);
    pprofc_profile_free(profile);

    memset(&site->allocated, 0xff, sizeof site->allocated);
    memset(&site->freed, 0, sizeof site->freed);
    site->unreached_samples = UINT32_MAX;
    site->unreached_bytes = site->unreached_excess = UINT64_MAX;
    profile = suspects_of(&writer);
    assert_int_equal(profile->n_samples, 3);
    for (uint32_t type = 0; type < 4; type++)
        assert_true(value(profile, 2, type) > 0);
    pprofc_profile_free(profile);
    free(writer.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suspects),
        cmocka_unit_test(values_have_errors),
        cmocka_unit_test(odd_sites),
        cmocka_unit_test(damage),
        cmocka_unit_test(exact_has_no_errors),
        cmocka_unit_test(differences),
        cmocka_unit_test(peak),
        cmocka_unit_test(exec_ends_use),
        cmocka_unit_test(kinds),
        cmocka_unit_test(files_keep_errors),
        cmocka_unit_test(errors_add_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
