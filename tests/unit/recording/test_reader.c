/* The reader on recordings made by hand: what it shows, and that nothing in them makes it stumble.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "recording/reader.h"
#include "writer.h"

/* What came out of one pass. */
struct seen {
    uint32_t n_events;
    struct pp_recording_event events[64];
    uint64_t sum; /* of everything, so that everything is read */
};

static int note(void *context, const struct pp_recording_event *event)
{
    struct seen *seen = context;

    if (seen->n_events < 64)
        seen->events[seen->n_events] = *event;
    seen->n_events++;
    for (uint32_t i = 0; i < event->n_frames; i++)
        seen->sum += event->pcs[i];
    return 0;
}

static struct pp_recording_reader *view(const struct writer *writer)
{
    struct pp_recording_reader *reader = NULL;
    struct pprofc_error err = {0};

    if (pp_recording_view(writer->bytes, writer->n_next, "made", &reader, &err) != 0)
        fail_msg("%s", err.message);
    return reader;
}

static struct seen look(const struct writer *writer)
{
    struct pp_recording_reader *reader = view(writer);
    struct seen seen = {0};
    const int64_t n_events = pp_recording_each(reader, note, &seen);

    assert_int_equal(n_events, seen.n_events);
    pp_recording_close(reader);
    return seen;
}

static const uint64_t stack_pcs[3] = {0x1010, 0x1020, 0x1030};

/* An event comes out as it went in, with its stack; thread and module tables are read across their
 * blocks. */
static void shows_what_is_there(void **state)
{
    struct writer writer = writer_new();
    struct pp_rec_segment *segment = writer_segment(&writer, PP_SEGMENT_RAW, 1, 4096);
    const uint32_t stack = writer_stack(segment, stack_pcs, 3);
    struct pp_recording_reader *reader;
    struct seen seen = {0};

    (void)state;
    for (uint32_t i = 0; i < 7; i++) {
        writer_thread(&writer, 100 + i, "worker");
        writer_module(&writer, "/lib/x.so", 0x1000 * (i + 1), 0x1000 * (i + 2), 0, 0);
    }
    writer_event(segment, 123456, 6, stack, PP_EVENT_TRUNCATED, 10000000);
    reader = view(&writer);
    assert_int_equal(pp_recording_each(reader, note, &seen), 1);
    assert_int_equal(seen.events[0].time_ns, 123456);
    assert_int_equal(seen.events[0].thread, 6);
    assert_int_equal(seen.events[0].family, PP_FAMILY_CPU);
    assert_int_equal(seen.events[0].flags, PP_EVENT_TRUNCATED);
    assert_int_equal(seen.events[0].n_values, 2);
    assert_int_equal(seen.events[0].values[0], 1);
    assert_int_equal(seen.events[0].values[1], 10000000);
    assert_int_equal(seen.events[0].n_frames, 3);
    assert_memory_equal(seen.events[0].pcs, stack_pcs, sizeof stack_pcs);
    assert_int_equal(pp_recording_thread(reader, 6)->tid, 106);
    assert_null(pp_recording_thread(reader, 7));
    assert_int_equal(pp_recording_module(reader, 5)->start, 0x6000);
    assert_null(pp_recording_module(reader, 7));
    assert_string_equal(pp_recording_header(reader)->command, "prog --work");
    assert_null(pp_recording_shared_header(reader));
    pp_recording_close(reader);
    free(writer.bytes);
}

/* A reserved event is stepped over by its length, an unwritten length is searched past, and what
 * lies in either is not shown. */
