/* Lifetimes of recordings made by hand, as profiles: sums, quantiles, files and tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "formats/formats.h"
#include "formats/recording_heap.h"
#include "profile/lifetimes.h"
#include "profile/top.h"
#include "writer.h"

enum { BASE = 0x10000, ALLOC_OBJECTS = 0, ALLOC_SPACE, INUSE_OBJECTS, INUSE_SPACE };

/* An exact recording of the heap that keeps lifetimes. */
static struct writer heap_writer(void)
{
    struct writer writer = writer_new();
    struct pp_rec_heap *heap = &writer.head->heap;

    writer.head->kinds = 1U << (PP_FAMILY_HEAP - 1);
    writer_module(&writer, "/gone/prog", BASE, BASE + 0x10000, 0, 0);
    writer_table(&writer, &heap->sites, sizeof(struct pp_rec_site));
    writer_table(&writer, &heap->frames, sizeof(uint64_t));
    writer_table(&writer, &heap->lifetimes, sizeof(struct pp_rec_lifetimes));
    heap->mode = PP_HEAP_EXACT;
    heap->interval_bytes = 1;
    heap->options = PP_HEAP_KEEPS_LIFETIMES;
    return writer;
}

static void set(struct pp_rec_heap_sums *sums, uint64_t n, uint64_t size)
{
    sums->n_samples = n;
    sums->bytes = n * size;
}

/* A site with 'n' objects allocated, of 10 bytes each, and its lifetimes, all zero. */
static struct pp_rec_lifetimes *add_site(struct writer *writer, uint64_t return_address, uint64_t n)
{
    struct pp_rec_site *site = writer_item(writer, &writer->head->heap.sites);

