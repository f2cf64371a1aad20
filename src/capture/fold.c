/* Folding: many events into sums per (stack, thread, labels, time slice). */
#include "capture/fold.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "capture/memory_file.h"
#include "sigsafe/store.h"

enum { FIRST_PLACES = 4096 };

static uint32_t log_bytes_of(const struct pp_rec_segment *segment)
{
    return (uint32_t)atomic_load_explicit(&segment->used, memory_order_acquire);
}

static uint32_t pool_bytes_of(uint64_t used)
{
    return (uint32_t)((used & ~PP_SEGMENT_SEALED) >> 32);
}

static char *area_of(struct pp_rec_segment *segment)
{
    return (char *)segment + segment->area_offset;
}

struct pp_rec_event *pp_segment_event(struct pp_rec_segment *segment, uint32_t *at,
                                      uint32_t n_log_bytes)
{
    for (; *at + sizeof(struct pp_rec_event) <= n_log_bytes; *at += PP_REC_EVENT_ALIGN) {
        struct pp_rec_event *event = (struct pp_rec_event *)(area_of(segment) + *at);
        /* Zero: the writer was stopped between taking the room and writing the length. */
        if (atomic_load_explicit(&event->state_bytes, memory_order_acquire) != 0)
            return event;
    }
    return NULL;
}

uint32_t pp_segment_pool_bytes(const struct pp_rec_segment *segment)
{
    return pool_bytes_of(atomic_load_explicit(&segment->used, memory_order_acquire));
}

static uint64_t n_moved_of(const struct pp_fold_room *room)
{
    return room->n_pool_bytes / 8 + 1;
}

uint64_t pp_fold_memory_bytes(const struct pp_fold_room *room)
{
    return room->n_bytes + room->n_places * sizeof(uint64_t) + n_moved_of(room) * sizeof(uint32_t);
}

void pp_fold_begin(struct pp_fold *fold, void *memory, const struct pp_fold_room *room,
                   uint64_t slice_ns)
{
    memset(fold, 0, sizeof *fold);
    fold->out = memory;
    fold->places = (uint64_t *)((char *)memory + room->n_bytes);
    fold->n_places_max = room->n_places;
    fold->n_places = room->n_places < FIRST_PLACES ? room->n_places : FIRST_PLACES;
    fold->moved = (uint32_t *)(fold->places + room->n_places);
    fold->n_moved = (uint32_t)n_moved_of(room);
    fold->slice_ns = slice_ns;
    pp_sig_segment_init(fold->out, room->n_bytes, room->n_slots, 0);
    fold->out->kind = PP_SEGMENT_FOLDED;
    fold->out->slice_ns = slice_ns;
}

/* What is summed into one event. */
struct key {
    uint64_t slice_ns;
    int64_t lock; /* of families that have one */
    uint32_t stack, thread, label_set, span;
    uint16_t flags;
    uint8_t family, n_values;
};

/* Values of an event that are added up; a lock's address is not. */
static uint32_t n_sums_of(const struct pp_rec_event *event)
{
    const bool has_lock = (event->family == PP_FAMILY_LOCK || event->family == PP_FAMILY_HOLDER) &&
                          event->n_values == PP_WAIT_N_LOCK_VALUES;

    return has_lock ? PP_WAIT_LOCK : event->n_values;
}

static int64_t lock_of(const struct pp_rec_event *event)
{
    return n_sums_of(event) == event->n_values ? 0 : event->values[PP_WAIT_LOCK];
}

static uint64_t hash_of(const struct key *key)
{
    uint64_t hash = key->slice_ns * UINT64_C(0x9E3779B97F4A7C15);

    hash = (hash ^ key->stack ^ ((uint64_t)key->thread << 32)) * UINT64_C(0xff51afd7ed558ccd);
    hash ^= hash >> 32;
    hash = (hash ^ key->label_set ^ ((uint64_t)key->span << 32)) * UINT64_C(0xc4ceb9fe1a85ec53);
    hash = (hash ^ (hash >> 29) ^ key->flags ^ ((uint64_t)key->family << 16)) *
           UINT64_C(0x9E3779B97F4A7C15);
    hash = (hash ^ (hash >> 31) ^ (uint64_t)key->lock) * UINT64_C(0xff51afd7ed558ccd);
    return hash ^ (hash >> 32);
}