static void holes_are_skipped(void **state)
{
    struct writer writer = writer_new();
    struct pp_rec_segment *segment = writer_segment(&writer, PP_SEGMENT_RAW, 1, 4096);
    const uint32_t stack = writer_stack(segment, stack_pcs, 3);
    struct pp_rec_event *event;
    struct seen seen;

    (void)state;
    writer_event(segment, 1, 0, stack, 0, 10);
    event = writer_event(segment, 2, 0, stack, 0, 20);
    event->state_bytes = 48 | (uint32_t)PP_EVENT_RESERVED << 24;
    /* A word of the uncommitted body that looks like an event's head. */
    event->time_ns =
        40 | (uint64_t)PP_EVENT_COMMITTED << 24 | (uint64_t)PP_FAMILY_CPU << 32 | UINT64_C(1) << 40;
    writer_event(segment, 3, 0, stack, 0, 30);
    event = writer_event(segment, 4, 0, stack, 0, 40);
    memset(event, 0, 48);
    writer_event(segment, 5, 0, stack, 0, 50);
    event = writer_event(segment, 6, 0, stack, 0, 60);
    memset(event, 0, 48); /* the last one */
    seen = look(&writer);
    assert_int_equal(seen.n_events, 3);
    assert_int_equal(seen.events[0].time_ns, 1);
    assert_int_equal(seen.events[1].time_ns, 3);
    assert_int_equal(seen.events[2].time_ns, 5);
    free(writer.bytes);
}

/* An event whose stack is not wholly among the stacks is left out; the others stay. */
static void bad_stacks_are_left_out(void **state)
{
    struct writer writer = writer_new();
    struct pp_rec_segment *segment = writer_segment(&writer, PP_SEGMENT_RAW, 1, 4096);
    const uint32_t stack = writer_stack(segment, stack_pcs, 3);
    struct seen seen;

    (void)state;
    writer_event(segment, 1, 0, stack, 0, 10);
    writer_event(segment, 2, 0, stack - 1, 0, 20); /* before the first stack */
    writer_event(segment, 3, 0, 4096 / 8, 0, 30);  /* behind the area */
    writer_event(segment, 4, 0, stack + 4, 0, 40); /* no room for a stack's head */
    writer_event(segment, 5, 0, UINT32_MAX, 0, 50);
    writer_event(segment, 6, 0, stack, 0, 60);
    seen = look(&writer);
    assert_int_equal(seen.n_events, 2);
    assert_int_equal(seen.events[1].time_ns, 6);
    ((struct pp_rec_stack *)(writer_area(segment) + stack * 8))->n_frames =
        4; /* one more than there is room for */
    assert_int_equal(look(&writer).n_events, 0);
    free(writer.bytes);
}

/* Folded segments come first, raw ones by their sequence, and a raw one that a folded one holds
 * already not at all. */
static void segments_have_an_order(void **state)
{
    static const uint64_t sequences[] = {9, 5, 4, 7};
    struct writer writer = writer_new();
    struct seen seen;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct pp_rec_segment *segment =
            writer_segment(&writer, PP_SEGMENT_RAW, sequences[i], 1024);
        writer_event(segment, sequences[i], 0, writer_stack(segment, stack_pcs, 3), 0, 1);
    }
    writer_segment(&writer, PP_SEGMENT_RAW, 0, 1024); /* a spare */
    {
        struct pp_rec_segment *segment = writer_segment(&writer, PP_SEGMENT_FOLDED, 5, 1024);
        writer_event(segment, 100, 0, writer_stack(segment, stack_pcs, 3), 0, 1);
    }
    seen = look(&writer);
    assert_int_equal(seen.n_events, 3);
    assert_int_equal(seen.events[0].time_ns, 100);
    assert_int_equal(seen.events[0].slice_ns, PP_REC_SLICE_NS);
    assert_int_equal(seen.events[1].time_ns, 7);
    assert_int_equal(seen.events[1].slice_ns, 0);
    assert_int_equal(seen.events[2].time_ns, 9);
    assert_int_not_equal(seen.events[1].stack_key, seen.events[2].stack_key);
    free(writer.bytes);
}

/* The directory that the index names is read, and the other one is not. */
static void one_directory_counts(void **state)
{
    struct writer writer = writer_new();
    struct pp_rec_segment *segment = writer_segment(&writer, PP_SEGMENT_RAW, 1, 1024);

    (void)state;
    writer_event(segment, 1, 0, writer_stack(segment, stack_pcs, 3), 0, 1);
    writer.head->directory_index = 7;
    segment = writer_segment(&writer, PP_SEGMENT_RAW, 2, 1024);
    writer_event(segment, 2, 0, writer_stack(segment, stack_pcs, 3), 0, 1);
    writer.head->n_segments[0] = UINT32_MAX;
    assert_int_equal(look(&writer).events[0].time_ns, 2);
    free(writer.bytes);
}

