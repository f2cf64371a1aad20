/* A recording without a process to record: the memory, the header and the segments, as a session
 * has them, tended by the test itself. */
#ifndef TESTS_UNIT_CAPTURE_RIG_H
#define TESTS_UNIT_CAPTURE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "capture/fold.h"
#include "capture/memory_file.h"
#include "capture/segments.h"
#include "sigsafe/store.h"

struct rig {
    struct pp_memory_file file;
    struct pp_rec_header *header;
    struct pp_segments segments;
};

static inline void rig_no_wait(void *unused)
{
    (void)unused; /* nobody else writes */
}

/* 'n_bytes' to begin with, at most 'n_max'.  Returns what pp_segments_init() returns. */
static inline int rig_open(struct rig *rig, uint64_t n_bytes, uint64_t n_max, void (*wait)(void *),
                           void *context)
{
    struct pprofc_error err = {0};

    memset(rig, 0, sizeof *rig);
    if (pp_memory_file_create(&rig->file, n_bytes, n_bytes, n_max, &err) != 0)
        fail_msg("%s", err.message);
    rig->header = (struct pp_rec_header *)rig->file.base;
    atomic_store(&rig->header->n_bytes, rig->file.n_bytes);
    pp_memory_file_give(&rig->file, PP_REC_HEADER_BYTES, rig->file.n_bytes - PP_REC_HEADER_BYTES);
    pp_table_init(&rig->header->threads, sizeof(struct pp_rec_thread), 128);
    assert_int_equal(pp_table_reserve(&rig->file, &rig->header->threads, 128), 0);
    return pp_segments_init(&rig->segments, &rig->file, rig->header, wait, context);
}

static inline void rig_close(struct rig *rig)
{
    pp_segments_done(&rig->segments);
    pp_memory_file_close(&rig->file, true);
}

/* Tend whenever a handler has asked for it, as the helper does. */
static inline void rig_tend_when_asked(struct rig *rig, uint32_t *futex_seen)
{
    const uint32_t futex = atomic_load(&rig->header->command_block.futex);

    if (futex != *futex_seen) {
        *futex_seen = futex;
        pp_segments_tend(&rig->segments);
    }
}

static inline struct pp_rec_segment *rig_segment(const struct rig *rig, uint32_t i)
{
    const uint32_t index = atomic_load(&rig->header->directory_index) & 1;

    return (struct pp_rec_segment *)((char *)rig->header + rig->header->segments[index][i].offset);
}

static inline uint32_t rig_n_segments(const struct rig *rig)
{
    return rig->header->n_segments[atomic_load(&rig->header->directory_index) & 1];
}

static inline const struct pp_rec_stack *stack_of(const struct pp_rec_segment *segment,
                                                  const struct pp_rec_event *event)
{
    return (const struct pp_rec_stack *)((const char *)segment + segment->area_offset +
                                         (uint64_t)event->stack * 8);
}

/* Call 'visit' for each committed event of 'segment'; gives how many there were. */
typedef void (*event_fn)(void *context, struct pp_rec_segment *segment, struct pp_rec_event *event);

static inline uint32_t each_event(struct pp_rec_segment *segment, event_fn visit, void *context)
{
    const uint32_t n_log = (uint32_t)atomic_load(&segment->used);
    struct pp_rec_event *event;
    uint32_t n = 0, at = 0;

    while ((event = pp_segment_event(segment, &at, n_log)) != NULL) {
        const uint32_t state = atomic_load(&event->state_bytes);
        if (state >> 24 == PP_EVENT_COMMITTED) {
            visit(context, segment, event);
            n++;
        }
        at += state & 0xffffff;
    }
    return n;
}

static inline void rig_each_event(struct rig *rig, event_fn visit, void *context)
{
    for (uint32_t i = 0; i < rig_n_segments(rig); i++)
        (void)each_event(rig_segment(rig, i), visit, context);
}

/* What all events come to. */
struct total {
    int64_t count, ns;
};

static inline void add_to_total(void *context, struct pp_rec_segment *segment,
                                struct pp_rec_event *event)
{
    struct total *total = context;
    (void)segment;

    total->count += event->values[0];
    total->ns += event->values[1];
}

static inline struct total rig_total(struct rig *rig)
{
    struct total total = {0, 0};

    rig_each_event(rig, add_to_total, &total);
    return total;
}

/* Stack number 'i': 'n_frames' frames that no other number has at its leaf. */
static inline struct pp_sig_walk make_stack(uint64_t i, uint32_t n_frames, uint64_t *pcs)
{
    struct pp_sig_walk walk = {.n_frames = n_frames, .flags = 0};

    for (uint32_t k = 0; k < n_frames; k++)
        pcs[k] = k == 0 ? 0x1000 + i * 16 : 0x400000 + (i % 7 + k) * 64;
    walk.hash = (i + 1) * UINT64_C(0x9E3779B97F4A7C15);
    walk.hash ^= walk.hash >> 29;
    return walk;
}

static inline struct pp_sig_event make_event(uint64_t time_ns, uint32_t thread, int64_t ns)
{
    struct pp_sig_event event = {
        .time_ns = time_ns, .thread = thread, .family = PP_FAMILY_CPU, .n_values = 2};

    event.values[0] = 1;
    event.values[1] = ns;
    return event;
}

static inline double cpu_seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

#endif
