/* The memory of heap profiling that is no part of a recording. */
#ifndef PP_CAPTURE_HEAP_MEMORY_H
#define PP_CAPTURE_HEAP_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "sigsafe/heap.h"

/* Make both maps and the filter; once, later calls do nothing.  0 or -ENOMEM. */
int pp_heap_memory_make(void);

/* As if just made: no object is known, and one in 'interval_bytes' will be; 1: many.  Nobody uses
 * them now. */
void pp_heap_memory_clear(uint64_t interval_bytes);

/* How much of all this is in memory. */
uint64_t pp_heap_memory_bytes(void);

/* How much of the pages there is. */
uint64_t pp_bytes_in_memory(const void *memory, uint64_t n_bytes);

/* More blocks for threads when few are left.  0 or -ENOMEM. */
int pp_heap_blocks_tend(void);

/* Zeroed memory that a child of fork() finds empty again, since what its parent followed belongs to
 * its parent; address space until it is touched.  NULL: there is none. */
void *pp_reserve_wiped(uint64_t n_bytes);

/* Whether every private mapping counts against what the system may promise, touched or not. */
bool pp_is_overcommit_strict(void);

/* No object is known by its place (sigsafe/heap_filter.h): free() asks for none. */
void pp_heap_filter_clear(void);

#endif