/* Events of a snapshot of what 'reader' reads, since 'since_ns'. */
static uint32_t count_since(struct pp_recording_reader *reader, uint64_t since_ns)
{
    struct pp_recording_reader *snapshot = NULL;
    struct seen seen = {0};

    assert_int_equal(pp_recording_snapshot(reader, since_ns, &snapshot, NULL), 0);
    assert_non_null(pp_recording_thread(snapshot, 0));
    (void)pp_recording_each(snapshot, note, &seen);
    pp_recording_close(snapshot);
    return seen.n_events;
}

/* Who wants what came since a moment gets of the sums those that reach into it, and all that is not
 * summed up; without events the tables alone.  One late event is found wherever it stands: sums are
 * looked through in pieces of 64 KiB. */
static void sums_before_are_left_out(void **state)
{
    enum { N_SUMS = 4000, N_RAW = 2 };
    struct writer writer = writer_new();
    struct pp_rec_segment *sums = writer_segment(&writer, PP_SEGMENT_FOLDED, 1, 256 << 10);
    struct pp_rec_segment *raw = writer_segment(&writer, PP_SEGMENT_RAW, 2, 1024);
    const uint64_t late_ns = UINT64_C(100) * PP_REC_SLICE_NS;
    const uint32_t stack = writer_stack(sums, stack_pcs, 3);
    struct pp_recording_reader *reader;
    struct pp_rec_event *events[N_SUMS];

    (void)state;
    writer_thread(&writer, 1, "t");
    for (uint32_t i = 0; i < N_SUMS; i++)
        events[i] = writer_event(sums, i, 0, stack, 0, 1);
    for (uint32_t i = 0; i < N_RAW; i++)
        writer_event(raw, i, 0, writer_stack(raw, stack_pcs, 3), 0, 1);
    reader = view(&writer);
    assert_int_equal(count_since(reader, 0), N_SUMS + N_RAW);
    assert_int_equal(count_since(reader, PP_REC_SLICE_NS), N_SUMS - 1 + N_RAW);
    assert_int_equal(count_since(reader, N_SUMS + PP_REC_SLICE_NS - 2), 1 + N_RAW);
    assert_int_equal(count_since(reader, N_SUMS + PP_REC_SLICE_NS - 1), N_RAW);
    assert_int_equal(count_since(reader, PP_RECORDING_NO_EVENTS), 0);
    for (uint32_t i = 0; i < N_SUMS; i++) {
        events[i]->time_ns = late_ns;
        assert_int_equal(count_since(reader, late_ns + PP_REC_SLICE_NS - 1), 1 + N_RAW);
        events[i]->time_ns = i;
    }
    pp_recording_close(reader);
    free(writer.bytes);
}

/* Each of the sums that are taken keeps its stack; stacks that are not wholly there cost their
 * events. */
static void taken_sums_have_their_stacks(void **state)
{
    struct writer writer = writer_new();
    struct pp_rec_segment *sums = writer_segment(&writer, PP_SEGMENT_FOLDED, 1, 4096);
    uint32_t stacks[3];
    struct pp_recording_reader *reader, *snapshot = NULL;
    struct seen seen = {0};

    (void)state;
    for (uint32_t i = 0; i < 3; i++)
        stacks[i] = writer_stack(sums, stack_pcs + i, 3 - i);
    for (uint32_t i = 0; i < 9; i++)
        writer_event(sums, i < 3 ? 0 : PP_REC_SLICE_NS + i, 0, stacks[i % 3], 0, i);
    writer_event(sums, 2 * PP_REC_SLICE_NS, 0, 1, 0, 1);
    writer_event(sums, 2 * PP_REC_SLICE_NS, 0, UINT32_MAX, 0, 1);
    reader = view(&writer);
    assert_int_equal(pp_recording_snapshot(reader, PP_REC_SLICE_NS, &snapshot, NULL), 0);
    assert_int_equal(pp_recording_each(snapshot, note, &seen), 6);
    for (uint32_t i = 0; i < 6; i++) {
        const struct pp_recording_event *event = &seen.events[i];
        assert_int_equal(event->values[1], i + 3);
        assert_int_equal(event->n_frames, 3 - i % 3);
        assert_memory_equal(event->pcs, stack_pcs + i % 3, event->n_frames * sizeof(uint64_t));
        assert_true(event->stack_key == seen.events[i % 3].stack_key);
    }
    pp_recording_close(snapshot);
    pp_recording_close(reader);
    free(writer.bytes);
}

