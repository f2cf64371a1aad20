/* A copy of the recording as it stands.
 *
 * A cursor is (sequence of the segment it stands in, log offset there).  Segments are filled one
 * after the other, and a full one is sealed before the next is used, so that what lies behind the
 * cursor is complete but for events reserved and not yet committed: the copy stops there and the
 * next one takes them.  The helper may fold meanwhile: it flips the directory before it frees
 * anything, so a copy whose directory is still in force at its end is consistent. */
#include "capture/snapshot.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "capture/fold.h"
#include "capture/memory_file.h"
#include "sigsafe/store.h"

enum { MAX_TRIES = 50, PAGE_BYTES = 4096 };

struct plan {
    uint32_t n;
    struct {
        struct pp_rec_segment *segment;
        uint64_t used;
        uint32_t from;
    } parts[PP_REC_MAX_SEGMENTS];
    uint64_t n_bytes;
    bool has_gap;
    uint64_t n_gap;
};

static uint64_t up(uint64_t n)
{
    return (n + 63) & ~UINT64_C(63);
}

static uint64_t table_bytes(const struct pp_rec_table *table)
{
    return up((uint64_t)atomic_load_explicit(&table->n_items, memory_order_acquire) *
              table->item_bytes);
}

/* What to copy of the directory's segments, in order of their sequence. */
static void plan_segments(struct pp_rec_header *header, uint32_t index,
                          const struct pprofc_cursor *cursor, struct plan *plan)
{
    const struct pp_rec_segment_ref *refs = header->segments[index & 1];
    const uint32_t n = header->n_segments[index & 1];

    plan->n = 0;
    plan->n_bytes = PP_REC_HEADER_BYTES;
    plan->has_gap = false;
    for (uint32_t i = 0; i < n && i < PP_REC_MAX_SEGMENTS; i++) {
        struct pp_rec_segment *segment = (struct pp_rec_segment *)((char *)header + refs[i].offset);
        const uint64_t used = atomic_load_explicit(&segment->used, memory_order_acquire);
        const bool is_begun = cursor != NULL && cursor->session != 0;
        uint32_t at = plan->n;

        if ((uint32_t)used == 0)
            continue;
        if (is_begun && segment->kind == PP_SEGMENT_FOLDED) {
            /* Folded behind the cursor: taken before.  Beyond it: what was between can no longer be
             * told apart. */
            plan->has_gap = plan->has_gap || segment->sequence >= cursor->sequence;
            continue;
        }
        if (is_begun && segment->sequence < cursor->sequence)
            continue;
        for (; at > 0 && plan->parts[at - 1].segment->sequence > segment->sequence; at--)
            plan->parts[at] = plan->parts[at - 1];
        plan->parts[at].segment = segment;
        plan->parts[at].used = used;
        plan->parts[at].from =
            is_begun && segment->sequence == cursor->sequence ? (uint32_t)cursor->offset : 0;
        plan->n++;
        plan->n_bytes += up(pp_segment_closed_bytes(segment, used));
    }
}

static uint64_t copy_table(struct pp_rec_header *from, const struct pp_rec_table *table,
                           struct pp_rec_header *to, struct pp_rec_table *copy, uint64_t at,
                           uint64_t n_bytes)
{
    const uint32_t n = (uint32_t)(n_bytes / table->item_bytes);

    /* One block holds it all in the copy. */
    memset(copy->blocks, 0, sizeof copy->blocks);
    copy->n_first = n > 0 ? n : 1;
    atomic_store(&copy->n_items, n);
    if (n == 0)
        return at;
    atomic_store(&copy->blocks[0], at);
    for (uint32_t i = 0; i < n; i++) {
        const void *item = pp_sig_table_item(from, (struct pp_rec_table *)table, i);
        if (item != NULL)
            memcpy((char *)to + at + (uint64_t)i * table->item_bytes, item, table->item_bytes);
    }
    return at + up(n_bytes);
}

/* Fill 'to' by the plan; the cursor moves on as far as was copied. */
static uint64_t copy_all(struct pp_rec_header *from, struct plan *plan, struct pp_rec_header *to,
                         struct pprofc_cursor *cursor)
{
    uint64_t at = PP_REC_HEADER_BYTES;

    memcpy(to, from, sizeof *to);
    atomic_store(&to->directory_index, 0);
    atomic_store(&to->active, 0);
    memset((void *)to->spares, 0, sizeof to->spares);
    memset((void *)to->readers, 0, sizeof to->readers);
    to->n_segments[0] = 0;
    at = copy_table(from, &from->threads, to, &to->threads, at,
                    (uint64_t)atomic_load(&to->threads.n_items) * to->threads.item_bytes);
    at = copy_table(from, &from->modules, to, &to->modules, at,
                    (uint64_t)atomic_load(&to->modules.n_items) * to->modules.item_bytes);
    at = copy_table(from, &from->strings, to, &to->strings, at,
                    (uint64_t)atomic_load(&to->strings.n_items) * to->strings.item_bytes);
    at = copy_table(from, &from->label_sets, to, &to->label_sets, at,
                    (uint64_t)atomic_load(&to->label_sets.n_items) * to->label_sets.item_bytes);
    at = copy_table(from, &from->spans, to, &to->spans, at,
                    (uint64_t)atomic_load(&to->spans.n_items) * to->spans.item_bytes);
    for (uint32_t i = 0; i < plan->n; i++) {
        struct pp_rec_segment *segment = plan->parts[i].segment;
        const uint64_t n_bytes = pp_segment_closed_bytes(segment, plan->parts[i].used);
        const uint32_t end = pp_segment_copy_closed(segment, plan->parts[i].used,
                                                    plan->parts[i].from, true, (char *)to + at);
        to->segments[0][to->n_segments[0]++] = (struct pp_rec_segment_ref){at, n_bytes};
        at += up(n_bytes);
        if (cursor != NULL) {
            cursor->sequence = segment->sequence;
            cursor->offset = end;
        }
        if (end < (uint32_t)plan->parts[i].used)
            break; /* uncommitted: the rest comes with the next copy */
    }
    atomic_store(&to->n_bytes, at);
    return at;
}

