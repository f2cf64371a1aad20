/* The list of heap_mappings.h, its lock, and what becomes of the sums of sites. */
#include "sigsafe/heap_mappings.h"

#include <signal.h>
#include <time.h>

#include "sigsafe/handler.h"
#include "sigsafe/heap.h"
#include "sigsafe/heap_account.h"
#include "sigsafe/heap_draw.h"
#include "sigsafe/heap_text.h"
#include "sigsafe/store.h"
#include "sigsafe/syscall.h"

enum {
    SHORT_TURNS = 200,                /* at a lock that is held, before sleeping */
    MOST_TURNS = SHORT_TURNS + 20000, /* a second */
    TURN_NS = 50000,
    MASK_BYTES = 8,
};

struct pp_sig_mappings pp_sig_mappings;

void pp_sig_mappings_clear(struct pp_sig_range *ranges, struct pp_sig_mapping *mappings,
                           uint32_t capacity)
{
    struct pp_sig_mappings *all = &pp_sig_mappings;

    pp_sig_ranges_init(&all->ranges, ranges, capacity);
    all->all = mappings;
    all->capacity = capacity;
    all->n_used = 1;
    all->first_free = 0;
    atomic_store_explicit(&all->n_maps, 0, memory_order_relaxed);
    atomic_store_explicit(&all->mapped_bytes, 0, memory_order_relaxed);
    atomic_store_explicit(&all->n_others, 0, memory_order_relaxed);
    atomic_store_explicit(&all->other_bytes, 0, memory_order_relaxed);
    atomic_store_explicit(&all->n_unmaps, 0, memory_order_relaxed);
    atomic_store_explicit(&all->unmapped_bytes, 0, memory_order_relaxed);
    atomic_fetch_add_explicit(&all->number, 1, memory_order_relaxed);
    atomic_store_explicit(&all->holder, 0, memory_order_release);
}

/* ---- the lock ---- */

/* All but those that samples come by: what they interrupt here does not need the lock. */
static void block_signals(struct pp_sig_mapping_work *work)
{
    const uint64_t blocked = ~(UINT64_C(1) << (SIGTRAP - 1) | UINT64_C(1) << (SIGPROF - 1));

    (void)pp_sig_syscall4(SYS_rt_sigprocmask, SIG_BLOCK, (long)&blocked, (long)&work->mask,
                          MASK_BYTES);
}

static void unblock_signals(const struct pp_sig_mapping_work *work)
{
    (void)pp_sig_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&work->mask, 0, MASK_BYTES);
}

/* 0: a handler came upon this thread itself here, or has left it here by longjmp(). */
static int take_lock(const struct pp_sig_mapping_work *work)
{
    const uint32_t tid = (uint32_t)atomic_load_explicit(&work->self->tid, memory_order_relaxed);

    for (uint32_t turn = 0; turn < MOST_TURNS; turn++) {
        const struct timespec pause = {0, TURN_NS};
        uint32_t holder = 0;
        if (atomic_compare_exchange_strong_explicit(&pp_sig_mappings.holder, &holder, tid,
                                                    memory_order_acquire, memory_order_relaxed))
            return 1;
        if (holder == tid)
            return 0;
        if (turn < SHORT_TURNS)
            (void)pp_sig_syscall4(SYS_sched_yield, 0, 0, 0, 0);
        else
            (void)pp_sig_syscall4(SYS_nanosleep, (long)&pause, 0, 0, 0);
    }
    return 0;
}

int pp_sig_mappings_lock(struct pp_sig_mapping_work *work)
{
    block_signals(work);
    if (take_lock(work))
        return 1;
    unblock_signals(work);
    pp_sig_count_loss(work->header, PP_LOSS_HEAP_OBJECT);
    return 0;
}

void pp_sig_mappings_unlock(const struct pp_sig_mapping_work *work)
{
    atomic_store_explicit(&pp_sig_mappings.holder, 0, memory_order_release);
    unblock_signals(work);
}

int pp_sig_mappings_begin(struct pp_sig_mapping_work *work)
{
    work->self = pp_sig_guard != 0 ? NULL : pp_sig_heap_thread_mine();
    if (work->self == NULL || work->self->busy != 0)
        return 0;
    work->header = pp_sig_heap_enter(work->self, &work->thread);
    if (work->header == NULL)
        return 0;
    work->self->busy++;
    return 1;
}

void pp_sig_mappings_end(const struct pp_sig_mapping_work *work)
{
    work->self->busy--;
    pp_sig_heap_leave(work->thread);
}

/* ---- with the lock ---- */

static void free_mapping(uint32_t index)
{
    pp_sig_mappings.all[index].next_free = pp_sig_mappings.first_free;
    pp_sig_mappings.first_free = index;
    pp_sig_mappings.all[index].known.size_bytes = 0;
}

