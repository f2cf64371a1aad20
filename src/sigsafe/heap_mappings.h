/* Mappings of the program's that are followed, as malloc's objects are.
 *
 * An object is what one call of mmap() gave, in use until its last page is unmapped; its size is
 * what is left of it.  Anonymous memory is followed, shared or not, by the same rule as malloc's:
 * an object of s bytes with P = 1 - exp(-s / interval), in whole pages.  Files are not (their pages
 * are the page cache's, or a library's), and neither is what nobody may touch (PROT_NONE): address
 * space, not memory.
 *
 * Unlike a malloc, munmap() may end many objects, in part.  So what is followed lies in a list in
 * the order of addresses (heap_ranges.h) under a lock, which is held for some hundred nanoseconds,
 * with signals blocked so that no handler comes upon it; never while the kernel is asked.  The real
 * calls take the kernel's own lock of the address space anyhow.  Ranges are taken out of the list
 * before they are unmapped, as objects out of the map before they are freed: another thread may be
 * given their addresses at once.
 */
#ifndef PP_SIGSAFE_HEAP_MAPPINGS_H
#define PP_SIGSAFE_HEAP_MAPPINGS_H

#include <stdatomic.h>
#include <stdint.h>

#include "recording/layout.h"
#include "sigsafe/heap.h"
#include "sigsafe/heap_map.h"
#include "sigsafe/heap_ranges.h"
#include "sigsafe/sigsafe.h"
#include "sigsafe/threads.h"

/* What is not followed lies in the list, too: when mremap() makes it larger it stays what it is. */
enum { PP_MAPPING_OTHER = 0 };

enum pp_sig_mappings_state {
    PP_MAPPINGS_OFF,
    PP_MAPPINGS_COUNTED, /* 'n_calls' alone: does the allocator come here? */
    PP_MAPPINGS_FOLLOWED,
};

/* One that is followed.  Of one that is not any more, since it shrank and was thinned out, the size
 * goes on being kept. */
struct pp_sig_mapping {
    struct pp_sig_heap_object known;
    uint32_t next_free;
    uint32_t is_thinned_out;
};

struct pp_sig_mappings {
    _Atomic uint32_t
        state; /* enum pp_sig_mappings_state; the helper's, and of the starting thread */
    _Atomic uint32_t n_calls;
    _Atomic uint32_t holder; /* thread that holds the lock; 0: none */
    _Atomic uint32_t number; /* how often what follows was cleared */
    struct pp_sig_ranges ranges;
    struct pp_sig_mapping *all; /* number 0 stands for all that is not followed */
    uint32_t capacity, n_used, first_free;
    _Atomic uint64_t n_maps, mapped_bytes, n_others, other_bytes, n_unmaps, unmapped_bytes;
};
extern struct pp_sig_mappings pp_sig_mappings;

/* Forget all, in this much zeroed memory; nobody is in a call of ours that holds anything. */
PP_SIG void pp_sig_mappings_clear(struct pp_sig_range *ranges, struct pp_sig_mapping *mappings,
                                  uint32_t capacity);

/* A call at work, in a thread whose block this is. */
struct pp_sig_mapping_work {
    struct pp_sig_heap_thread *self;
    struct pp_sig_thread *thread;
    struct pp_rec_header *header;
    uint64_t mask; /* of blocked signals, before the lock was taken */
};

/* 0 when nothing is recorded, or this thread is in here already; else until pp_sig_mappings_end()
 * the recording stays. */
PP_SIG int pp_sig_mappings_begin(struct pp_sig_mapping_work *work);
PP_SIG void pp_sig_mappings_end(const struct pp_sig_mapping_work *work);

/* In between, for what follows: 0, counted, when it cannot be had. */
PP_SIG int pp_sig_mappings_lock(struct pp_sig_mapping_work *work);
PP_SIG void pp_sig_mappings_unlock(const struct pp_sig_mapping_work *work);

/* 'object' lies at 'start'. */
PP_SIG void pp_sig_mappings_put(const struct pp_sig_mapping_work *work, uint64_t start,
                                const struct pp_sig_heap_object *object);

/* So many bytes of a mapping are gone; it may be thinned out by that. */
PP_SIG void pp_sig_mappings_reduce(const struct pp_sig_mapping_work *work, uint32_t mapping,
                                   uint64_t n_bytes);

/* What was taken out of the list, from 'range' on, is unmapped; or all that lies in a place is. How
 * many pieces of what is followed. */
PP_SIG uint32_t pp_sig_mappings_give_up(const struct pp_sig_mapping_work *work, uint32_t range);
PP_SIG uint32_t pp_sig_mappings_clear_place(const struct pp_sig_mapping_work *work, uint64_t start,
                                            uint64_t n_bytes);

/* Whether a sample falls on so many bytes.  The process has no memory: no countdown is needed. */
PP_SIG int pp_sig_mappings_are_due(const struct pp_sig_mapping_work *work, uint64_t n_bytes);

/* An object of so many bytes, with the stack of whoever called into section pp_heap_text. */
PP_SIG struct pp_sig_heap_object pp_sig_mappings_describe(const struct pp_sig_mapping_work *work,
                                                          uint64_t n_bytes);

/* Where begin() failed: what was mapped is in no stack. */
PP_SIG void pp_sig_mappings_count_unfollowed(uint64_t n_bytes);

#endif