static uint64_t tables_bytes(struct pp_rec_header *header)
{
    /* A few items may come while we copy. */
    return table_bytes(&header->threads) + table_bytes(&header->modules) +
           table_bytes(&header->strings) + table_bytes(&header->label_sets) +
           table_bytes(&header->spans) + 256 * sizeof(struct pp_rec_thread) +
           16 * sizeof(struct pp_rec_module);
}

/* A reader's slot, so that the helper keeps what this cursor has not seen. */
static void claim(struct pp_rec_header *header, uint64_t session, struct pprofc_cursor *cursor)
{
    if (cursor->session != session)
        *cursor = (struct pprofc_cursor)PPROFC_CURSOR_INIT;
    for (uint32_t i = 0; i < PP_REC_MAX_READERS && cursor->reader == 0; i++) {
        uint32_t expected = 0;
        if (atomic_compare_exchange_strong(&header->readers[i].pid, &expected, (uint32_t)getpid()))
            cursor->reader = i + 1;
    }
}

int pp_snapshot_take(struct pp_rec_header *header, uint64_t session, struct pprofc_cursor *cursor,
                     struct pprofc_recording **recording_out, struct pprofc_error *err)
{
    struct pprofc_recording *recording;
    struct pprofc_cursor moved = PPROFC_CURSOR_INIT;
    struct plan plan;

    if (cursor != NULL) {
        claim(header, session, cursor);
        moved = *cursor;
        moved.session = session;
    }
    for (uint32_t try = 0; try < MAX_TRIES; try++) {
        const uint32_t index = atomic_load_explicit(&header->directory_index, memory_order_acquire);
        uint64_t n_mapped;

        plan_segments(header, index, cursor, &plan);
        n_mapped = plan.n_bytes + tables_bytes(header) + PAGE_BYTES;
        recording = pp_map_anonymous(n_mapped + PAGE_BYTES);
        if (recording == NULL)
            return pp_fail(err, -ENOMEM, 0, "no memory for a copy of %llu bytes",
                           (unsigned long long)n_mapped);
        recording->bytes = (char *)recording + PAGE_BYTES;
        recording->n_mapped = n_mapped + PAGE_BYTES;
        recording->n_bytes = copy_all(header, &plan, (struct pp_rec_header *)recording->bytes,
                                      cursor == NULL ? NULL : &moved);
        if (atomic_load_explicit(&header->directory_index, memory_order_acquire) == index) {
            if (plan.has_gap)
                atomic_fetch_add(
                    &((struct pp_rec_header *)recording->bytes)->losses[PP_LOSS_SNAPSHOT_GAP], 1);
            if (cursor != NULL) {
                *cursor = moved;
                if (cursor->reader != 0)
                    atomic_store(&header->readers[cursor->reader - 1].sequence, cursor->sequence);
            }
            *recording_out = recording;
            return 0;
        }
        pp_unmap(recording, recording->n_mapped);
    }
    return pp_fail(err, -EAGAIN, 0, "the recording kept changing while it was copied; try again");
}

void pp_snapshot_release(struct pp_rec_header *header, struct pprofc_cursor *cursor)
{
    if (cursor->reader != 0)
        atomic_store(&header->readers[cursor->reader - 1].pid, 0);
    cursor->reader = 0;
}

void pp_snapshot_filter(struct pprofc_recording *recording,
                        int (*keeps)(void *context, const struct pp_rec_thread *), void *context)
{
    struct pp_rec_header *header = (struct pp_rec_header *)recording->bytes;

    for (uint32_t i = 0; i < header->n_segments[0]; i++) {
        struct pp_rec_segment *segment =
            (struct pp_rec_segment *)(recording->bytes + header->segments[0][i].offset);
        const uint32_t n_log = (uint32_t)atomic_load(&segment->used);
        struct pp_rec_event *event;
        uint32_t at = 0;

        while ((event = pp_segment_event(segment, &at, n_log)) != NULL) {
            const uint32_t n_bytes = atomic_load(&event->state_bytes) & 0xffffff;
            const struct pp_rec_thread *thread =
                pp_sig_table_item(header, &header->threads, event->thread);
            if (thread == NULL || !keeps(context, thread))
                atomic_store(&event->state_bytes, n_bytes | ((uint32_t)PP_EVENT_RESERVED
                                                             << 24)); /* as if never committed */
            at += n_bytes;
        }
    }
}