/* The error's code for 'writer' as it is now; its offset in '*offset_out'. */
static int refusal(const struct writer *writer, uint64_t n_bytes, struct pprofc_error *err)
{
    struct pp_recording_reader *reader = NULL;
    const int status = pp_recording_view(writer->bytes, n_bytes, "made", &reader, err);

    assert_int_equal(status, err->code);
    assert_null(reader);
    return status;
}

/* Foreign files, other layouts, cut files and wrong sizes are refused with the place in the error.
 */
static void refuses_with_a_reason(void **state)
{
    struct writer writer = writer_new();
    struct pp_rec_segment *segment = writer_segment(&writer, PP_SEGMENT_RAW, 1, 1024);
    const uint64_t segment_offset = writer.head->segments[0][0].offset;
    struct pp_rec_header *head = writer.head;
    struct pprofc_error err = {0};

    (void)state;
    writer_event(segment, 1, 0, writer_stack(segment, stack_pcs, 3), 0, 1);
    writer_thread(&writer, 1, "main");
    assert_int_equal(refusal(&writer, 0, &err), -EBADMSG);
    assert_int_equal(refusal(&writer, 8, &err), -EBADMSG);
    assert_int_equal(refusal(&writer, writer.n_next - 1, &err), -EBADMSG);
    assert_non_null(strstr(err.message, "cut short"));
    assert_int_equal(err.offset_bytes, writer.n_next - 1);

    head->magic[3] ^= 1;
    assert_int_equal(refusal(&writer, writer.n_next, &err), -EBADMSG);
    assert_non_null(strstr(err.message, "not a pprof-c recording"));
    head->magic[3] ^= 1;

    head->layout = PP_REC_LAYOUT + 1;
    assert_int_equal(refusal(&writer, writer.n_next, &err), -ENOTSUP);
    assert_non_null(strstr(err.message, "newer pprof-c (layout 5"));
    head->layout = 0;
    assert_int_equal(refusal(&writer, writer.n_next, &err), -EBADMSG);
    assert_int_equal(err.offset_bytes, 8);
    head->layout = PP_REC_LAYOUT;

    head->segments[0][0].offset = writer.n_next - 8;
    assert_int_equal(refusal(&writer, writer.n_next, &err), -EBADMSG);
    assert_int_equal(err.offset_bytes, writer.n_next - 8);
    head->segments[0][0].offset = segment_offset;

    segment->area_bytes += 1 << 20;
    assert_int_equal(refusal(&writer, writer.n_next, &err), -EBADMSG);
    assert_int_equal(err.offset_bytes, segment_offset);
    segment->area_bytes -= 1 << 20;

    segment->used += 2048;
    assert_int_equal(refusal(&writer, writer.n_next, &err), -EBADMSG);
    segment->used -= 2048;

    head->threads.item_bytes = 8;
    assert_int_equal(refusal(&writer, writer.n_next, &err), -EBADMSG);
    assert_int_equal(err.offset_bytes, offsetof(struct pp_rec_header, threads));
    head->threads.item_bytes = sizeof(struct pp_rec_thread);
    head->threads.blocks[0] = UINT64_MAX - 7;
    assert_int_equal(refusal(&writer, writer.n_next, &err), -EBADMSG);
    free(writer.bytes);
}

/* A layout with larger items, as a later one may have, is read by its own item size; a thread count
 * beyond the blocks is what there are blocks for. */
