/* How much of an allocator's memory holds objects. */
#ifndef PP_PROFILE_FRAGMENTATION_H
#define PP_PROFILE_FRAGMENTATION_H

#include <stdbool.h>
#include <stdint.h>

#include "profile/profile.h"

struct pp_fragmentation {
    int64_t in_objects;     /* bytes of the program's objects, as the allocator rounds them */
    int64_t external;       /* of what is in memory, free between them */
    int64_t internal;       /* of the objects, rounding and headers; -1: not known */
    int64_t internal_error; /* its standard error; -1: not known, since there are few samples */
    int64_t retained;       /* given back to the kernel, the addresses kept */
    double ratio;           /* external of what is in memory, 0 to 1 */
    bool is_high;           /* most of what is in memory is free, and it is worth a word */
};

/* Of the allocator's own figures, and of what the program held of what it had asked for.  An
 * allocator that does not count its objects is taken to hold just that.  False when nothing is
 * known.
 *
 * ratio = 1 - objects / memory of the heap.  The process's resident memory is no measure: stacks,
 * files and our own tables are no fragmentation. */
bool pp_fragmentation_make(const struct pp_heap_memory *memory,
                           struct pp_fragmentation *fragmentation_out);

#endif
