/* The calls that take memory and give it back: ours, which count and sample, and the allocator's
 * behind them.
 *
 * Ours are called in place of libc's by the preload, by patched GOT entries or by linker wrapping;
 * each does what the allocator's does, sets errno as that does, and passes through when nothing is
 * sampled. */
#ifndef PP_SIGSAFE_HEAP_CALLS_H
#define PP_SIGSAFE_HEAP_CALLS_H

#include <stddef.h>

#include "sigsafe/sigsafe.h"

/* Visible to the linker, which gives them libc's names in the preload for the heap; the version
 * scripts let none of them out by these. */
#pragma GCC visibility push(default)
PP_SIG void *pp_sig_malloc(size_t n_bytes);
PP_SIG void *pp_sig_calloc(size_t n_items, size_t item_bytes);
PP_SIG void *pp_sig_realloc(void *object, size_t n_bytes);
PP_SIG void *pp_sig_reallocarray(void *object, size_t n_items, size_t item_bytes);
PP_SIG void *pp_sig_memalign(size_t alignment, size_t n_bytes);
PP_SIG void *pp_sig_aligned_alloc(size_t alignment, size_t n_bytes);
PP_SIG int pp_sig_posix_memalign(void **object_out, size_t alignment, size_t n_bytes);
PP_SIG void *pp_sig_valloc(size_t n_bytes);
PP_SIG void *pp_sig_pvalloc(size_t n_bytes);
PP_SIG void pp_sig_free(void *object);
PP_SIG void pp_sig_free_sized(void *object, size_t n_bytes);
PP_SIG void pp_sig_free_aligned_sized(void *object, size_t alignment, size_t n_bytes);
#pragma GCC visibility pop

/* The allocator's.  Set before ours can be called; never NULL from then on. */
struct pp_sig_allocator {
    void *(*malloc)(size_t);
    void (*free)(void *);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void *(*reallocarray)(void *, size_t, size_t);
    void *(*memalign)(size_t, size_t);
    void *(*aligned_alloc)(size_t, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    void *(*valloc)(size_t);
    void *(*pvalloc)(size_t);
    size_t (*usable_size)(void *);
};
extern struct pp_sig_allocator pp_sig_allocator;

#endif