static bool is_key(const struct pp_rec_event *event, const struct key *key)
{
    return event->time_ns == key->slice_ns && event->stack == key->stack &&
           event->thread == key->thread && event->label_set == key->label_set &&
           event->span == key->span && event->flags == key->flags && event->family == key->family &&
           event->n_values == key->n_values && lock_of(event) == key->lock;
}

static void put_place(struct pp_fold *fold, uint64_t hash, const struct pp_rec_event *event)
{
    const uint32_t mask = fold->n_places - 1;
    uint32_t i = (uint32_t)hash & mask;

    while (fold->places[i] != 0)
        i = (i + 1) & mask;
    fold->places[i] =
        (hash & ~(uint64_t)UINT32_MAX) | ((uint32_t)((const char *)event - area_of(fold->out)) + 1);
}

/* Sums lie all over their places: few places for few sums are what keeps them in few pages. */
static void grow_places(struct pp_fold *fold)
{
    const uint32_t n_log_bytes = log_bytes_of(fold->out);
    struct pp_rec_event *event;
    uint32_t at = 0;

    memset(fold->places, 0, fold->n_places * sizeof *fold->places);
    fold->n_places *= 2;
    while ((event = pp_segment_event(fold->out, &at, n_log_bytes)) != NULL) {
        const struct key key = {.slice_ns = event->time_ns,
                                .lock = lock_of(event),
                                .stack = event->stack,
                                .thread = event->thread,
                                .label_set = event->label_set,
                                .span = event->span,
                                .flags = event->flags,
                                .family = event->family,
                                .n_values = event->n_values};
        put_place(fold, hash_of(&key), event);
        at += atomic_load_explicit(&event->state_bytes, memory_order_relaxed) & 0xffffff;
    }
}

static struct pp_rec_event *find_event(struct pp_fold *fold, const struct key *key)
{
    const uint32_t mask = fold->n_places - 1;
    const uint64_t hash = hash_of(key);
    struct pp_rec_event *event;
    uint32_t n_bytes;

    for (uint32_t i = (uint32_t)hash & mask; fold->places[i] != 0; i = (i + 1) & mask) {
        if (fold->places[i] >> 32 != hash >> 32)
            continue;
        event = (struct pp_rec_event *)(area_of(fold->out) + (uint32_t)fold->places[i] - 1);
        if (is_key(event, key))
            return event;
    }
    if (fold->n_events >= fold->n_places / 4 * 3 && fold->n_places < fold->n_places_max)
        grow_places(fold);
    if (fold->n_events >= fold->n_places / 4 * 3)
        return NULL;
    n_bytes = (uint32_t)sizeof *event + key->n_values * (uint32_t)sizeof(int64_t) +
              ((key->flags & PP_EVENT_WEIGHTED) != 0 ? 16 : 0);
    event = pp_sig_segment_reserve(fold->out, n_bytes);
    if (event == NULL)
        return NULL;
    fold->n_events++;
    put_place(fold, hash, event);
    event->time_ns = key->slice_ns;
    event->stack = key->stack;
    event->thread = key->thread;
    event->label_set = key->label_set;
    event->span = key->span;
    event->flags = key->flags;
    event->family = key->family;
    event->n_values = key->n_values;
    if (n_sums_of(event) < event->n_values)
        event->values[PP_WAIT_LOCK] = key->lock;
    atomic_store_explicit(&event->state_bytes, n_bytes | ((uint32_t)PP_EVENT_COMMITTED << 24),
                          memory_order_release);
    return event;
}

/* Whether the stack is to be given up.  What was folded before shows which stacks are rare; what is
 * new does not yet, and its turn comes when all else was not enough. */
