/* Finds otel_thread_ctx_v1. */
#include "capture/thread_context.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/hook_calls.h"
#include "capture/threads.h"
#include "sigsafe/thread_context.h"

/* Thread-locals of what is loaded at the start lie right below the thread pointer; those of
 * libraries that are loaded later lie in memory of malloc's, elsewhere in each thread. */
enum { MOST_STATIC_BYTES = 64 * 1024 };

void pp_thread_context_find(void)
{
    const uintptr_t base = (uintptr_t)__builtin_thread_pointer();
    const uintptr_t at = (uintptr_t)pp_hook_find_any("otel_thread_ctx_v1");

    if (at == 0 || at >= base || base - at > MOST_STATIC_BYTES || at % sizeof(void *) != 0)
        return;
    atomic_store_explicit(&pp_sig_context_offset, (intptr_t)(at - base), memory_order_release);
}

void pp_thread_context_begin_here(void)
{
    struct pp_sig_thread *self;

    if (atomic_load_explicit(&pp_sig_context_offset, memory_order_relaxed) == 0)
        return;
    self = pp_threads_self();
    if (self != NULL)
        self->context.thread_pointer = (uintptr_t)__builtin_thread_pointer();
}
