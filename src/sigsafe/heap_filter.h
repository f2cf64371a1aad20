/* Which addresses free() asks the map for: a bit a hash, and how many objects share it. */
#ifndef PP_SIGSAFE_HEAP_FILTER_H
#define PP_SIGSAFE_HEAP_FILTER_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "sigsafe/heap.h"

/* Whether an address is one that free() looks closer at. */
static inline int pp_sig_heap_is_tagged(const void *object)
{
    return ((uintptr_t)object & pp_sig_heap.tag_mask) == 0;
}

/* The bit of an address, of 1 << PP_HEAP_FILTER_BITS. */
static inline uint32_t pp_sig_heap_bit_of(const void *object)
{
    const uint64_t hash = (uint64_t)(uintptr_t)object * UINT64_C(0x9E3779B97F4A7C15);

    return (uint32_t)(hash >> (64 - PP_HEAP_FILTER_BITS));
}

/* Whether free() should ask the map.  Where every object is followed a filter would say nothing.
 * In line: what a freed sample leaves is what the allocator gives next, time and again. */
static inline int pp_sig_heap_may_know(const void *object)
{
    const uint32_t bit = pp_sig_heap_bit_of(object);

    return pp_sig_heap.filter == NULL ||
           (atomic_load_explicit(&pp_sig_heap.filter[bit / 8], memory_order_relaxed) >> bit % 8 &
            1) != 0;
}

/* 'object' is followed from now on; is followed no more. */
PP_SIG void pp_sig_heap_filter_put(const void *object);
PP_SIG void pp_sig_heap_filter_take(const void *object);

#endif