void pp_sig_mappings_reduce(const struct pp_sig_mapping_work *work, uint32_t index,
                            uint64_t n_bytes)
{
    struct pp_sig_mapping *mapping = &pp_sig_mappings.all[index];
    const uint64_t before = mapping->known.size_bytes;
    const uint64_t left = before > n_bytes ? before - n_bytes : 0;

    if (index == PP_MAPPING_OTHER)
        return;
    if (mapping->is_thinned_out == 0 && left == 0)
        pp_sig_heap_count_freed(work->header, &mapping->known);
    else if (mapping->is_thinned_out == 0 && left < before)
        mapping->is_thinned_out =
            !pp_sig_heap_shrink(work->header, work->self, &mapping->known, left);
    mapping->known.size_bytes = left;
    if (left == 0)
        free_mapping(index);
}

uint32_t pp_sig_mappings_give_up(const struct pp_sig_mapping_work *work, uint32_t range)
{
    struct pp_sig_ranges *ranges = &pp_sig_mappings.ranges;
    uint32_t n = 0;

    for (uint32_t next; range != PP_RANGE_NONE; range = next) {
        const struct pp_sig_range gone = ranges->all[range];
        next = gone.next[0];
        n += gone.mapping != PP_MAPPING_OTHER;
        pp_sig_mappings_reduce(work, gone.mapping, gone.limit - gone.start);
        pp_sig_ranges_drop(ranges, range);
    }
    return n;
}

uint32_t pp_sig_mappings_clear_place(const struct pp_sig_mapping_work *work, uint64_t start,
                                     uint64_t n_bytes)
{
    return pp_sig_mappings_give_up(
        work, pp_sig_ranges_take(&pp_sig_mappings.ranges, start, start + n_bytes));
}

static uint32_t take_mapping(void)
{
    uint32_t index = pp_sig_mappings.first_free;

    if (index != PP_MAPPING_OTHER)
        pp_sig_mappings.first_free = pp_sig_mappings.all[index].next_free;
    else if (pp_sig_mappings.n_used < pp_sig_mappings.capacity)
        index = pp_sig_mappings.n_used++;
    return index;
}

void pp_sig_mappings_put(const struct pp_sig_mapping_work *work, uint64_t start,
                         const struct pp_sig_heap_object *object)
{
    uint32_t index;

    if (!pp_sig_heap_count_allocated(work->header, object))
        return;
    index = take_mapping();
    if (index != PP_MAPPING_OTHER &&
        pp_sig_ranges_add(&pp_sig_mappings.ranges, start, start + object->size_bytes, index)) {
        pp_sig_mappings.all[index].known = *object;
        pp_sig_mappings.all[index].is_thinned_out = 0;
        return;
    }
    if (index != PP_MAPPING_OTHER)
        free_mapping(index);
    pp_sig_heap_count_freed(work->header, object);
    pp_sig_count_loss(work->header, PP_LOSS_HEAP_OBJECT);
}

/* ---- sampling ---- */

static uint32_t interval_now(void)
{
    return atomic_load_explicit(&pp_sig_heap.mode, memory_order_relaxed) == PP_HEAP_EXACT
               ? 1
               : (uint32_t)atomic_load_explicit(&pp_sig_heap.interval_bytes, memory_order_relaxed);
}

int pp_sig_mappings_are_due(const struct pp_sig_mapping_work *work, uint64_t n_bytes)
{
    const double uniform = (double)(pp_sig_heap_random(&work->self->random) >> 11) * 0x1p-53;

    return n_bytes > 0 &&
           atomic_load_explicit(&pp_sig_gate->is_paused, memory_order_relaxed) == 0 &&
           atomic_load_explicit(&work->thread->ignored, memory_order_relaxed) == 0 &&
           uniform < pp_sig_heap_probability(n_bytes, interval_now());
}

PP_HEAP_TEXT struct pp_sig_heap_object pp_sig_mappings_describe(
    const struct pp_sig_mapping_work *work, uint64_t n_bytes)
{
    return pp_sig_heap_describe(
        n_bytes, interval_now(),
        pp_sig_heap_site_here(work->header, work->thread, NULL, PP_WALK_MAPPED));
}

void pp_sig_mappings_count_unfollowed(uint64_t n_bytes)
{
    if (pp_sig_guard != 0)
        return;
    if (interval_now() == 1)
        atomic_fetch_add_explicit(&pp_sig_heap.n_unfollowed, 1, memory_order_relaxed);
    else
        atomic_fetch_add_explicit(&pp_sig_heap.unfollowed_bytes, n_bytes, memory_order_relaxed);
}
