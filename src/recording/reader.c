/* The reader's life, and what it shows of its copy. */
#include "recording/reader_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/memory.h"

/* ---- taking up a copy ---- */

static struct pp_rec_header *header_of(const struct pp_recording_reader *reader)
{
    return (struct pp_rec_header *)reader->copy.bytes;
}

/* Note where the segments of our own copy are: copy_source() has checked and made all of it. */
static void find_segments(struct pp_recording_reader *reader)
{
    const struct pp_rec_header *head = header_of(reader);

    reader->n_segments = head->n_segments[0];
    for (uint32_t i = 0; i < reader->n_segments; i++) {
        const unsigned char *bytes =
            (const unsigned char *)reader->copy.bytes + head->segments[0][i].offset;
        const struct pp_rec_segment *segment = (const struct pp_rec_segment *)bytes;
        reader->segments[i] = (struct pp_recording_segment){
            .area = bytes + segment->area_offset,
            .n_log_bytes = (uint32_t)segment->used,
            .n_area_bytes = segment->area_bytes,
            .slice_ns = segment->kind == PP_SEGMENT_FOLDED ? segment->slice_ns : 0,
        };
    }
}

static int copy_since(struct pp_recording_reader *reader, uint64_t since_ns,
                      struct pp_buffer *copy_out, struct pprofc_error *err)
{
    struct pp_buffer copy = PP_BUFFER_INIT;
    int status = 0;

    if (reader->source.fd >= 0)
        status = pp_recording_measure_source(&reader->source, err);
    if (status == 0)
        status = pp_recording_copy_source(&reader->source, since_ns, &copy, err);
    if (status != 0) {
        pp_buffer_done(&copy);
        return status;
    }
    *copy_out = copy;
    return 0;
}

int pp_recording_copy(struct pp_recording_reader *reader, struct pp_buffer *copy_out,
                      struct pprofc_error *err)
{
    return copy_since(reader, 0, copy_out, err);
}

int pp_recording_refresh(struct pp_recording_reader *reader, struct pprofc_error *err)
{
    struct pp_buffer copy = PP_BUFFER_INIT;
    const int status = pp_recording_copy(reader, &copy, err);

    if (status != 0)
        return status;
    pp_buffer_done(&reader->copy);
    reader->copy = copy;
    find_segments(reader);
    return 0;
}

/* ---- life ---- */

static struct pp_recording_reader *new_reader(const char *name)
{
    struct pp_recording_reader *reader = calloc(1, sizeof *reader);

    if (reader == NULL)
        return NULL;
    reader->source.fd = -1;
    reader->name = strdup(name);
    if (reader->name == NULL) {
        free(reader);
        return NULL;
    }
    reader->source.name = reader->name;
    return reader;
}

void pp_recording_close(struct pp_recording_reader *reader)
{
    if (reader == NULL)
        return;
    if (reader->shared != NULL)
        (void)munmap(reader->shared, PP_REC_HEADER_BYTES);
    if (reader->source.fd >= 0)
        (void)close(reader->source.fd);
    pp_buffer_done(&reader->copy);
    free(reader->name);
    free(reader);
}

/* The first reading, or the end of 'reader'. */
static int begin(struct pp_recording_reader *reader, struct pp_recording_reader **reader_out,
                 struct pprofc_error *err)
{
    const int status = pp_recording_refresh(reader, err);

    if (status != 0) {
        pp_recording_close(reader);
        return status;
    }
    *reader_out = reader;
    return 0;
}

int pp_recording_open(const char *path, struct pp_recording_reader **reader_out,
                      struct pprofc_error *err)
{
    struct pp_recording_reader *reader = new_reader(path);
    /* O_NONBLOCK: a pipe of that name must not make us wait. */
    const int flags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

    if (reader == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory to read '%s'", path);
    reader->source.fd = open(path, O_RDWR | flags);
    reader->is_writable = reader->source.fd >= 0;
    if (reader->source.fd < 0)
        reader->source.fd = open(path, O_RDONLY | flags);
    if (reader->source.fd < 0) {
        const int code = -errno;
        pp_recording_close(reader);
        return pp_fail(err, code, 0, "cannot open '%s': %s", path, strerror(-code));
    }
    return begin(reader, reader_out, err);
}

int pp_recording_view(const void *bytes, size_t n_bytes, const char *name,
                      struct pp_recording_reader **reader_out, struct pprofc_error *err)
{
    struct pp_recording_reader *reader = new_reader(name);

    if (reader == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory to read '%s'", name);
    reader->source.bytes = bytes;
    reader->source.n_bytes = n_bytes;
    return begin(reader, reader_out, err);
}

int pp_recording_snapshot(struct pp_recording_reader *reader, uint64_t since_ns,
                          struct pp_recording_reader **snapshot_out, struct pprofc_error *err)
{
    struct pp_recording_reader *snapshot = new_reader(reader->name);
    int status;

