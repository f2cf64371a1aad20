/* A recording with lies in it: a good one, made by hand, of which the input says what to overwrite
 * and where to cut; or, when the input's first byte is odd, the input itself.  What can be read is
 * copied, and the copy says the same; a profile of it is made and written. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/recording/writer.h"
#include "formats/formats.h"
#include "formats/recording.h"
#include "profile/idle.h"
#include "recording/reader.h"

enum { ROOM_BYTES = 128 * 1024, EDIT_BYTES = 12 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

/* A wait of each family beside the CPU's, and where two threads' time went. */
static void add_waits(struct writer *writer, struct pp_rec_segment *segment, uint32_t stack)
{
    static const uint8_t families[] = {PP_FAMILY_OFFCPU, PP_FAMILY_LOCK, PP_FAMILY_HOLDER};

    for (uint32_t i = 0; i < 3; i++) {
        struct pp_rec_event *event = writer_event(segment, 700, i, stack, 0, 50);
        event->family = families[i];
        event->flags = PP_WAIT_MUTEX * PP_EVENT_WAIT | PP_DESCRIPTOR_TCP * PP_EVENT_DESCRIPTOR;
        if (i == 0)
            continue;
        event->n_values = PP_WAIT_N_LOCK_VALUES;
        event->values[PP_WAIT_LOCK] = 0x20100;
        event->state_bytes += 8;
        segment->used += 8;
    }
    writer->head->kinds = 7;
    writer->head->waits.interval_ns = 10;
    writer_table(writer, &writer->head->waits.threads, sizeof(struct pp_rec_thread_waits));
    for (int i = 0; i < 2; i++) {
        struct pp_rec_thread_waits *waits = writer_item(writer, &writer->head->waits.threads);
        waits->wall_ns = 1000;
        waits->blocked_ns = 900;
    }
}

/* Threads, modules that share a place, two raw segments and a folded one, in two blocks of tables.
 */
static struct writer make_template(void)
{
    static const uint64_t stacks[3][3] = {
        {0x10010, 0x10020, 0x10030}, {0x20010, 0x10020, 2}, {0x7fff0010, 1, 0x10030}};
    struct writer writer = writer_in(calloc(1, ROOM_BYTES), ROOM_BYTES);

    (void)writer_thread(&writer, 4711, "main");
    (void)writer_thread(&writer, 4712, "worker");
    (void)writer_thread(&writer, 4713, "other");
    (void)writer_module(&writer, "/gone/program", 0x10000, 0x20000, 0, 0);
    (void)writer_module(&writer, "/gone/one", 0x20000, 0x30000, 10, 500);
    (void)writer_module(&writer, "/gone/two", 0x20000, 0x28000, 600, 0);
    writer_module(&writer, "[vdso]", 0x7fff0000, 0x7fff2000, 0, 0)->flags = 1;
    for (uint64_t i = 0; i < 3; i++) {
        struct pp_rec_segment *segment =
            writer_segment(&writer, i == 0 ? PP_SEGMENT_FOLDED : PP_SEGMENT_RAW, i + 1, 2048);
        for (uint64_t j = 0; j < 3; j++) {
            const uint32_t stack = writer_stack(segment, stacks[j], 3);
            (void)writer_event(segment, 300 * (i + j), (uint32_t)j, stack, j == 1 ? 1 : 0, 1000);
            (void)writer_event(segment, 300 * j, 0, stack, 0, 5);
            if (i == 2 && j == 2)
                add_waits(&writer, segment, stack);
        }
    }
    return writer;
}

/* 'input' as edits: 4 bytes of place, in half of which the low bits tell a word; 8 of value, of
 * which as many count as the place's top bits say. */
static void edit(unsigned char *bytes, size_t n_bytes, const uint8_t *input, size_t n_input)
{
    for (; n_input >= EDIT_BYTES; input += EDIT_BYTES, n_input -= EDIT_BYTES) {
        uint32_t place;
        size_t n, at;
        memcpy(&place, input, sizeof place);
        n = (size_t)1 << (place >> 30);
        at = (place & 0xffffff) % (n_bytes / n) * n;
        memcpy(bytes + at, input + sizeof place, n);
    }
}

struct sum {
    uint64_t n_events, n_frames, values;
};

