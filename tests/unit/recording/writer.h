/* Recordings made by hand, from recording/layout.h alone: what the reader must agree with, whatever
 * capture does. */
#ifndef TESTS_RECORDING_WRITER_H
#define TESTS_RECORDING_WRITER_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "recording/layout.h"

struct writer {
    unsigned char *bytes;
    struct pp_rec_header *head;
    uint64_t n_next; /* where the next part goes */
    uint64_t n_room;
};

static inline uint64_t writer_take(struct writer *writer, uint64_t n_bytes)
{
    const uint64_t offset = writer->n_next;

    writer->n_next += (n_bytes + 63) / 64 * 64;
    assert(writer->n_next <= writer->n_room);
    writer->head->n_bytes = writer->n_next;
    return offset;
}

static inline void writer_table(struct writer *writer, struct pp_rec_table *table,
                                uint32_t item_bytes)
{
    table->item_bytes = item_bytes;
    table->n_first = 2; /* small, so that tests cross blocks */
    (void)writer;
}

/* A recording in the zeroed 'n_room' bytes at 'bytes'. */
static inline struct writer writer_in(void *bytes, uint64_t n_room)
{
    struct writer writer = {bytes, bytes, PP_REC_HEADER_BYTES, n_room};
    struct pp_rec_header *head = writer.head;

    memcpy(head->magic, PP_REC_MAGIC, 8);
    head->layout = PP_REC_LAYOUT;
    head->header_bytes = PP_REC_HEADER_BYTES;
    head->n_bytes = PP_REC_HEADER_BYTES;
    head->state = PP_REC_ENDED;
    head->pid = head->namespace_pid = 4711;
    head->start_realtime_ns = 1700000000LL * 1000000000;
    head->start_monotonic_ns = 5000000000;
    head->end_ns = 2000000000;
    head->rate_millihertz = 100000;
    head->kinds = 1;
    strcpy(head->program, "/usr/bin/prog");
    strcpy(head->command, "prog --work");
    writer_table(&writer, &head->threads, sizeof(struct pp_rec_thread));
    writer_table(&writer, &head->modules, sizeof(struct pp_rec_module));
    return writer;
}

static inline struct writer writer_new(void)
{
    const uint64_t n_room = 4 << 20;

    return writer_in(calloc(1, n_room), n_room);
}

static inline void *writer_item(struct writer *writer, struct pp_rec_table *table)
{
    uint32_t index = table->n_items, block = 0, n_in_block = table->n_first;

    while (index >= n_in_block) {
        index -= n_in_block;
        n_in_block *= 2;
        block++;
    }
    if (table->blocks[block] == 0)
        table->blocks[block] = writer_take(writer, (uint64_t)n_in_block * table->item_bytes);
    table->n_items++;
    return writer->bytes + table->blocks[block] + (uint64_t)index * table->item_bytes;
}

static inline struct pp_rec_thread *writer_thread(struct writer *writer, uint32_t tid,
                                                  const char *name)
{
    struct pp_rec_thread *thread = writer_item(writer, &writer->head->threads);

    thread->tid = tid;
    assert(strlen(name) < sizeof thread->name);
    strcpy(thread->name, name);
    return thread;
}

static inline struct pp_rec_module *writer_module(struct writer *writer, const char *path,
                                                  uint64_t start, uint64_t limit,
                                                  uint64_t mapped_ns, uint64_t unmapped_ns)
{
    struct pp_rec_module *module = writer_item(writer, &writer->head->modules);

    assert(strlen(path) < sizeof module->path);
    strcpy(module->path, path);
    module->start = start;
    module->limit = limit;
    module->bias = start;
    module->mapped_ns = mapped_ns;
    module->unmapped_ns = unmapped_ns;
    return module;
}

/* A segment in the current directory, with an area of 'area_bytes'. */
static inline struct pp_rec_segment *writer_segment(struct writer *writer, uint32_t kind,
                                                    uint64_t sequence, uint32_t area_bytes)
{
    const uint32_t slots = 16 * 8;
    const uint64_t n_bytes = sizeof(struct pp_rec_segment) + slots + area_bytes;
    const uint64_t offset = writer_take(writer, n_bytes);
    const uint32_t directory = writer->head->directory_index & 1;
    struct pp_rec_segment *segment = (struct pp_rec_segment *)(writer->bytes + offset);

    segment->kind = kind;
    segment->sequence = sequence;
    segment->n_slots = 16;
    segment->slots_offset = sizeof *segment;
    segment->area_offset = (uint32_t)sizeof *segment + slots;
    segment->area_bytes = area_bytes;
    if (kind == PP_SEGMENT_FOLDED)
        segment->slice_ns = PP_REC_SLICE_NS;
    writer->head->segments[directory][writer->head->n_segments[directory]++] =
        (struct pp_rec_segment_ref){offset, n_bytes};
    return segment;
}

static inline unsigned char *writer_area(struct pp_rec_segment *segment)
{
    return (unsigned char *)segment + segment->area_offset;
}

/* The stack's place as events name it. */
static inline uint32_t writer_stack(struct pp_rec_segment *segment, const uint64_t *pcs,
                                    uint32_t n_frames)
{
    const uint32_t n_bytes = 16 + n_frames * 8;
    const uint32_t n_before = (uint32_t)(segment->used >> 32);
    const uint32_t offset = segment->area_bytes - n_before - n_bytes;
    struct pp_rec_stack *stack = (struct pp_rec_stack *)(writer_area(segment) + offset);

    stack->hash = 1;
    stack->n_frames = n_frames;
    memcpy(stack->pcs, pcs, n_frames * sizeof *pcs);
    segment->used += (uint64_t)n_bytes << 32;
    return offset / 8;
}

/* A committed cpu event of one sample and 'cpu_ns'. */
static inline struct pp_rec_event *writer_event(struct pp_rec_segment *segment, uint64_t time_ns,
                                                uint32_t thread, uint32_t stack, uint16_t flags,
                                                int64_t cpu_ns)
{
    const uint32_t n_bytes = 32 + 16;
    struct pp_rec_event *event =
        (struct pp_rec_event *)(writer_area(segment) + (uint32_t)segment->used);

    event->family = PP_FAMILY_CPU;
    event->n_values = 2;
    event->flags = flags;
    event->time_ns = time_ns;
    event->thread = thread;
    event->stack = stack;
    event->values[0] = 1;
    event->values[1] = cpu_ns;
    event->state_bytes = n_bytes | (uint32_t)PP_EVENT_COMMITTED << 24;
    segment->used += n_bytes;
    return event;
}

#endif