    if (snapshot == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory to read '%s'", reader->name);
    status = copy_since(reader, since_ns, &snapshot->copy, err);
    if (status != 0) {
        pp_recording_close(snapshot);
        return status;
    }
    find_segments(snapshot);
    *snapshot_out = snapshot;
    return 0;
}

/* ---- what it shows ---- */

const struct pp_rec_header *pp_recording_header(const struct pp_recording_reader *reader)
{
    return header_of(reader);
}

const char *pp_recording_program_name(const struct pp_rec_header *head,
                                      char name_out[PP_PROGRAM_NAME_BYTES])
{
    const char *name = head->name, *slash;
    size_t capacity = sizeof head->name;

    _Static_assert(sizeof head->program <= PP_PROGRAM_NAME_BYTES, "a path without folders fits");
    if (name[0] == '\0') {
        slash = memrchr(head->program, '/', strnlen(head->program, sizeof head->program));
        name = slash != NULL ? slash + 1 : head->program;
        capacity = sizeof head->program - (size_t)(name - head->program);
    }
    (void)snprintf(name_out, PP_PROGRAM_NAME_BYTES, "%.*s", (int)strnlen(name, capacity), name);
    return name_out;
}

/* In a copy a table is one block. */
static const void *item(const struct pp_recording_reader *reader, const struct pp_rec_table *table,
                        uint32_t index)
{
    if (index >= table->n_items)
        return NULL;
    return reader->copy.bytes + table->blocks[0] + (uint64_t)index * table->item_bytes;
}

const struct pp_rec_thread *pp_recording_thread(const struct pp_recording_reader *reader,
                                                uint32_t index)
{
    return item(reader, &header_of(reader)->threads, index);
}

const struct pp_rec_thread_waits *pp_recording_thread_waits(
    const struct pp_recording_reader *reader, uint32_t index)
{
    return item(reader, &header_of(reader)->waits.threads, index);
}

const struct pp_rec_module *pp_recording_module(const struct pp_recording_reader *reader,
                                                uint32_t index)
{
    return item(reader, &header_of(reader)->modules, index);
}

const struct pp_rec_site *pp_recording_site(const struct pp_recording_reader *reader,
                                            uint32_t index)
{
    return item(reader, &header_of(reader)->heap.sites, index);
}

const struct pp_rec_lifetimes *pp_recording_lifetimes(const struct pp_recording_reader *reader,
                                                      uint32_t index)
{
    return item(reader, &header_of(reader)->heap.lifetimes, index);
}

const uint64_t *pp_recording_site_frames(const struct pp_recording_reader *reader,
                                         const struct pp_rec_site *site, uint32_t *n_out)
{
    const struct pp_rec_table *frames = &header_of(reader)->heap.frames;

    *n_out = site->n_frames;
    if (site->n_frames > frames->n_items || site->first_frame > frames->n_items - site->n_frames)
        return NULL;
    return item(reader, frames, site->first_frame);
}

static void fill_event(const struct pp_rec_event *from, const struct pp_recording_segment *segment,
                       uint32_t number, struct pp_recording_event *event)
{
    const struct pp_rec_stack *stack =
        (const struct pp_rec_stack *)(segment->area + (uint64_t)from->stack * 8);

    *event = (struct pp_recording_event){
        .time_ns = from->time_ns,
        .family = from->family,
        .n_values = from->n_values,
        .flags = (uint16_t)(from->flags | stack->flags),
        .thread = from->thread,
        .label_set = from->label_set,
        .span = from->span,
        .pcs = stack->pcs,
        .n_frames = stack->n_frames,
        .stack_key = (uint64_t)number << 32 | from->stack,
        .slice_ns = segment->slice_ns,
    };
    memcpy(event->values, from->values, from->n_values * sizeof from->values[0]);
}

int64_t pp_recording_each(const struct pp_recording_reader *reader,
                          int (*visit)(void *context, const struct pp_recording_event *event),
                          void *context)
{
    int64_t n_events = 0;

    for (uint32_t i = 0; i < reader->n_segments; i++) {
        const struct pp_recording_segment *segment = &reader->segments[i];
        const struct pp_recording_log log = {segment->area, segment->area, segment->n_log_bytes};
        const struct pp_rec_event *from;
        uint32_t position = 0, n_bytes;
        while ((from = pp_recording_next_event(&log, &position, &n_bytes)) != NULL) {
            struct pp_recording_event event;
            int status;
            fill_event(from, segment, i, &event);
            status = visit(context, &event);
            if (status < 0)
                return status;
            n_events++;
        }
    }
    return n_events;
}

const struct pp_rec_label_set *pp_recording_label_set(const struct pp_recording_reader *reader,
                                                      uint32_t label_set)
{
    return label_set == 0 ? NULL : item(reader, &header_of(reader)->label_sets, label_set - 1);
}

const struct pp_rec_span *pp_recording_span(const struct pp_recording_reader *reader, uint32_t span)
{
    const struct pp_rec_table *spans = &header_of(reader)->spans;
    const struct pp_rec_span *found;

    if (span == 0 || spans->n_items == 0)
        return NULL;
    found = item(reader, spans, (span - 1) % spans->n_items);
    return found->number == span ? found : NULL;
}

const char *pp_recording_text(const struct pp_recording_reader *reader, uint32_t text)
{
    const struct pp_rec_table *strings = &header_of(reader)->strings;
    const char *found;

    if (text == 0)
        return "";
    found = strings->item_bytes == 1 ? item(reader, strings, text) : NULL;
    return found == NULL || memchr(found, '\0', strings->n_items - text) == NULL ? NULL : found;
}
