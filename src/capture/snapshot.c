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
#include "capture/own_memory.h"
#include "sigsafe/store.h"

enum { MAX_TRIES = 50, PAGE_BYTES = 4096 };

enum { N_TABLES = 9 };

/* What is copied, and how much room it takes: read once, since all of it may change meanwhile. */
struct plan {
    uint32_t n;
    struct {
        struct pp_rec_segment *segment;
        struct pp_rec_segment head;
        uint32_t from;
    } parts[PP_REC_MAX_SEGMENTS];
    uint32_t n_items[N_TABLES];
    uint64_t n_bytes;
    bool is_living; /* what is not committed may still be */
    bool has_gap;
};

static uint64_t up(uint64_t n)
{
    return (n + 63) & ~UINT64_C(63);
}

static struct pp_rec_table *table_of(struct pp_rec_header *header, uint32_t i)
{
    struct pp_rec_table *const tables[N_TABLES] = {
        &header->threads,        &header->modules,    &header->strings,
        &header->label_sets,     &header->spans,      &header->waits.threads,
        &header->heap.lifetimes, &header->heap.sites, &header->heap.frames};

    return tables[i];
}

/* Whether 'head' is one of a segment within the room that the directory says.  Not so when it was
 * freed since. */
static bool is_sound(const struct pp_rec_segment *head, const struct pp_rec_segment_ref *ref,
                     uint64_t n_bytes)
{
    const uint64_t used =
        atomic_load_explicit(&head->used, memory_order_relaxed) & ~PP_SEGMENT_SEALED;

    return ref->offset >= PP_REC_HEADER_BYTES && ref->n_bytes <= n_bytes &&
           ref->offset <= n_bytes - ref->n_bytes && head->slots_offset == sizeof *head &&
           head->area_offset == sizeof *head + (uint64_t)head->n_slots * sizeof(uint64_t) &&
           (uint64_t)head->area_offset + head->area_bytes <= ref->n_bytes &&
           (uint32_t)used + (used >> 32) + PP_REC_EVENT_ALIGN <= head->area_bytes;
}

static void add_part(struct plan *plan, struct pp_rec_segment *segment,
                     const struct pp_rec_segment *head, uint32_t from)
{
    uint32_t at = plan->n;

    for (; at > 0 && plan->parts[at - 1].head.sequence > head->sequence; at--)
        plan->parts[at] = plan->parts[at - 1];
    plan->parts[at].segment = segment;
    memcpy(&plan->parts[at].head, head, sizeof *head);
    plan->parts[at].from = from;
    plan->n++;
    plan->n_bytes += up(pp_segment_closed_bytes(head));
}

/* What to copy of the directory's segments, in order of their sequence.  False: they are changing.
 */
static bool plan_segments(struct pp_rec_header *header, uint32_t index,
                          const struct pprofc_cursor *cursor, struct plan *plan)
{
    const uint64_t n_reserved = atomic_load_explicit(&header->n_bytes, memory_order_acquire);
    const uint32_t n = header->n_segments[index & 1];
    const bool is_begun = cursor != NULL && cursor->session != 0;

    for (uint32_t i = 0; i < n && i < PP_REC_MAX_SEGMENTS; i++) {
        const struct pp_rec_segment_ref ref = header->segments[index & 1][i];
        struct pp_rec_segment *segment = (struct pp_rec_segment *)((char *)header + ref.offset);
        struct pp_rec_segment head;

        if (ref.offset > n_reserved - sizeof head)
            return false;
        memcpy(&head, segment, sizeof head);
        /* Again, with what was written before it. */
        atomic_store_explicit(&head.used,
                              atomic_load_explicit(&segment->used, memory_order_acquire),
                              memory_order_relaxed);
        if (!is_sound(&head, &ref, n_reserved))
            return false;
        if ((uint32_t)head.used == 0)
            continue;
        /* Folded behind the cursor: taken before.  Beyond it: what was between can no longer be
         * told apart. */
        if (is_begun && head.kind == PP_SEGMENT_FOLDED)
            plan->has_gap = plan->has_gap || head.sequence >= cursor->sequence;
        else if (!is_begun || head.sequence >= cursor->sequence)
            add_part(plan, segment, &head,
                     is_begun && head.sequence == cursor->sequence ? (uint32_t)cursor->offset : 0);
    }
    return true;
}

