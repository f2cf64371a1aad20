/* Heap profiling within malloc and free: counting every call, sampling some.
 *
 * A call that is not sampled costs a few instructions: a thread counts bytes down, and jumps on to
 * the allocator when there are some left.  A sampled object is asked of the same allocator at a
 * multiple of a kilobyte, so that free() knows most others by their address alone; then a small
 * filter says that the address is none of ours, and only then the map of objects is asked.  An
 * object that is sampled because realloc() made it larger stays where it is, so that it can go on
 * growing there: while there are such strays, free() looks at a second, smaller filter for all
 * other addresses. Where every allocation counts, or intervals are short, nothing is aligned and
 * each free() asks the map.
 *
 * Writers: each thread its own block, any thread the maps and the sites; the helper thread sets
 * modes, makes room and sums up.  Nothing here locks, and nothing calls the allocator but in place
 * of the program's own call. */
#ifndef PP_SIGSAFE_HEAP_H
#define PP_SIGSAFE_HEAP_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "recording/layout.h"
#include "sigsafe/arch.h"
#include "sigsafe/heap_map.h"
#include "sigsafe/sigsafe.h"
#include "sigsafe/threads.h"

enum {
    /* Of thread blocks; block k holds this << k.  Those of threads that are gone are free again a
     * tenth of a second later: with 64, half the memory of a thousand short threads went unseen. */
    PP_HEAP_FIRST_BLOCK = 1024,
    PP_HEAP_N_BLOCKS = 10,
    PP_HEAP_FILTER_BITS = 16,
    /* Of sampled objects.  A pair of malloc and free at 64 KiB costs 1.28 to 1.29 of one past us,
     * 1.34 to 1.36 with whole pages and 1.35 with 256 bytes, of which free() looks closer at more.
     */
    PP_HEAP_ALIGNMENT = 1024,
    /* Of an address: 0 is such a multiple, 16 where glibc puts what it maps. */
    PP_HEAP_TAG_MASK = (PP_HEAP_ALIGNMENT - 1) & ~0x1f,
    PP_HEAP_PAGE = 4096,
    /* A thread that counts down while nothing is sampled asks again after so many bytes. */
    PP_HEAP_OFF_BYTES = 64 * 1024,
    /* From here on an allocator's own objects begin there anyhow, or should be tried. */
    PP_HEAP_LARGE_BYTES = 128 * 1024,
    /* Below this interval aligning costs more than it saves (measured: research/heap.md 3). */
    PP_HEAP_TAGGED_FROM_BYTES = 64 * 1024,
};

/* Of each thread that has called malloc or free: three cache lines.  The thread writes, others
 * read.
 */
struct pp_sig_heap_thread {
    uint64_t left; /* an object of fewer bytes is not sampled */
    uint64_t n_allocs, n_frees, n_reallocs;
    uint64_t drawn; /* bytes asked for so far: drawn - left */
    uint64_t random;
    _Atomic int32_t tid; /* 0: free */
    uint32_t busy;       /* in here already: what is called now (by a handler) is let through */
    _Atomic uint32_t session;       /* the 'left' of which it has; 0: none */
    uint32_t sample_interval_bytes; /* that the sample at hand was drawn by */
    struct pp_sig_thread *thread;   /* its other block, as of the last look */
    /* The followed object that changed size last: within these sizes its site is near enough. */
    const void *resized;
    uint64_t resized_least, resized_range;
    uint64_t interval_bytes; /* that 'left' was drawn by */
    /* The object that realloc() made larger last and that is not followed, what can be used of it,
     * and how many calls this thread had made by then. */
    const void *grown;
    uint64_t grown_usable, grown_calls;
    _Atomic uint32_t record; /* 1 + its thread's index in the recording; 0: not known (yet) */
    uint32_t n_freeing;      /* operators delete under way: one may call another */
    uint64_t usable_allocated_bytes, usable_freed_bytes; /* heap_usable.h */
    uint64_t spare[5];
};