static bool is_rare(const struct pp_fold *fold, const struct pp_rec_segment *from,
                    const struct pp_rec_event *event)
{
    return (from->kind == PP_SEGMENT_FOLDED || fold->forget_below == PP_FOLD_FORGET_ALL) &&
           (uint64_t)event->values[0] < fold->forget_below &&
           (event->flags & PP_EVENT_REMAINDER) == 0;
}

/* The stack of 'event' in the output.  Events are many and stacks few: each is looked for once. */
static uint32_t stack_in(struct pp_fold *fold, struct pp_rec_segment *from,
                         const struct pp_rec_event *event)
{
    const uint64_t folded[1] = {PP_PC_FOLDED};
    const struct pp_rec_stack *old =
        (const struct pp_rec_stack *)(area_of(from) + (uint64_t)event->stack * 8);
    const uint32_t distance = from->area_bytes / 8 - event->stack;
    uint32_t stack;

    if (fold->forget_below != 0 && is_rare(fold, from, event)) {
        if (old->pcs[0] != PP_PC_FOLDED) /* those were counted when they became so */
            fold->n_forgotten += (uint64_t)event->values[0];
        return pp_sig_segment_stack(fold->out, folded, 1, 0, PP_PC_FOLDED);
    }
    if (distance < fold->n_moved && fold->moved[distance] != 0)
        return fold->moved[distance];
    stack = pp_sig_segment_stack(fold->out, old->pcs, old->n_frames, old->flags, old->hash);
    if (distance < fold->n_moved)
        fold->moved[distance] = stack;
    return stack;
}

/* The thread that the event is summed for. */
static uint32_t thread_in(const struct pp_fold *fold, const struct pp_rec_event *event)
{
    const struct pp_rec_thread *slot;

    if (fold->forget_ended == NULL)
        return event->thread;
    slot = pp_sig_table_item(fold->forget_ended, &fold->forget_ended->threads, event->thread);
    return slot == NULL || atomic_load_explicit(&slot->end_ns, memory_order_relaxed) != 0
               ? 0
               : event->thread;
}

static int add_event(struct pp_fold *fold, struct pp_rec_segment *from,
                     const struct pp_rec_event *event)
{
    struct key key = {.slice_ns = event->time_ns / fold->slice_ns * fold->slice_ns,
                      .lock = lock_of(event),
                      .thread = thread_in(fold, event),
                      .label_set = event->label_set,
                      .span = fold->forget_spans ? 0 : event->span,
                      .flags = event->flags & (uint16_t)~PP_EVENT_TIMED,
                      .family = event->family,
                      .n_values = event->n_values};
    struct pp_rec_event *sum;

    if (event->family == PP_FAMILY_THREADS) /* who asked has read it; a sum of it means nothing */
        return 0;
    key.stack = stack_in(fold, from, event);
    sum = key.stack == 0 ? NULL : find_event(fold, &key);
    if (sum == NULL)
        return -ENOSPC;
    for (uint32_t i = 0; i < n_sums_of(event); i++)
        sum->values[i] += event->values[i];
    if ((event->flags & PP_EVENT_WEIGHTED) != 0) {
        double weights[2], sums[2];
        memcpy(weights, &event->values[event->n_values], sizeof weights);
        memcpy(sums, &sum->values[event->n_values], sizeof sums);
        sums[0] += weights[0];
        sums[1] += weights[1];
        memcpy(&sum->values[event->n_values], sums, sizeof sums);
    }
    fold->out->n_folded_events += from->kind == PP_SEGMENT_RAW ? 1 : 0;
    return 0;
}