    site->first_frame = writer->head->heap.frames.n_items;
    site->n_frames = 1;
    *(uint64_t *)writer_item(writer, &writer->head->heap.frames) = return_address;
    site->hash = return_address;
    set(&site->allocated, n, 10);
    return writer_item(writer, &writer->head->heap.lifetimes);
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

static void assert_near(double is, double should)
{
    if (fabs(is - should) > 1e-3 * fabs(should))
        fail_msg("%g instead of %g", is, should);
}

/* What was freed is samples of its own beside what is in use, and their sum is what it was; of an
 * unlucky reading of a living process, too, in which more was freed than was allocated yet. */
static void sums_stay(void **state)
{
    struct writer writer = heap_writer();
    struct pp_rec_lifetimes *lifetimes = add_site(&writer, BASE + 0x101, 100);
    struct pprofc_profile *profile;
    (void)state;

    set(&lifetimes->freed[3], 30, 10);
    set(&lifetimes->freed[20], 50, 10);
    profile = profile_of(&writer, NULL);
    assert_int_equal(profile->n_samples, 3);
    assert_int_equal(pp_profile_total(profile, ALLOC_OBJECTS), 100);
    assert_int_equal(pp_profile_total(profile, ALLOC_SPACE), 1000);
    assert_int_equal(pp_profile_total(profile, INUSE_SPACE), 1000);
    for (uint32_t i = 0; i < profile->n_samples; i++) {
        const int64_t *values = profile->sample_values + (size_t)i * profile->n_types;
        const int bucket = pp_lifetime_of(profile, profile->sample_labels[i]);
        assert_int_equal(values[ALLOC_OBJECTS], bucket == 3 ? 30 : bucket == 20 ? 50 : 20);
        assert_int_equal(values[INUSE_OBJECTS], bucket < 0 ? 100 : 0);
    }
    pprofc_profile_free(profile);
    set(&lifetimes->freed[30], 60, 10);
    profile = profile_of(&writer, NULL);
    assert_int_equal(pp_profile_total(profile, ALLOC_OBJECTS), 100);
    assert_int_equal(pp_profile_total(profile, ALLOC_SPACE), 1000);
    pprofc_profile_free(profile);
    free(writer.bytes);
}

/* Sampled, the variances of the parts add up to that of the whole. */
static void variances_stay(void **state)
{
    struct writer writer = heap_writer();
    struct pp_rec_lifetimes *lifetimes = add_site(&writer, BASE + 0x101, 100);
    struct pp_rec_site *site =
        (struct pp_rec_site *)(writer.bytes + writer.head->heap.sites.blocks[0]);
    const double variance = 500, part = 200;
    struct pprofc_profile *profile;
    struct pp_estimate estimate;
    (void)state;

    writer.head->heap.mode = PP_HEAP_SAMPLED;
    writer.head->heap.interval_bytes = 1000;
    memcpy((void *)&site->allocated.count_variance, &variance, sizeof variance);
    set(&lifetimes->freed[3], 30, 10);
    memcpy((void *)&lifetimes->freed[3].count_variance, &part, sizeof part);
    profile = profile_of(&writer, NULL);
    estimate = pp_profile_total_estimate(profile, ALLOC_OBJECTS);
    assert_near(estimate.variance, variance);
    assert_near(estimate.n_sampled, 100);
    assert_near(pp_lifetimes_total(profile, ALLOC_OBJECTS).n_sampled, 30);
    pprofc_profile_free(profile);
    free(writer.bytes);
}

/* Half of what was freed, and 99 %, lived for less than so much: between a bucket's bounds by the
 * logarithm. */
static void quantiles(void **state)
{
    struct pp_lifetimes lifetimes = {.freed_sum = 100, .allocated = 200, .n_sampled = 100};
    (void)state;

    lifetimes.freed[10] = 50;
    lifetimes.freed[12] = 50;
    assert_near(pp_lifetimes_quantile_ns(&lifetimes, 0.25), 1e6 / sqrt(2));
    assert_near(pp_lifetimes_quantile_ns(&lifetimes, 0.5), 1e6);
    assert_near(pp_lifetimes_quantile_ns(&lifetimes, 0.75), 4e6 / sqrt(2));
    assert_near(pp_lifetimes_quantile_ns(&lifetimes, 1), 4e6);
    assert_near(pp_lifetimes_temporary(&lifetimes), 0.25);
    lifetimes.n_sampled = 9;
    assert_near(pp_lifetimes_quantile_ns(&lifetimes, 0.5), -1);
    lifetimes = (struct pp_lifetimes){.allocated = 5, .n_sampled = 100};
    assert_near(pp_lifetimes_quantile_ns(&lifetimes, 0.5), -1);
    assert_true(pp_lifetimes_temporary(&lifetimes) == 0);
    lifetimes.allocated = 0;
    assert_near(pp_lifetimes_temporary(&lifetimes), -1);
}

/* Each bucket's label leads back to it, and through a pprof file, too; labels of others, and of
 * other units, are no lifetimes. */
static void labels(void **state)
{
    struct pprofc_profile *profile = pp_profile_new();
    struct pp_label label = {.key = pp_profile_text(profile, "lifetime"),
                             .unit = pp_profile_text(profile, "bytes"),
                             .number = 1000};
    (void)state;

    for (uint32_t bucket = 0; bucket < PP_N_LIFETIMES; bucket++)
        assert_int_equal(pp_lifetime_of(profile, pp_lifetime_labels(profile, bucket, NULL, 0)),
                         bucket);
    assert_int_equal(pp_lifetime_bound_ns(PP_LIFETIME_OF_1_MS), 1000000);
    assert_int_equal(pp_lifetime_of(profile, 0), -1);
    assert_int_equal(pp_lifetime_of(profile, pp_profile_label_set(profile, &label, 1)), -1);
    label.unit = pp_profile_text(profile, "nanoseconds");
    assert_int_equal(pp_lifetime_of(profile, pp_profile_label_set(profile, &label, 1)), 0);
    label.number = INT64_MAX;
    assert_int_equal(pp_lifetime_of(profile, pp_profile_label_set(profile, &label, 1)),
                     PP_N_LIFETIMES - 1);
    label.number = -5;
    assert_int_equal(pp_lifetime_of(profile, pp_profile_label_set(profile, &label, 1)), -1);
    label = (struct pp_label){.key = label.key, .text = pp_profile_text(profile, "long")};
    assert_int_equal(pp_lifetime_of(profile, pp_profile_label_set(profile, &label, 1)), -1);
    pprofc_profile_free(profile);
}

/* A row has those of what it allocated itself, whatever type is shown; from a file the same. */
static void rows(void **state)
{
    struct writer writer = heap_writer();
    struct pp_rec_lifetimes *lifetimes = add_site(&writer, BASE + 0x101, 100);
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    struct pprofc_profile *profile, *read = NULL;
    struct pp_top top;
    (void)state;

    set(&lifetimes->freed[3], 30, 10);
    set(&lifetimes->freed[20], 50, 10);
    profile = profile_of(&writer, NULL);
    assert_int_equal(pp_pprof_write(profile, false, &bytes, NULL), 0);
    assert_int_equal(pp_pprof_read(bytes.bytes, bytes.n_bytes, "it", &read, NULL), 0);
    for (uint32_t type = 0; type < 4; type++) {
        assert_int_equal(pp_top_make(read, type, PP_BY_FUNCTION, &top, NULL), 0);
        assert_int_equal(top.n_rows, 1);
        assert_non_null(top.rows[0].lifetimes);
        assert_near(top.rows[0].lifetimes->freed[3], type % 2 == 0 ? 30 : 300);
        assert_near(top.rows[0].lifetimes->freed[20], type % 2 == 0 ? 50 : 500);
        assert_near(pp_lifetimes_temporary(top.rows[0].lifetimes), 0.3);
        pp_top_done(&top);
    }
    pprofc_profile_free(profile);
    pprofc_profile_free(read);
    free(writer.bytes);
}

/* Of what came since a mark nothing is told; a recording that keeps none has no labels, and a table
 * that is shorter than that of sites is no damage. */
static void unknown(void **state)
{
    struct writer writer = heap_writer();
    struct pp_heap_mark mark;
    const struct pp_recording_profile_options options = {.heap_since = &mark};
    struct pp_recording_reader *reader = NULL;
    struct pprofc_profile *profile;
    struct pp_top top;
    (void)state;

    set(&add_site(&writer, BASE + 0x101, 100)->freed[3], 30, 10);
    assert_int_equal(pp_recording_view(writer.bytes, writer.n_next, "made", &reader, NULL), 0);
    assert_int_equal(pp_heap_mark_take(reader, &mark), 0);
    pp_recording_close(reader);
    (void)add_site(&writer, BASE + 0x201, 7);
    profile = profile_of(&writer, &options);
    assert_int_equal(pp_lifetimes_type(profile, 0), -1);
    pprofc_profile_free(profile);
    writer.head->heap.lifetimes.n_items = 1;
    profile = profile_of(&writer, NULL);
    assert_int_equal(profile->n_samples, 3);
    pprofc_profile_free(profile);
    memset(&writer.head->heap.lifetimes, 0, sizeof writer.head->heap.lifetimes);
    profile = profile_of(&writer, NULL);
    assert_int_equal(profile->n_samples, 2);
    assert_int_equal(pp_top_make(profile, 0, PP_BY_FUNCTION, &top, NULL), 0);
    assert_null(top.rows[0].lifetimes);
    pp_top_done(&top);
    pprofc_profile_free(profile);
    pp_heap_mark_done(&mark);
    free(writer.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_stay), cmocka_unit_test(variances_stay), cmocka_unit_test(quantiles),
        cmocka_unit_test(labels),    cmocka_unit_test(rows),           cmocka_unit_test(unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