/* What all calls look at. */
struct pp_sig_heap {
    uint64_t tag_mask;        /* free() looks closer at an address that has none of these bits */
    _Atomic uint32_t mode;    /* enum pp_rec_heap_mode */
    _Atomic uint32_t session; /* number of the session, or of the time without one */
    _Atomic uint64_t interval_bytes;
    _Atomic uint32_t is_aligned; /* sampled objects are aligned */
    _Atomic uint32_t
        are_as_given; /* none that comes now: some are freed by a size that is trusted */
    _Atomic uint32_t
        has_ghosts; /* some frees are not seen: an address may be known when it comes */
    _Atomic uint32_t follows_peak, keeps_lifetimes;
    _Atomic uint64_t live_bytes, peak_bytes; /* by weight, when the peak is followed */
    struct pp_sig_heap_map objects, sites;
    /* Whether there are objects of this hash, a bit each: 8 KiB, which a cache keeps; and how many,
     * 255: so many that nobody counts. */
    _Atomic uint8_t *filter, *filter_counts;
    _Atomic uint32_t n_strays;
    /* What was to be followed, and could not: of threads that no block was left for.  The helper
     * takes them over.  Bytes, where not every allocation is followed. */
    _Atomic uint64_t n_unfollowed, unfollowed_bytes;
    /* Of threads that are gone, or have no block. */
    _Atomic uint64_t n_allocs, n_frees, n_reallocs, requested_bytes;
    _Atomic uint64_t usable_allocated_bytes, usable_freed_bytes;
};

extern struct pp_sig_heap pp_sig_heap;
extern _Atomic(struct pp_sig_heap_thread *) pp_sig_heap_blocks[PP_HEAP_N_BLOCKS];
extern PP_SIG_TLS struct pp_sig_heap_thread *pp_sig_heap_self;

/* Block number 'index', or NULL beyond what there is. */
PP_SIG struct pp_sig_heap_thread *pp_sig_heap_thread_at(uint32_t index);

/* The calling thread's block, claimed when it has none; NULL when all are taken. */
PP_SIG struct pp_sig_heap_thread *pp_sig_heap_thread_mine(void);

/* 'n_bytes' were asked for: count them and draw the next sample by the settings that hold now. */
PP_SIG void pp_sig_heap_consume(struct pp_sig_heap_thread *self, uint64_t n_bytes);

/* Whether an allocation of so many bytes is to be sampled; they are counted.  For when the
 * countdown does not simply go on; 'self' may be NULL. */
PP_SIG int pp_sig_heap_is_due(struct pp_sig_heap_thread *self, size_t n_bytes);

/* Whether a call that came to its sample should take it. */
PP_SIG int pp_sig_heap_samples(const struct pp_sig_heap_thread *self);

/* The allocator gave 'object', of 'size_bytes', and it is sampled: note it with the stack of the
 * function that 'registers' are of; NULL: that of whoever called into section pp_heap_text. */
PP_SIG void pp_sig_heap_note(struct pp_sig_heap_thread *self, void *object, size_t size_bytes,
                             const struct pp_sig_arch_registers *registers);

/* 'object' is about to be freed: forget it.  1 when it was followed. */
PP_SIG int pp_sig_heap_forget(struct pp_sig_heap_thread *self, const void *object);

/* Around a realloc: take what is known of 'object' out of the map, 1 or 0; and put it back, as of
 * 'size_bytes' at its address now.  An object that grows draws only for its growth; one that
 * shrinks may not be followed any more.  One that has doubled gets the stack of now. */
PP_SIG int pp_sig_heap_take(const void *object, struct pp_sig_heap_object *known_out);
PP_SIG void pp_sig_heap_return(struct pp_sig_heap_thread *self, const void *object,
                               size_t size_bytes, struct pp_sig_heap_object *known,
                               const struct pp_sig_arch_registers *registers);

#endif