static void tables_say_their_item_size(void **state)
{
    struct writer writer = writer_new();
    struct pp_recording_reader *reader;

    (void)state;
    writer.head->threads.item_bytes = sizeof(struct pp_rec_thread) + 64;
    for (uint32_t i = 0; i < 5; i++)
        writer_thread(&writer, 10 + i, "t");
    writer.head->threads.n_items = 1000;
    reader = view(&writer);
    assert_int_equal(pp_recording_thread(reader, 4)->tid, 14);
    assert_int_equal(pp_recording_thread(reader, 5)->tid, 0); /* in a block, not filled */
    assert_null(pp_recording_thread(reader, 6));
    pp_recording_close(reader);
    free(writer.bytes);
}

/* Segments that share bytes cannot make a small file into a large copy. */
static void overlaps_are_refused(void **state)
{
    struct writer writer = writer_new();
    struct pp_rec_segment *segment = writer_segment(&writer, PP_SEGMENT_RAW, 1, 1 << 20);
    struct pprofc_error err = {0};

    (void)state;
    writer_stack(segment, stack_pcs, 3);
    while ((uint32_t)segment->used < (1 << 20) - 200)
        writer_event(segment, 1, 0, (1 << 20) / 8 - 5, 0, 1);
    for (uint32_t i = 1; i < PP_REC_MAX_SEGMENTS; i++)
        writer.head->segments[0][i] = writer.head->segments[0][0];
    writer.head->n_segments[0] = PP_REC_MAX_SEGMENTS;
    assert_int_equal(refusal(&writer, writer.n_next, &err), -EBADMSG);
    assert_non_null(strstr(err.message, "overlap"));
    free(writer.bytes);
}

/* A copy reads as the original does, is smaller, and can be written to a file and opened. */
static void a_copy_is_a_recording(void **state)
{
    struct writer writer = writer_new();
    struct pp_rec_segment *segment = writer_segment(&writer, PP_SEGMENT_RAW, 1, 1 << 20);
    char path[] = "/tmp/pprofc-test-reader-XXXXXX";
    const int fd = mkstemp(path);
    struct pp_recording_reader *reader = NULL, *copied = NULL;
    struct seen before, after = {0};
    struct pp_buffer copy = PP_BUFFER_INIT;

    (void)state;
    writer_thread(&writer, 77, "main");
    writer_module(&writer, "/bin/x", 0x1000, 0x2000, 0, 0);
    for (uint32_t i = 0; i < 50; i++)
        writer_event(segment, i, 0, writer_stack(segment, stack_pcs, 1 + i % 3), 0, 1);
    before = look(&writer);
    reader = view(&writer);
    assert_int_equal(pp_recording_copy(reader, &copy, NULL), 0);
    assert_true(copy.n_bytes < 64 * 1024);
    assert_int_equal(write(fd, copy.bytes, copy.n_bytes), (ssize_t)copy.n_bytes);
    assert_int_equal(pp_recording_open(path, &copied, NULL), 0);
    assert_int_equal(pp_recording_each(copied, note, &after), 50);
    assert_int_equal(before.n_events, 50);
    assert_int_equal(before.sum, after.sum);
    for (uint32_t i = 0; i < 50; i++) {
        assert_int_equal(after.events[i].time_ns, i);
        assert_int_equal(after.events[i].n_frames, 1 + i % 3);
    }
    assert_int_equal(pp_recording_thread(copied, 0)->tid, 77);
    assert_string_equal(pp_recording_module(copied, 0)->path, "/bin/x");
    assert_null(pp_recording_shared_header(copied));
    assert_int_equal(pp_recording_command(copied, PP_REQUEST_STOP, 0, 10), -ESRCH);
    (void)unlink(path);
    (void)close(fd);
    pp_buffer_done(&copy);
    pp_recording_close(reader);
    pp_recording_close(copied);
    free(writer.bytes);
}

/* A missing file, a folder and a pipe are one error each, at once. */
static void other_files_are_refused(void **state)
{
    struct pp_recording_reader *reader = NULL;
    struct pprofc_error err = {0};

    (void)state;
    assert_int_equal(pp_recording_open("/nonexistent/x.ppc", &reader, &err), -ENOENT);
    assert_non_null(strstr(err.message, "/nonexistent/x.ppc"));
    assert_int_equal(pp_recording_open("/tmp", &reader, &err), -EINVAL);
    assert_int_equal(pp_recording_open("/dev/null", &reader, &err), -EINVAL);
    assert_null(reader);
}

