/* Which addresses free() asks the map for: a word for each 2 KiB of addresses tells how many
 * followed objects begin there and, of a single one, where.
 *
 * So an object needs no mark and no place of its own: it stays where the allocator put it.  The
 * word is 0 for all but one in 250 calls of free() when there is a sample every 512 KiB, and of the
 * others few ask the map in vain. */
#ifndef PP_SIGSAFE_HEAP_FILTER_H
#define PP_SIGSAFE_HEAP_FILTER_H

#include <stddef.h>
#include <stdint.h>

#include "sigsafe/heap.h"

/* The word of an address; those that are 4 GiB apart share one.  A hash took six instructions more
 * in each free(). */
static inline uint32_t pp_sig_heap_place_of(const void *object)
{
    return (uint32_t)(uintptr_t)object >> PP_HEAP_FILTER_SHIFT;
}

/* Whether something followed begins nearby, or 'object' is NULL.  In line; of a thread that has a
 * block.  A plain load, since the compiler makes one instruction of it and the comparison: it is
 * one access, and what the caller may know has been written before it got the object. */
static inline int pp_sig_heap_is_near(const void *object)
{
    return pp_sig_heap.filter[pp_sig_heap_place_of(object)] != 0;
}

/* Where in them it is.  Objects of 8 bytes, which some allocators have, share a position. */
static inline uint32_t pp_sig_heap_position_of(const void *object)
{
    return (uint32_t)((uintptr_t)object >> 4) & (PP_HEAP_FILTER_ONE - 1);
}

/* Whether 'object' may be followed: the map should be asked.  Above the lowest bits is the number
 * of objects, in these all positions combined by exclusive or: that of one object is its own. */
static inline int pp_sig_heap_may_know(const void *object)
{
    const uint32_t word =
        __atomic_load_n(&pp_sig_heap.filter[pp_sig_heap_place_of(object)], __ATOMIC_RELAXED);

    return word >= 2 * PP_HEAP_FILTER_ONE ||
           word == (PP_HEAP_FILTER_ONE | pp_sig_heap_position_of(object));
}

/* 'object' is followed from now on; is followed no more. */
PP_SIG void pp_sig_heap_filter_put(const void *object);
PP_SIG void pp_sig_heap_filter_take(const void *object);

#endif
