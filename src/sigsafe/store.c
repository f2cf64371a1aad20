/* Putting samples into the recording, lock-free. */
#include "sigsafe/store.h"

#include <stddef.h>

#include "sigsafe/syscall.h"

enum { MAX_PROBES = 64, MAX_SWITCHES = 8 };

static uint32_t log_bytes(uint64_t used)
{
    return (uint32_t)used;
}

static uint32_t pool_bytes(uint64_t used)
{
    return (uint32_t)((used & ~PP_SEGMENT_SEALED) >> 32);
}

static char *area_of(struct pp_rec_segment *segment)
{
    return (char *)segment + segment->area_offset;
}

static _Atomic uint64_t *slots_of(struct pp_rec_segment *segment)
{
    return (_Atomic uint64_t *)((char *)segment + segment->slots_offset);
}

void pp_sig_segment_init(struct pp_rec_segment *segment, uint64_t n_bytes, uint32_t n_slots,
                         uint64_t sequence)
{
    segment->kind = PP_SEGMENT_RAW;
    segment->n_slots = n_slots;
    segment->sequence = sequence;
    segment->slots_offset = (uint32_t)sizeof *segment;
    segment->area_offset = segment->slots_offset + n_slots * (uint32_t)sizeof(uint64_t);
    segment->area_bytes = (uint32_t)(n_bytes - segment->area_offset) & ~7u;
    atomic_store_explicit(&segment->used, 0, memory_order_release);
}

/* Take 'n_log' bytes of log and 'n_pool' bytes of stacks.  Returns 'used' as it was before, or
 * UINT64_MAX. */
static uint64_t take(struct pp_rec_segment *segment, uint32_t n_log, uint32_t n_pool)
{
    uint64_t used = atomic_load_explicit(&segment->used, memory_order_relaxed);

    do {
        const uint64_t wanted = (uint64_t)log_bytes(used) + pool_bytes(used) + n_log + n_pool;
        /* Offset 0 of the area stays with the log: a stack reference of 0 means none. */
        if ((used & PP_SEGMENT_SEALED) != 0 || wanted + PP_REC_EVENT_ALIGN > segment->area_bytes)
            return UINT64_MAX;
    } while (!atomic_compare_exchange_weak_explicit(&segment->used, &used,
                                                    used + n_log + ((uint64_t)n_pool << 32),
                                                    memory_order_acq_rel, memory_order_relaxed));
    return used;
}

void pp_sig_segment_seal(struct pp_rec_segment *segment)
{
    (void)atomic_fetch_or_explicit(&segment->used, PP_SEGMENT_SEALED, memory_order_acq_rel);
}

static int is_same_stack(struct pp_rec_segment *segment, uint64_t slot, uint64_t hash,
                         uint32_t n_frames)
{
    const struct pp_rec_stack *stack =
        (const struct pp_rec_stack *)(area_of(segment) + (slot & UINT32_MAX) * 8);

    return (uint32_t)(slot >> 32) == (uint32_t)(hash >> 32) && stack->hash == hash &&
           stack->n_frames == n_frames;
}

/* Write the stack's frames at the area's end; 0 when full. */
static uint32_t write_stack(struct pp_rec_segment *segment, const uint64_t *pcs, uint32_t n_frames,
                            uint32_t flags, uint64_t hash)
{
    const uint32_t n_bytes =
        (uint32_t)sizeof(struct pp_rec_stack) + n_frames * (uint32_t)sizeof *pcs;
    const uint64_t used = take(segment, 0, n_bytes);
    struct pp_rec_stack *stack;
    uint32_t offset;

    if (used == UINT64_MAX)
        return 0;
    offset = segment->area_bytes - pool_bytes(used) - n_bytes;
    stack = (struct pp_rec_stack *)(area_of(segment) + offset);
    stack->hash = hash;
    stack->n_frames = n_frames;
    stack->flags = flags;
    for (uint32_t i = 0; i < n_frames; i++)
        stack->pcs[i] = pcs[i];
    return offset / 8;
}

uint32_t pp_sig_segment_stack(struct pp_rec_segment *segment, const uint64_t *pcs,
                              uint32_t n_frames, uint32_t flags, uint64_t hash)
{
    _Atomic uint64_t *slots = slots_of(segment);
    const uint32_t mask = segment->n_slots - 1;
    uint32_t written = 0;

    for (uint32_t i = (uint32_t)hash & mask, n = 0; n < MAX_PROBES; n++, i = (i + 1) & mask) {
        uint64_t slot = atomic_load_explicit(&slots[i], memory_order_acquire);

        if (slot == 0) {
            uint64_t mine;
            if (written == 0)
                written = write_stack(segment, pcs, n_frames, flags, hash);
            if (written == 0)
                return 0;
            mine = (hash & ~(uint64_t)UINT32_MAX) | written;
            if (atomic_compare_exchange_strong_explicit(&slots[i], &slot, mine,
                                                        memory_order_acq_rel, memory_order_acquire))
                return written;
            /* Another writer was first here: 'slot' is now theirs, perhaps the same stack. */
        }
        if (is_same_stack(segment, slot, hash, n_frames))
            return (uint32_t)slot;
    }
    /* A crowded neighbourhood: the stack is stored once more rather than lost. */
    return written != 0 ? written : write_stack(segment, pcs, n_frames, flags, hash);
}

