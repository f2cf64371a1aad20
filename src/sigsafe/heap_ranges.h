/* Which parts of the address space are mappings that are followed: ranges by their beginning, to be
 * cut anywhere, as munmap() and mremap() do with parts of what mmap() gave.
 *
 * A skip list (Pugh 1990) in memory that was made before; number 0 is its head.  Whoever calls
 * these holds the lock of heap_mappings.c. */
#ifndef PP_SIGSAFE_HEAP_RANGES_H
#define PP_SIGSAFE_HEAP_RANGES_H

#include <stdint.h>

#include "sigsafe/sigsafe.h"

enum {
    PP_RANGE_LEVELS = 6, /* one in eight reaches the next: for a quarter of a million */
    PP_RANGE_NONE = 0,
    PP_RANGE_RESERVE = 64, /* kept for cuts: a new range is refused when fewer are free */
};

struct pp_sig_range {
    uint64_t start, limit;
    uint32_t mapping;               /* whose part it is */
    uint32_t next[PP_RANGE_LEVELS]; /* of what is taken out: the first leads on to the next */
};

struct pp_sig_ranges {
    struct pp_sig_range *all; /* NULL: there is no memory for them */
    uint32_t capacity, n_used, first_free;
    uint32_t n; /* in the list */
    uint64_t random;
};

/* An empty list in 'capacity' items of zeroed memory. */
PP_SIG void pp_sig_ranges_init(struct pp_sig_ranges *ranges, struct pp_sig_range *all,
                               uint32_t capacity);

/* Add one that overlaps none: 1, or 0 when there is no room. */
PP_SIG int pp_sig_ranges_add(struct pp_sig_ranges *ranges, uint64_t start, uint64_t limit,
                             uint32_t mapping);

/* Take out all of [start, limit), which cuts those that reach across an end of it.  The first,
 * which leads on to the others in their order, or PP_RANGE_NONE.  Without room for a cut one is
 * taken out whole. */
PP_SIG uint32_t pp_sig_ranges_take(struct pp_sig_ranges *ranges, uint64_t start, uint64_t limit);

/* Put one that was taken out back, where it lies now; or give it up. */
PP_SIG void pp_sig_ranges_return(struct pp_sig_ranges *ranges, uint32_t range);
PP_SIG void pp_sig_ranges_drop(struct pp_sig_ranges *ranges, uint32_t range);

#endif
