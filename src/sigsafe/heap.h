/* Heap profiling within malloc and free: counting every call, sampling some.
 *
 * A call that is not sampled costs a few instructions: a thread counts bytes down, and jumps on to
 * the allocator when there are some left.  A sampled object is what the allocator gave, and stays
 * where it is.  free() looks at one word of a filter, which says whether such an object begins
 * nearby, and only then asks the map of objects.
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
    /* Of addresses with a word in the filter, 2 KiB.  A word for each of 4 GiB: of these 4 MiB what
     * belongs to the program's heap is memory, a thousandth of that. */
    PP_HEAP_FILTER_SHIFT = 11,
    PP_HEAP_FILTER_ONE = 1 << (PP_HEAP_FILTER_SHIFT - 4),
    PP_HEAP_FILTER_UNCOUNTED = UINT16_MAX, /* so many that nobody counts: it stays */
    PP_HEAP_FILTER_BYTES = 2 << (32 - PP_HEAP_FILTER_SHIFT),
    PP_HEAP_PAGE = 4096,
    /* A thread that counts down while nothing is sampled asks again after so many bytes. */
    PP_HEAP_OFF_BYTES = 64 * 1024,
    /* From this interval on a followed object may change size by little without its site's being
     * told. */
    PP_HEAP_RESIZED_FROM_BYTES = 64 * 1024,
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

/* What all calls look at; the first cache line is written when settings change only. */
struct pp_sig_heap {
    /* heap_filter.h; there before the first thread has a block. */
    _Alignas(64) uint16_t *filter;
    _Atomic uint32_t mode;    /* enum pp_rec_heap_mode */
    _Atomic uint32_t session; /* number of the session, or of the time without one */
    _Atomic uint64_t interval_bytes;
    _Atomic uint32_t
        has_ghosts; /* some frees are not seen: an address may be known when it comes */
    _Atomic uint32_t follows_peak, keeps_lifetimes;
    struct pp_sig_heap_map objects, sites;
    _Atomic uint64_t live_bytes, peak_bytes; /* by weight, when the peak is followed */
    /* What was to be followed, and could not: of threads that no block was left for.  The helper
     * takes them over.  Bytes, where not every allocation is followed. */
    _Atomic uint64_t n_unfollowed, unfollowed_bytes;
    /* Of threads that are gone, or have no block. */
    _Atomic uint64_t n_allocs, n_frees, n_reallocs, requested_bytes;
    _Atomic uint64_t usable_allocated_bytes, usable_freed_bytes;
};

extern struct pp_sig_heap pp_sig_heap
    __attribute__((visibility("hidden"))); /* else its address would be an instruction more */
extern _Atomic(struct pp_sig_heap_thread *) pp_sig_heap_blocks[PP_HEAP_N_BLOCKS];
extern PP_SIG_TLS struct pp_sig_heap_thread *pp_sig_heap_self;
/* The same or, for a thread without a block, one that has nothing left and is only read: so that
 * malloc() need not ask whether there is one. */
extern PP_SIG_TLS struct pp_sig_heap_thread *pp_sig_heap_counting;

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