static int add(void *context, const struct pp_recording_event *event)
{
    struct sum *sum = context;

    sum->n_events++;
    for (uint32_t i = 0; i < event->n_frames; i++)
        sum->n_frames += event->pcs[i];
    for (uint32_t i = 0; i < event->n_values; i++)
        sum->values += (uint64_t)event->values[i];
    return 0;
}

static struct sum sum_of(const struct pp_recording_reader *reader)
{
    struct sum sum = {0};

    (void)pp_recording_each(reader, add, &sum);
    for (uint32_t i = 0; pp_recording_thread(reader, i) != NULL; i++)
        sum.n_frames += pp_recording_thread(reader, i)->tid;
    for (uint32_t i = 0; pp_recording_module(reader, i) != NULL; i++)
        sum.n_frames += pp_recording_module(reader, i)->start;
    return sum;
}

static void assert_copy_is_equal(struct pp_recording_reader *reader)
{
    const struct sum sum = sum_of(reader);
    struct pp_recording_reader *again = NULL;
    struct sum other;
    struct pp_buffer copy = PP_BUFFER_INIT;

    if (pp_recording_copy(reader, &copy, NULL) != 0 ||
        pp_recording_view(copy.bytes, copy.n_bytes, "copy", &again, NULL) != 0)
        abort();
    other = sum_of(again);
    if (memcmp(&sum, &other, sizeof sum) != 0)
        abort();
    pp_recording_close(again);
    pp_buffer_done(&copy);
}

enum { N_WAYS = 6 };

/* As one kind or view, of all of it or of a window, without what is idle: 'way' tells. */
static void make_profile(struct pp_recording_reader *reader, unsigned way)
{
    static const struct {
        enum pp_rec_family kind;
        enum pp_recorded_view view;
    } ways[N_WAYS] = {{0, PP_RECORDED_OF_KIND},
                      {PP_FAMILY_OFFCPU, PP_RECORDED_OF_KIND},
                      {PP_FAMILY_LOCK, PP_RECORDED_OF_KIND},
                      {0, PP_RECORDED_WALL},
                      {0, PP_RECORDED_BLOCK},
                      {0, PP_RECORDED_MUTEX}};
    struct pp_recording_window window = {.begin = {.time_ns = 250}};
    const struct pp_recording_profile_options options = {.kind = ways[way % N_WAYS].kind,
                                                         .view = ways[way % N_WAYS].view,
                                                         .window = way / N_WAYS % 2 != 0 ? &window
                                                                                         : NULL};
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    struct pprofc_profile *profile = NULL;
    struct pp_idle idle;

    pp_recording_mark_read(pp_recording_header(reader), &window.end);
    pp_recording_mark_waits(reader, &window.end);
    if (pp_recording_to_profile(reader, NULL, &options, &profile, NULL) == 0 &&
        (pp_profile_ignore_idle(profile, profile->default_type, &idle, NULL) != 0 ||
         pp_pprof_write(profile, false, &out, NULL) != 0))
        abort();
    pprofc_profile_free(profile);
}

static void read_all(const unsigned char *bytes, size_t n_bytes, unsigned way)
{
    struct pp_recording_reader *reader = NULL;
    struct pprofc_error err = {.message = ""};

    if (pp_recording_view(bytes, n_bytes, "fuzz", &reader, &err) != 0) {
        if (reader != NULL || err.message[0] == '\0')
            abort();
        return;
    }
    assert_copy_is_equal(reader);
    make_profile(reader, way);
    pp_recording_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static struct writer template;
    unsigned char *edited;
    size_t n_edited;

    if (template.bytes == NULL)
        template = make_template();
    if (n_bytes < 3 || (bytes[0] & 1) != 0) {
        read_all(bytes, n_bytes, n_bytes < 1 ? 0 : bytes[0] >> 1);
        return 0;
    }
    n_edited = template.n_next;
    edited = malloc(n_edited);
    memcpy(edited, template.bytes, n_edited);
    edit(edited, n_edited, bytes + 3, n_bytes - 3);
    if (bytes[1] == 0xff) /* else whole: most cuts end at the header */
        n_edited -= (size_t)bytes[2] * 256 < n_edited ? (size_t)bytes[2] * 256 : 0;
    read_all(edited, n_edited, bytes[0] >> 1);
    free(edited);
    return 0;
}