static bool make_plan(struct pp_rec_header *header, uint32_t index,
                      const struct pprofc_cursor *cursor, struct plan *plan)
{
    plan->n = 0;
    plan->n_bytes = PP_REC_HEADER_BYTES;
    plan->has_gap = false;
    plan->is_living = atomic_load_explicit(&header->state, memory_order_acquire) != PP_REC_ENDED;
    if (!plan_segments(header, index, cursor, plan))
        return false;
    /* After the segments: what their events name is there. */
    for (uint32_t i = 0; i < N_TABLES; i++) {
        const struct pp_rec_table *table = table_of(header, i);
        plan->n_items[i] = atomic_load_explicit(&table->n_items, memory_order_acquire);
        plan->n_bytes += up((uint64_t)plan->n_items[i] * table->item_bytes);
    }
    return true;
}

static uint64_t copy_table(struct pp_rec_header *from, const struct pp_rec_table *table,
                           struct pp_rec_header *to, struct pp_rec_table *copy, uint64_t at,
                           uint32_t n)
{
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
    return at + up((uint64_t)n * table->item_bytes);
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
    memset((void *)to->wants, 0, sizeof to->wants);
    to->n_segments[0] = 0;
    for (uint32_t i = 0; i < N_TABLES; i++)
        at = copy_table(from, table_of(from, i), to, table_of(to, i), at, plan->n_items[i]);
    for (uint32_t i = 0; i < plan->n; i++) {
        const struct pp_rec_segment *head = &plan->parts[i].head;
        const uint64_t n_bytes = pp_segment_closed_bytes(head);
        const uint32_t end = pp_segment_copy_closed(
            head, plan->parts[i].segment, plan->parts[i].from, plan->is_living, (char *)to + at);
        to->segments[0][to->n_segments[0]++] = (struct pp_rec_segment_ref){at, n_bytes};
        at += up(n_bytes);
        if (cursor != NULL) {
            cursor->sequence = head->sequence;
            cursor->offset = end;
        }
        /* Not committed yet, or more may have come before the next segment was begun: the rest
         * comes with the next copy. */
        if (plan->is_living &&
            (end < (uint32_t)head->used || (head->used & PP_SEGMENT_SEALED) == 0))
            break;
    }
    atomic_store(&to->n_bytes, at);
    return at;
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

/* Call 'visit' for each committed event of a copy, with the counters of its thread. */
static void each_event(struct pp_rec_header *header,
                       void (*visit)(void *context, struct pp_rec_event *, struct pp_rec_thread *),
                       void *context)
{
    for (uint32_t i = 0; i < header->n_segments[0]; i++) {
        struct pp_rec_segment *segment =
            (struct pp_rec_segment *)((char *)header + header->segments[0][i].offset);
        const uint32_t n_log = (uint32_t)atomic_load(&segment->used);
        struct pp_rec_event *event;
        uint32_t at = 0;

        while ((event = pp_segment_event(segment, &at, n_log)) != NULL) {
            const uint32_t state = atomic_load(&event->state_bytes);
            if (state >> 24 == PP_EVENT_COMMITTED)
                visit(context, event, pp_sig_table_item(header, &header->threads, event->thread));
            at += state & 0xffffff;
        }
    }
}

static void count_event(void *context, struct pp_rec_event *event, struct pp_rec_thread *thread)
{
    struct pp_rec_header *header = context;
    const uint64_t ns = (uint64_t)event->values[1];

    pp_snapshot_count_wait(header, event);
    if (thread == NULL || event->family != PP_FAMILY_CPU || event->n_values < 2)
        return;
    atomic_fetch_add(&header->cpu_ns, ns);
    atomic_fetch_add(&thread->n_samples, (uint64_t)event->values[0]);
    atomic_fetch_add(
        (event->flags & PP_EVENT_REMAINDER) != 0 ? &thread->unsampled_ns : &thread->sampled_ns, ns);
    if ((event->flags & PP_EVENT_TRUNCATED) != 0)
        atomic_fetch_add(&header->n_truncated, (uint64_t)event->values[0]);
    if ((event->flags & PP_EVENT_INFERRED) != 0)
        atomic_fetch_add(&header->n_inferred, (uint64_t)event->values[0]);
}

static uint64_t share_of(uint64_t total, double share)
{
    return (uint64_t)((double)total * share);
}

/* A part of the events has counters of its own.  What profiling cost is not known of it: the same
 * share as of all. */
static void count_again(struct pp_rec_header *header)
{
    const uint64_t whole_ns = atomic_load(&header->cpu_ns);
    const uint32_t n = atomic_load(&header->threads.n_items);
    double share;

    for (uint32_t i = 0; i < n; i++) {
        struct pp_rec_thread *thread = pp_sig_table_item(header, &header->threads, i);
        atomic_store(&thread->n_samples, 0);
        atomic_store(&thread->sampled_ns, 0);
        atomic_store(&thread->unsampled_ns, 0);
    }
    atomic_store(&header->cpu_ns, 0);
    atomic_store(&header->n_samples, 0);
    atomic_store(&header->n_truncated, 0);
    atomic_store(&header->n_inferred, 0);
    pp_snapshot_clear_waits(header);
    each_event(header, count_event, header);
    share = whole_ns == 0 ? 0 : (double)atomic_load(&header->cpu_ns) / (double)whole_ns;
    share = share > 1 ? 1 : share;
    atomic_store(&header->helper_cpu_ns, share_of(atomic_load(&header->helper_cpu_ns), share));
    atomic_store(&header->handler_cpu_ns, share_of(atomic_load(&header->handler_cpu_ns), share));
}

struct filter {
    int (*keeps)(void *context, const struct pp_rec_thread *);
    void *context;
};

static void filter_event(void *context, struct pp_rec_event *event, struct pp_rec_thread *thread)
{
    const struct filter *filter = context;
    const uint32_t n_bytes = atomic_load(&event->state_bytes) & 0xffffff;

    if (thread == NULL || !filter->keeps(filter->context, thread)) /* as if never committed */
        atomic_store(&event->state_bytes, n_bytes | ((uint32_t)PP_EVENT_RESERVED << 24));
}

void pp_snapshot_filter(struct pprofc_recording *recording,
                        int (*keeps)(void *context, const struct pp_rec_thread *), void *context)
{
    struct pp_rec_header *header = (struct pp_rec_header *)recording->bytes;
    struct filter filter = {keeps, context};

    each_event(header, filter_event, &filter);
    count_again(header);
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

        if (!make_plan(header, index, cursor, &plan))
            continue;
        recording = pp_map_anonymous(plan.n_bytes + PAGE_BYTES);
        if (recording == NULL)
            return pp_fail(err, -ENOMEM, 0, "no memory for a copy of %llu bytes",
                           (unsigned long long)plan.n_bytes);
        recording->bytes = (char *)recording + PAGE_BYTES;
        recording->n_mapped = plan.n_bytes + PAGE_BYTES;
        recording->n_bytes = copy_all(header, &plan, (struct pp_rec_header *)recording->bytes,
                                      cursor == NULL ? NULL : &moved);
        /* What was copied was read before the next line. */
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&header->directory_index, memory_order_relaxed) == index) {
            if (cursor != NULL && cursor->session != 0)
                count_again((struct pp_rec_header *)recording->bytes);
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
