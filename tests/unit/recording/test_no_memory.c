/* Reading a recording, copying it and making its profile, with each allocation in turn refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/error.h"
#include "formats/recording.h"
#include "formats/recording_leak_profile.h"
#include "formats/recording_leaks.h"
#include "profile/idle.h"
#include "writer.h"

/* ---- allocations that fail on request (linked with --wrap) ---- */

static int64_t n_until_refusal = -1; /* -1: none is refused */
static bool was_refused;

void *__real_malloc(size_t n_bytes);
void *__real_calloc(size_t n, size_t n_bytes);
void *__real_realloc(void *old, size_t n_bytes);
void *__real_reallocarray(void *old, size_t n, size_t n_bytes);
void *__wrap_malloc(size_t n_bytes);
void *__wrap_calloc(size_t n, size_t n_bytes);
void *__wrap_realloc(void *old, size_t n_bytes);
void *__wrap_reallocarray(void *old, size_t n, size_t n_bytes);

static bool is_refused(void)
{
    if (n_until_refusal < 0 || n_until_refusal-- > 0)
        return false;
    was_refused = true;
    return true;
}

void *__wrap_malloc(size_t n_bytes)
{
    return is_refused() ? NULL : __real_malloc(n_bytes);
}

void *__wrap_calloc(size_t n, size_t n_bytes)
{
    return is_refused() ? NULL : __real_calloc(n, n_bytes);
}

void *__wrap_realloc(void *old, size_t n_bytes)
{
    return is_refused() ? NULL : __real_realloc(old, n_bytes);
}

void *__wrap_reallocarray(void *old, size_t n, size_t n_bytes)
{
    return is_refused() ? NULL : __real_reallocarray(old, n, n_bytes);
}

/* ---- the work ---- */

static void add_heap(struct writer *writer)
{
    struct pp_rec_heap *heap = &writer->head->heap;
    struct pp_rec_site *site;

    writer_table(writer, &heap->sites, sizeof(struct pp_rec_site));
    writer_table(writer, &heap->frames, sizeof(uint64_t));
    heap->mode = PP_HEAP_SAMPLED;
    heap->interval_bytes = 1000;
    for (uint32_t i = 0; i < 20; i++) {
        site = writer_item(writer, &heap->sites);
        site->hash = i + 1;
        site->first_frame = i;
        site->n_frames = 1;
        site->allocated.n_samples = site->allocated.bytes = 7;
        site->unreached_samples = i;
        site->unreached_bytes = i;
        *(uint64_t *)writer_item(writer, &heap->frames) = 0x10100 + i;
    }
}

/* Waits of two kinds, locks of two addresses, and where the thread's time went. */
static void add_waits(struct writer *writer, struct pp_rec_segment *segment, uint32_t stack)
{
    struct pp_rec_thread_waits *waits;

    writer_table(writer, &writer->head->waits.threads, sizeof *waits);
    waits = writer_item(writer, &writer->head->waits.threads);
    waits->wall_ns = 100;
    writer->head->waits.interval_ns = 10;
    writer->head->kinds = 7;
    for (uint32_t i = 0; i < 20; i++) {
        struct pp_rec_event *event = writer_event(segment, 50, 0, stack, 0, 5);
        event->flags = (uint16_t)((i & 1) != 0 ? PP_WAIT_POLL * PP_EVENT_WAIT : 0);
        event->family = (uint8_t)(i < 10 ? PP_FAMILY_OFFCPU : PP_FAMILY_LOCK);
        if (i < 10)
            continue;
        event->n_values = PP_WAIT_N_LOCK_VALUES;
        event->values[PP_WAIT_LOCK] = 0x20800 + i % 2;
        event->state_bytes += 8;
        segment->used += 8;
    }
}

static struct writer recording(void)
{
    static const uint64_t pcs[] = {0x10100, 0x10201, 0x20100, 0x99000};
    struct writer writer = writer_new();
    struct pp_rec_segment *segment;

    writer_module(&writer, "/gone/prog", 0x10000, 0x20000, 0, 0);
    writer_module(&writer, "/gone/a.so", 0x20000, 0x21000, 0, 10);
    writer_module(&writer, "/gone/b.so", 0x20000, 0x21000, 10, 0);
    writer_thread(&writer, 1, "main");
    segment = writer_segment(&writer, PP_SEGMENT_RAW, 1, 8192);
    for (uint32_t i = 0; i < 20; i++)
        writer_event(segment, i, 0, writer_stack(segment, pcs, 1 + i % 4), (uint16_t)(i & 1), 1);
    add_waits(&writer, segment, writer_stack(segment, pcs, 2));
    add_heap(&writer);
    return writer;
}

