/* The calls of heap_mapping_calls.h. */
#include "sigsafe/heap_mapping_calls.h"

#include <linux/mman.h>
#include <stdint.h>
#include <sys/mman.h>

#include "sigsafe/heap.h"
#include "sigsafe/heap_account.h"
#include "sigsafe/heap_mappings.h"
#include "sigsafe/heap_text.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

#define LIKELY(x) __builtin_expect((x) != 0, 1)

enum { PAGE_BYTES = 4096 };

/* Where a program's addresses end: Linux hands out the upper part, of five levels, on request only.
 */
#define LOWER_LIMIT (UINT64_C(1) << 47)
#define UPPER_LIMIT (UINT64_C(1) << 56)

struct pp_sig_mapping_calls pp_sig_mapping_calls;

static uint64_t whole_pages(uint64_t n_bytes)
{
    return (n_bytes + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
}

static void count(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

/* ---- mmap ---- */

static int has_ranges(void)
{
    return __atomic_load_n(&pp_sig_mappings.ranges.n, __ATOMIC_RELAXED) != 0;
}

enum kind {
    ANONYMOUS,
    OTHER, /* a file, or address space alone: only that mremap() may know it */
    VIEW,  /* another one of memory that was mapped before */
};

/* 'n_bytes' at 'start' are mapped; 'is_over': in place of what was there. */
PP_HEAP_TEXT static void mapped(uint64_t start, uint64_t n_bytes, enum kind kind, int is_over)
{
    struct pp_sig_heap_object object = {.size_bytes = 0};
    struct pp_sig_mapping_work work;
    uint32_t n_gone;
    int is_sampled;

    if (!pp_sig_mappings_begin(&work)) {
        if (kind == ANONYMOUS)
            pp_sig_mappings_count_unfollowed(n_bytes);
        return;
    }
    is_sampled = kind == ANONYMOUS && pp_sig_mappings_are_due(&work, n_bytes);
    if (is_sampled)
        object = pp_sig_mappings_describe(&work, n_bytes);
    if ((is_sampled || kind == OTHER || has_ranges()) && pp_sig_mappings_lock(&work)) {
        n_gone = pp_sig_mappings_clear_place(&work, start, n_bytes);
        if (is_sampled)
            pp_sig_mappings_put(&work, start, &object);
        else if (kind == OTHER)
            (void)pp_sig_ranges_add(&pp_sig_mappings.ranges, start, start + n_bytes,
                                    PP_MAPPING_OTHER);
        pp_sig_mappings_unlock(&work);
        if (!is_over && n_gone != 0)
            count(&work.header->heap.n_ghosts, n_gone);
    }
    pp_sig_mappings_end(&work);
}

static void count_mapped(enum kind kind, uint64_t n, uint64_t n_bytes)
{
    if (pp_sig_guard != 0 || kind == VIEW)
        return;
    count(kind == OTHER ? &pp_sig_mappings.n_others : &pp_sig_mappings.n_maps, n);
    count(kind == OTHER ? &pp_sig_mappings.other_bytes : &pp_sig_mappings.mapped_bytes, n_bytes);
}

PP_HEAP_TEXT static void look_at_mmap(void *memory, size_t n_bytes, int protection, int flags)
{
    const enum kind kind =
        (flags & MAP_ANONYMOUS) != 0 && protection != PROT_NONE ? ANONYMOUS : OTHER;
    const uint64_t n_whole = whole_pages(n_bytes);

    if (pp_sig_mappings.state != PP_MAPPINGS_FOLLOWED) {
        atomic_fetch_add_explicit(&pp_sig_mappings.n_calls, 1, memory_order_relaxed);
        return;
    }
    count_mapped(kind, 1, n_whole);
    mapped((uint64_t)(uintptr_t)memory, n_whole, kind, (flags & MAP_FIXED) != 0);
}

static int is_off(void)
{
    return atomic_load_explicit(&pp_sig_mappings.state, memory_order_relaxed) == PP_MAPPINGS_OFF;
}

PP_HEAP_TEXT void *pp_sig_mmap(void *address, size_t n_bytes, int protection, int flags, int file,
                               off_t offset)
{
    void *memory;

    if (LIKELY(is_off()))
        return pp_sig_mapping_calls.mmap(address, n_bytes, protection, flags, file, offset);
    memory = pp_sig_mapping_calls.mmap(address, n_bytes, protection, flags, file, offset);
    if (memory != MAP_FAILED)
        look_at_mmap(memory, n_bytes, protection, flags);
    return memory;
}

/* ---- munmap ---- */

/* What the kernel refuses whatever is there.  To take such a range out and to put it back would do
 * harm: it reaches into a neighbour, which another thread may unmap in between. */
static int is_refused(const void *address, uint64_t n_bytes)
{
    const uint64_t start = (uint64_t)(uintptr_t)address;
    const uint64_t limit = start < LOWER_LIMIT ? LOWER_LIMIT : UPPER_LIMIT;

    return start % PAGE_BYTES != 0 || start >= limit || n_bytes > limit - start;
}

/* What is taken out of the list while the kernel is asked. */
struct taken {
    uint32_t first, number; /* none: PP_RANGE_NONE */
};

static struct taken take_out(const void *address, uint64_t n_bytes)
{
    const uint64_t start = (uint64_t)(uintptr_t)address;
    struct taken taken = {PP_RANGE_NONE, 0};
    struct pp_sig_mapping_work work;

    if (!has_ranges() || is_refused(address, n_bytes) || !pp_sig_mappings_begin(&work))
        return taken;
    if (pp_sig_mappings_lock(&work)) {
        taken.number = pp_sig_mappings.number;
        taken.first = pp_sig_ranges_take(&pp_sig_mappings.ranges, start, start + n_bytes);
        pp_sig_mappings_unlock(&work);
    }
    pp_sig_mappings_end(&work);
    return taken;
}

/* With the lock, what was taken out by take_out(): 0 when another session has begun since. */
static int take_up(struct pp_sig_mapping_work *work, const struct taken *taken)
{
    if (!pp_sig_mappings_begin(work))
        return 0;
    if (pp_sig_mappings_lock(work)) {
        if (taken->number == pp_sig_mappings.number)
            return 1;
        pp_sig_mappings_unlock(work);
    }
    pp_sig_mappings_end(work);
    return 0;
}

static void put_down(const struct pp_sig_mapping_work *work)
{
    pp_sig_mappings_unlock(work);
    pp_sig_mappings_end(work);
}

static void put_back(const struct taken *taken)
{
    struct pp_sig_ranges *ranges = &pp_sig_mappings.ranges;
    struct pp_sig_mapping_work work;

    if (taken->first == PP_RANGE_NONE || !take_up(&work, taken))
        return;
    for (uint32_t range = taken->first, next; range != PP_RANGE_NONE; range = next) {
        next = ranges->all[range].next[0];
        pp_sig_ranges_return(ranges, range);
    }
    put_down(&work);
}

static void unmapped(const struct taken *taken)
{
    struct pp_sig_mapping_work work;

    if (taken->first == PP_RANGE_NONE || !take_up(&work, taken))
        return;
    (void)pp_sig_mappings_give_up(&work, taken->first);
    put_down(&work);
}

static int unmap(void *address, size_t n_bytes)
{
    const uint64_t n_whole = whole_pages(n_bytes);
    const struct taken taken = take_out(address, n_whole);
    const int result = pp_sig_mapping_calls.munmap(address, n_bytes);

    if (result != 0) {
        put_back(&taken);
        return result;
    }
    unmapped(&taken);
    if (pp_sig_guard == 0) {
        count(&pp_sig_mappings.n_unmaps, 1);
        count(&pp_sig_mappings.unmapped_bytes, n_whole);
    }
    return result;
}

PP_HEAP_TEXT int pp_sig_munmap(void *address, size_t n_bytes)
{
    if (LIKELY(is_off()))
        return pp_sig_mapping_calls.munmap(address, n_bytes);
    return unmap(address, n_bytes);
}

/* ---- mremap ---- */

/* What was at 'from' is at 'to', and has another size. */
struct move {
    uint64_t from, n_before, to, n_after;
};

/* Ranges go along, and end where their memory ends.  The last one when it reaches to the end of
 * what was moved, or PP_RANGE_NONE; '*tail_out': from where on what was moved is not followed. */
static uint32_t move_ranges(const struct pp_sig_mapping_work *work, uint32_t range,
                            const struct move *move, uint64_t *tail_out)
{
    struct pp_sig_ranges *ranges = &pp_sig_mappings.ranges;
    uint32_t last = PP_RANGE_NONE;

    *tail_out = move->to;
    for (uint32_t next; range != PP_RANGE_NONE; range = next) {
        struct pp_sig_range *it = &ranges->all[range];
        const uint64_t end = move->from + move->n_after;
        next = it->next[0];
        if (it->start >= end) {
            pp_sig_mappings_reduce(work, it->mapping, it->limit - it->start);
            pp_sig_ranges_drop(ranges, range);
            continue;
        }
        if (it->limit > end) {
            pp_sig_mappings_reduce(work, it->mapping, it->limit - end);
            it->limit = end;
        }
        last = it->limit == move->from + move->n_before ? range : PP_RANGE_NONE;
        it->start += move->to - move->from;
        it->limit += move->to - move->from;
        *tail_out = it->limit;
        pp_sig_ranges_return(ranges, range);
    }
    return last;
}

/* The range is a part of what grew by so much; 'object': it is due, if it is not followed yet. */
PP_HEAP_TEXT static void grow(const struct pp_sig_mapping_work *work, uint32_t range,
                              uint64_t growth, struct pp_sig_heap_object *object)
{
    struct pp_sig_range *it = &pp_sig_mappings.ranges.all[range];
    struct pp_sig_mapping *mapping = &pp_sig_mappings.all[it->mapping];

    it->limit += growth;
    if (it->mapping == PP_MAPPING_OTHER)
        return;
    if (mapping->is_thinned_out == 0) {
        pp_sig_heap_grow(work->header, work->thread, &mapping->known,
                         mapping->known.size_bytes + growth, NULL);
        return;
    }
    mapping->known.size_bytes += growth;
    if (object == NULL)
        return;
    object->size_bytes = mapping->known.size_bytes;
    mapping->known = *object;
    mapping->is_thinned_out = !pp_sig_heap_count_allocated(work->header, object);
}

/* With the lock: what was taken out goes along, what was at its new place goes.  What kind of
 * memory it is that grew. */
PP_HEAP_TEXT static enum kind settle(const struct pp_sig_mapping_work *work,
                                     const struct taken *taken, const struct move *move,
                                     struct pp_sig_heap_object *object)
{
    const uint32_t first =
        taken->number == pp_sig_mappings.number ? taken->first : (uint32_t)PP_RANGE_NONE;
    uint64_t tail;
    uint32_t last;

    (void)pp_sig_mappings_clear_place(work, move->to, move->n_after);
    last = move_ranges(work, first, move, &tail);
    if (move->n_after <= move->n_before)
        return ANONYMOUS;
    if (last != PP_RANGE_NONE) {
        grow(work, last, move->n_after - move->n_before, object);
        return pp_sig_mappings.ranges.all[last].mapping == PP_MAPPING_OTHER ? OTHER : ANONYMOUS;
    }
    if (object != NULL) {
        object->size_bytes = move->to + move->n_after - tail;
        pp_sig_mappings_put(work, tail, object);
    }
    return ANONYMOUS;
}

/* As realloc(): one that is followed draws for nothing, one that is not for what it grows by. */
PP_HEAP_TEXT static enum kind moved(const struct taken *taken, const struct move *move)
{
    const uint64_t growth = move->n_after > move->n_before ? move->n_after - move->n_before : 0;
    struct pp_sig_heap_object object = {.size_bytes = 0};
    enum kind kind = ANONYMOUS;
    struct pp_sig_mapping_work work;
    int is_sampled;

    if (!pp_sig_mappings_begin(&work))
        return kind;
    is_sampled = pp_sig_mappings_are_due(&work, growth);
    if (is_sampled)
        object = pp_sig_mappings_describe(&work, growth);
    if ((is_sampled || has_ranges() || taken->first != PP_RANGE_NONE) &&
        pp_sig_mappings_lock(&work)) {
        kind = settle(&work, taken, move, is_sampled ? &object : NULL);
        pp_sig_mappings_unlock(&work);
    }
    pp_sig_mappings_end(&work);
    return kind;
}

/* The old range stays where it is: as another view of shared memory (it had a size of 0), or empty
 * (MREMAP_DONTUNMAP). */
PP_HEAP_TEXT static void left_old(const struct move *move)
{
    const enum kind kind = move->n_before == 0 ? VIEW : ANONYMOUS;

    count_mapped(kind, 1, move->n_after);
    mapped(move->to, move->n_after, kind, 1);
}

PP_HEAP_TEXT static void *remap(void *address, size_t n_bytes, size_t n_after, int flags,
                                void *target)
{
    const int leaves_old = n_bytes == 0 || (flags & MREMAP_DONTUNMAP) != 0;
    struct move move = {(uint64_t)(uintptr_t)address, whole_pages(n_bytes), 0,
                        whole_pages(n_after)};
    struct taken taken = {PP_RANGE_NONE, 0};
    void *memory;

    if (!leaves_old)
        taken = take_out(address, move.n_before);
    memory = pp_sig_mapping_calls.mremap(address, n_bytes, n_after, flags, target);
    move.to = (uint64_t)(uintptr_t)memory;
    if (memory == MAP_FAILED) {
        put_back(&taken);
    } else if (leaves_old) {
        left_old(&move);
    } else {
        const enum kind kind = moved(&taken, &move);
        if (move.n_after > move.n_before)
            count_mapped(kind, 0, move.n_after - move.n_before);
        else if (pp_sig_guard == 0)
            count(&pp_sig_mappings.unmapped_bytes, move.n_before - move.n_after);
    }
    return memory;
}

PP_HEAP_TEXT void *pp_sig_mremap(void *address, size_t n_bytes, size_t n_after, int flags,
                                 void *target)
{
    if (LIKELY(is_off()))
        return pp_sig_mapping_calls.mremap(address, n_bytes, n_after, flags, target);
    return remap(address, n_bytes, n_after, flags, target);
}