/* The length is there before any of the body. */
static void reserve(struct pp_rec_event *event, uint32_t n_bytes)
{
    const uint32_t state = n_bytes | ((uint32_t)PP_EVENT_RESERVED << 24);

#ifdef __SANITIZE_THREAD__
    /* gcc's thread sanitizer knows no fences.  What follows stays behind an exchange that acquires,
     * too; elsewhere its locked instruction is saved. */
    (void)atomic_exchange_explicit(&event->state_bytes, state, memory_order_acq_rel);
#else
    atomic_store_explicit(&event->state_bytes, state, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
#endif
}

struct pp_rec_event *pp_sig_segment_reserve(struct pp_rec_segment *segment, uint32_t n_bytes)
{
    const uint64_t used = take(segment, n_bytes, 0);
    struct pp_rec_event *event;

    if (used == UINT64_MAX)
        return NULL;
    event = (struct pp_rec_event *)(area_of(segment) + log_bytes(used));
    reserve(event, n_bytes);
    return event;
}

static int store_in(struct pp_rec_segment *segment, const struct pp_sig_event *from,
                    const uint64_t *pcs, const struct pp_sig_walk *walk)
{
    const uint32_t n_bytes =
        (uint32_t)sizeof(struct pp_rec_event) + from->n_values * (uint32_t)sizeof(int64_t);
    const uint32_t stack =
        pp_sig_segment_stack(segment, pcs, walk->n_frames,
                             from->flags & (PP_EVENT_TRUNCATED | PP_EVENT_CUT), walk->hash);
    struct pp_rec_event *event = stack == 0 ? NULL : pp_sig_segment_reserve(segment, n_bytes);

    if (event == NULL)
        return -1;
    event->family = from->family;
    event->n_values = from->n_values;
    event->flags = from->flags;
    event->time_ns = from->time_ns;
    event->thread = from->thread;
    event->stack = stack;
    event->label_set = from->label_set;
    event->span = from->span;
    for (uint32_t i = 0; i < from->n_values; i++)
        event->values[i] = from->values[i];
    atomic_store_explicit(&event->state_bytes, n_bytes | ((uint32_t)PP_EVENT_COMMITTED << 24),
                          memory_order_release);
    return 0;
}

static uint64_t sequence_of(const struct pp_rec_header *header, uint64_t offset)
{
    return ((const struct pp_rec_segment *)((const char *)header + offset))->sequence;
}

static int is_sealed(const struct pp_rec_header *header, uint64_t offset)
{
    const struct pp_rec_segment *segment =
        (const struct pp_rec_segment *)((const char *)header + offset);

    return (atomic_load_explicit(&segment->used, memory_order_acquire) & PP_SEGMENT_SEALED) != 0;
}

/* The spare that was made first: segments are used in the order of their sequence, which readers
 * rely on. */
static int oldest_spare(struct pp_rec_header *header, uint64_t full)
{
    uint64_t least = UINT64_MAX;
    int oldest = -1;

    for (int i = 0; i < PP_REC_MAX_SPARES; i++) {
        const uint64_t spare = atomic_load_explicit(&header->spares[i], memory_order_acquire);
        /* A sealed one is no spare any more: whoever made it active has yet to take it out. */
        if (spare != 0 && spare != full && !is_sealed(header, spare) &&
            sequence_of(header, spare) < least) {
            least = sequence_of(header, spare);
            oldest = i;
        }
    }
    return oldest;
}

/* 'full' has no room: seal it and make a spare the active one.  Returns 0, or -1 when there is no
 * spare. */
static int switch_segment(struct pp_rec_header *header, uint64_t full)
{
    uint64_t spare, expected = full;
    int i;

    pp_sig_segment_seal((struct pp_rec_segment *)((char *)header + full));
    i = oldest_spare(header, full);
    if (i < 0)
        return atomic_load_explicit(&header->active, memory_order_acquire) != full ? 0 : -1;
    spare = atomic_load_explicit(&header->spares[i], memory_order_acquire);
    if (spare == 0 ||
        !atomic_compare_exchange_strong_explicit(&header->active, &expected, spare,
                                                 memory_order_acq_rel, memory_order_acquire))
        return 0; /* somebody else switched meanwhile */
    (void)atomic_compare_exchange_strong_explicit(&header->spares[i], &spare, 0,
                                                  memory_order_acq_rel, memory_order_relaxed);
    atomic_fetch_add_explicit(&header->command_block.futex, 1, memory_order_release);
    pp_sig_futex_wake((void *)&header->command_block.futex); /* the helper makes more spares */
    return 0;
}

int pp_sig_store_event(struct pp_rec_header *header, const struct pp_sig_event *event,
                       const uint64_t *pcs, const struct pp_sig_walk *walk)
{
    for (uint32_t n = 0; n < MAX_SWITCHES; n++) {
        const uint64_t active = atomic_load_explicit(&header->active, memory_order_acquire);

        if (active == 0)
            break;
        if (store_in((struct pp_rec_segment *)((char *)header + active), event, pcs, walk) == 0)
            return 0;
        if (switch_segment(header, active) != 0)
            break;
    }
    pp_sig_count_loss(header, PP_LOSS_NO_SPACE);
    return -1;
}

void *pp_sig_table_item(struct pp_rec_header *header, struct pp_rec_table *table, uint32_t index)
{
    uint32_t n_in_block = table->n_first;

    for (uint32_t block = 0; block < PP_REC_MAX_BLOCKS; block++, n_in_block *= 2) {
        if (index < n_in_block) {
            const uint64_t offset =
                atomic_load_explicit(&table->blocks[block], memory_order_acquire);
            return offset == 0 ? NULL
                               : (char *)header + offset + (uint64_t)index * table->item_bytes;
        }
        index -= n_in_block;
    }
    return NULL;
}

void pp_sig_count_loss(struct pp_rec_header *header, enum pp_rec_loss cause)
{
    atomic_fetch_add_explicit(&header->losses[cause], 1, memory_order_relaxed);
}
