/* mmap, munmap and mremap: ours, which follow what is mapped (heap_mappings.h), and the real ones
 * behind them.
 *
 * Ours are called by patched GOT entries or by the linker's wrapping, and pass through when nothing
 * is followed; what an allocator asks for itself is not led here (capture/hook_mappings.c). */
#ifndef PP_SIGSAFE_HEAP_MAPPING_CALLS_H
#define PP_SIGSAFE_HEAP_MAPPING_CALLS_H

#include <stddef.h>
#include <sys/types.h>

#include "sigsafe/sigsafe.h"

PP_SIG void *pp_sig_mmap(void *address, size_t n_bytes, int protection, int flags, int file,
                         off_t offset);
PP_SIG int pp_sig_munmap(void *address, size_t n_bytes);
PP_SIG void *pp_sig_mremap(void *address, size_t n_bytes, size_t n_after, int flags, void *target);

/* The real ones.  Set before ours can be called. */
struct pp_sig_mapping_calls {
    void *(*mmap)(void *, size_t, int, int, int, off_t);
    int (*munmap)(void *, size_t);
    void *(*mremap)(void *, size_t, size_t, int, ...);
};
extern struct pp_sig_mapping_calls pp_sig_mapping_calls;

#endif