static int work(const struct writer *writer, enum pp_rec_family kind, struct pprofc_error *err)
{
    const struct pp_recording_profile_options options = {
        .kind = kind, .view = kind == 0 ? PP_RECORDED_WALL : PP_RECORDED_OF_KIND};
    struct pp_idle idle;
    struct pprofc_profile *profile = NULL;
    struct pp_recording_reader *reader = NULL;
    struct pp_buffer copy = PP_BUFFER_INIT;
    int status = pp_recording_view(writer->bytes, writer->n_next, "made", &reader, err);

    if (status != 0)
        return status;
    status = pp_recording_refresh(reader, err);
    if (status == 0)
        status = pp_recording_copy(reader, &copy, err);
    if (status == 0)
        status = pp_recording_to_profile(reader, NULL, &options, &profile, err);
    pp_buffer_done(&copy);
    pp_recording_close(reader);
    if (status == 0 && kind == 0)
        status = pp_profile_ignore_idle(profile, 1, &idle, err);
    if (status != 0 && kind == 0 && profile != NULL) {
        pprofc_profile_free(profile);
        return status;
    }
    if (status != 0) {
        assert_null(profile);
        return status;
    }
    pprofc_profile_free(profile);
    return 0;
}

/* What is known of leaks, as a report and as a profile. */
static int work_on_leaks(const struct writer *writer, struct pprofc_error *err)
{
    struct pprofc_profile *profile = pp_profile_new();
    struct pp_symbolizer *symbolizer = NULL;
    struct pp_recording_reader *reader = NULL;
    struct pp_leak_report report;
    int status = profile == NULL ? pp_fail(err, -ENOMEM, 0, "no memory for the profile")
                                 : pp_symbolizer_new(NULL, &symbolizer, err);

    if (status == 0)
        status = pp_recording_view(writer->bytes, writer->n_next, "made", &reader, err);
    if (status == 0)
        status = pp_recording_leak_profile_fill(reader, symbolizer, profile, err);
    if (status == 0)
        status = pp_recording_leaks(reader, symbolizer, 100, &report, err);
    if (status == 0)
        pp_leak_report_done(&report);
    pp_recording_close(reader);
    pp_symbolizer_free(symbolizer);
    pprofc_profile_free(profile);
    return status;
}

enum { LEAKS = -1 }; /* no family */

/* Each allocation refused is -ENOMEM with a message, nothing half-made and nothing leaked (the
 * address sanitizer tells), or is done without. */
static void every_allocation_may_fail(int kind)
{
    struct writer writer = recording();
    int64_t n = 0, n_reported = 0;

    do {
        struct pprofc_error err = {0};
        int status;
        was_refused = false;
        n_until_refusal = n++;
        status = kind == LEAKS ? work_on_leaks(&writer, &err)
                               : work(&writer, (enum pp_rec_family)kind, &err);
        n_until_refusal = -1;
        if (status != 0) {
            assert_true(was_refused);
            assert_int_equal(status, -ENOMEM);
            assert_int_equal(err.code, -ENOMEM);
            assert_true(err.message[0] != '\0');
            n_reported++;
        }
    } while (was_refused);
    assert_true(n_reported > 30);
    free(writer.bytes);
}

static void cpu(void **state)
{
    (void)state;
    every_allocation_may_fail(PP_FAMILY_CPU);
}

static void waits(void **state)
{
    (void)state;
    every_allocation_may_fail(PP_FAMILY_OFFCPU);
}

static void locks(void **state)
{
    (void)state;
    every_allocation_may_fail(PP_FAMILY_LOCK);
}

static void wall(void **state) /* and what of it is idle */
{
    (void)state;
    every_allocation_may_fail(0);
}

static void heap(void **state)
{
    (void)state;
    every_allocation_may_fail(PP_FAMILY_HEAP);
}

static void leaks(void **state)
{
    (void)state;
    every_allocation_may_fail(LEAKS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cpu),  cmocka_unit_test(waits), cmocka_unit_test(locks),
        cmocka_unit_test(wall), cmocka_unit_test(heap),  cmocka_unit_test(leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