/* Read everything of what may be no recording at all. */
static void stumble(const unsigned char *bytes, size_t n_bytes)
{
    struct pp_recording_reader *reader = NULL, *snapshot = NULL;
    struct seen seen = {0};
    volatile uint64_t sum = 0;

    if (pp_recording_view(bytes, n_bytes, "made", &reader, NULL) != 0)
        return;
    (void)pp_recording_each(reader, note, &seen);
    for (uint32_t i = 0; pp_recording_thread(reader, i) != NULL; i++)
        sum += pp_recording_thread(reader, i)->tid;
    for (uint32_t i = 0; pp_recording_module(reader, i) != NULL; i++)
        sum += pp_recording_module(reader, i)->limit;
    (void)sum;
    if (pp_recording_snapshot(reader, PP_REC_SLICE_NS + 5, &snapshot, NULL) == 0)
        (void)pp_recording_each(snapshot, note, &seen);
    pp_recording_close(snapshot);
    pp_recording_close(reader);
}

static struct writer rich_recording(void)
{
    struct writer writer = writer_new();

    for (uint32_t s = 1; s < 4; s++) {
        struct pp_rec_segment *segment =
            writer_segment(&writer, s == 1 ? PP_SEGMENT_FOLDED : PP_SEGMENT_RAW, s, 2048);
        for (uint32_t i = 0; i < 10; i++)
            writer_event(segment, i, i % 3, writer_stack(segment, stack_pcs, 1 + i % 3), 0, 1);
        writer_thread(&writer, s, "t");
        writer_module(&writer, "/bin/x", 0x1000, 0x2000, 0, 0);
    }
    return writer;
}

/* Each byte of the header set to six values, and 5000 mutants with up to 16 random bytes elsewhere:
 * never a crash (run under the address sanitizer to see more), and the memory read is never beyond
 * the copy. */
static void corruption_never_crashes(void **state)
{
    static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xa5, 0xff};
#ifdef __SANITIZE_THREAD__ /* sixty times slower, and nothing here has threads */
    const size_t n_values = 1;
    const int n_rounds = 1000;
#else
    const size_t n_values = sizeof values;
    const int n_rounds = 5000;
#endif
    struct writer writer = rich_recording();
    unsigned char *mutant = malloc(writer.n_next); /* tight, for the sanitizer */
    uint64_t random = 88172645463325252;

    (void)state;
    memcpy(mutant, writer.bytes, writer.n_next);
    for (size_t at = 0; at < sizeof(struct pp_rec_header); at++) {
        for (size_t v = 0; v < n_values; v++) {
            mutant[at] = values[(at + v) % sizeof values];
            stumble(mutant, writer.n_next);
        }
        mutant[at] = writer.bytes[at];
    }
    for (int round = 0; round < n_rounds; round++) {
        for (int i = 0; i <= round % 16; i++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            mutant[PP_REC_HEADER_BYTES + random % (writer.n_next - PP_REC_HEADER_BYTES)] =
                (unsigned char)(random >> 56);
        }
        stumble(mutant, writer.n_next);
        if (round % 8 == 7)
            memcpy(mutant + PP_REC_HEADER_BYTES, writer.bytes + PP_REC_HEADER_BYTES,
                   writer.n_next - PP_REC_HEADER_BYTES);
    }
    for (size_t n_bytes = 0; n_bytes < writer.n_next; n_bytes += 97)
        stumble(mutant, n_bytes);
    free(mutant);
    free(writer.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_what_is_there),
        cmocka_unit_test(holes_are_skipped),
        cmocka_unit_test(bad_stacks_are_left_out),
        cmocka_unit_test(segments_have_an_order),
        cmocka_unit_test(one_directory_counts),
        cmocka_unit_test(refuses_with_a_reason),
        cmocka_unit_test(tables_say_their_item_size),
        cmocka_unit_test(overlaps_are_refused),
        cmocka_unit_test(a_copy_is_a_recording),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(sums_before_are_left_out),
        cmocka_unit_test(taken_sums_have_their_stacks),
        cmocka_unit_test(corruption_never_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