int pp_fold_add(struct pp_fold *fold, struct pp_rec_segment *segment)
{
    const uint32_t n_log_bytes = log_bytes_of(segment);
    struct pp_rec_event *event;
    uint32_t at = 0, n_moved = pp_segment_pool_bytes(segment) / 8 + 1;

    n_moved = n_moved < fold->n_moved ? n_moved : fold->n_moved;
    memset(fold->moved, 0, n_moved * sizeof *fold->moved);
    while ((event = pp_segment_event(segment, &at, n_log_bytes)) != NULL) {
        const uint32_t state = atomic_load_explicit(&event->state_bytes, memory_order_acquire);
        int result;
        if (state >> 24 == PP_EVENT_COMMITTED && (result = add_event(fold, segment, event)) != 0)
            return result;
        at += state & 0xffffff;
    }
    if (segment->kind == PP_SEGMENT_FOLDED)
        fold->out->n_folded_events += segment->n_folded_events;
    if (segment->sequence > fold->out->sequence)
        fold->out->sequence = segment->sequence;
    return 0;
}

uint64_t pp_segment_closed_bytes(const struct pp_rec_segment *head)
{
    const uint64_t used = atomic_load_explicit(&head->used, memory_order_relaxed);

    return sizeof *head + (uint64_t)(uint32_t)used + pool_bytes_of(used) + PP_REC_EVENT_ALIGN;
}

uint64_t pp_fold_bytes(const struct pp_fold *fold)
{
    return pp_segment_closed_bytes(fold->out);
}

void pp_fold_finish(const struct pp_fold *fold, void *memory)
{
    (void)pp_segment_copy_closed(fold->out, fold->out, 0, false, memory);
}

/* Whether the event at 'at' lies within the log, as every event does while its segment is in use.
 */
static bool is_event_length(uint32_t n_bytes, uint32_t at, uint32_t n_log)
{
    return n_bytes >= sizeof(struct pp_rec_event) && n_bytes % PP_REC_EVENT_ALIGN == 0 &&
           n_bytes <= n_log - at;
}

uint32_t pp_segment_copy_closed(const struct pp_rec_segment *head, struct pp_rec_segment *segment,
                                uint32_t from, bool stop_at_hole, void *memory)
{
    const uint64_t used = atomic_load_explicit(&head->used, memory_order_relaxed);
    const uint32_t n_pool = pool_bytes_of(used), n_log = (uint32_t)used;
    const char *area = (const char *)segment + head->area_offset;
    struct pp_rec_segment *to = memory;
    uint32_t moved, at = from, n_copied = 0;

    /* Nobody adds to the copy: it needs no slots.  Stacks keep their distance from the area's end,
     * so that in a smaller area all move down by the same number of words. */
    memcpy(to, head, sizeof *to);
    to->n_slots = 0;
    to->area_offset = to->slots_offset;
    to->area_bytes = n_log + n_pool + PP_REC_EVENT_ALIGN;
    moved = (head->area_bytes - to->area_bytes) / 8;
    memcpy(area_of(to) + to->area_bytes - n_pool, area + head->area_bytes - n_pool, n_pool);
    while (at + sizeof(struct pp_rec_event) <= n_log) {
        const struct pp_rec_event *event = (const struct pp_rec_event *)(area + at);
        const uint32_t state = atomic_load_explicit(&event->state_bytes, memory_order_acquire);
        const uint32_t n_bytes = state & 0xffffff;
        const bool committed = state >> 24 == PP_EVENT_COMMITTED;
        struct pp_rec_event *copy = (struct pp_rec_event *)(area_of(to) + n_copied);

        if (!committed && stop_at_hole)
            break;
        if (state == 0) { /* its writer took the room and did not come to write the length */
            at += PP_REC_EVENT_ALIGN;
            continue;
        }
        if (!is_event_length(n_bytes, at, n_log))
            break;
        if (committed && (uint64_t)event->stack * 8 >= head->area_bytes - n_pool) {
            memcpy(copy, event, n_bytes);
            atomic_store_explicit(&copy->state_bytes, state, memory_order_relaxed);
            copy->stack -= moved;
            n_copied += n_bytes;
        }
        at += n_bytes;
        from = at;
    }
    atomic_store_explicit(&to->used, n_copied | ((uint64_t)n_pool << 32) | PP_SEGMENT_SEALED,
                          memory_order_release);
    return from;
}
