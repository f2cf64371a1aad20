/* Memory of our own in somebody else's process: not from malloc, and not from wherever the kernel
 * puts a new mapping either.  A program may unmap a range and map it again at the same address
 * (MAP_FIXED), which is safe while no other thread maps anything; our helper thread must not be
 * that other thread.  So its memory comes out of one range that is reserved at the start. */
#ifndef PP_CAPTURE_OWN_MEMORY_H
#define PP_CAPTURE_OWN_MEMORY_H

#include <stdint.h>

/* Reserve the range, once; in the application's own thread.  Without it (little address space)
 * memory comes from anywhere. */
void pp_own_memory_reserve(void);

/* The most address space that one reservation of ours may take: a sixty-fourth of RLIMIT_AS, which
 * the program's own memory has to come out of. */
uint64_t pp_address_space_share(void);

/* Zeroed memory, left out of core dumps, or NULL.  Any thread, not a handler: it takes a lock for a
 * moment. */
void *pp_map_anonymous(uint64_t n_bytes);

/* Give it back, with the same size; NULL is fine. */
void pp_unmap(void *memory, uint64_t n_bytes);

/* The same for memory that a child, made by fork(), and we write and read together. */
void *pp_map_shared(uint64_t n_bytes);
void pp_unmap_shared(void *memory, uint64_t n_bytes);

/* Where the range is; both 0 without one. */
void pp_own_memory_bounds(uint64_t *start_out, uint64_t *limit_out);

/* Around fork(): the lock is free in the child. */
void pp_own_memory_before_fork(void);
void pp_own_memory_after_fork(void);

#endif
