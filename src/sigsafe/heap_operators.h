/* The calls that some allocators have beside the malloc family, and that do not go through it:
 * C++'s operators of tcmalloc, jemalloc and mimalloc, and a few calls by their own names.
 *
 * GOT entries that lead there are patched (capture/hook_heap_operators.c); none of these names is
 * exported, since programs ask the loader for them to know their allocator.  Some of these frees
 * are told the object's size and trust it, which they may: a sampled object is what the allocator
 * gave. */
#ifndef PP_SIGSAFE_HEAP_OPERATORS_H
#define PP_SIGSAFE_HEAP_OPERATORS_H

#include <stddef.h>

#include "sigsafe/sigsafe.h"

/* Each: our name, the symbol, parameters, arguments.  An std::align_val_t is passed as a size_t, an
 * std::nothrow_t by its address. */
#define PP_SIG_HEAP_NEWS(X)                                                                        \
    X(new, "_Znwm", (size_t n_bytes), (n_bytes))                                                   \
    X(new_array, "_Znam", (size_t n_bytes), (n_bytes))                                             \
    X(new_nothrow, "_ZnwmRKSt9nothrow_t", (size_t n_bytes, const void *tag), (n_bytes, tag))       \
    X(new_array_nothrow, "_ZnamRKSt9nothrow_t", (size_t n_bytes, const void *tag), (n_bytes, tag)) \
    X(new_aligned, "_ZnwmSt11align_val_t", (size_t n_bytes, size_t alignment),                     \
      (n_bytes, alignment))                                                                        \
    X(new_array_aligned, "_ZnamSt11align_val_t", (size_t n_bytes, size_t alignment),               \
      (n_bytes, alignment))                                                                        \
    X(new_aligned_nothrow, "_ZnwmSt11align_val_tRKSt9nothrow_t",                                   \
      (size_t n_bytes, size_t alignment, const void *tag), (n_bytes, alignment, tag))              \
    X(new_array_aligned_nothrow, "_ZnamSt11align_val_tRKSt9nothrow_t",                             \
      (size_t n_bytes, size_t alignment, const void *tag), (n_bytes, alignment, tag))              \
    X(mallocx, "mallocx", (size_t n_bytes, int flags), (n_bytes, flags))                           \
    X(tc_malloc, "tc_malloc", (size_t n_bytes), (n_bytes))                                         \
    X(mi_malloc, "mi_malloc", (size_t n_bytes), (n_bytes))

#define PP_SIG_HEAP_DELETES(X)                                                                   \
    X(delete, "_ZdlPv", (void *object), (object))                                                \
    X(delete_array, "_ZdaPv", (void *object), (object))                                          \
    X(delete_nothrow, "_ZdlPvRKSt9nothrow_t", (void *object, const void *tag), (object, tag))    \
    X(delete_array_nothrow, "_ZdaPvRKSt9nothrow_t", (void *object, const void *tag),             \
      (object, tag))                                                                             \
    X(delete_sized, "_ZdlPvm", (void *object, size_t n_bytes), (object, n_bytes))                \
    X(delete_array_sized, "_ZdaPvm", (void *object, size_t n_bytes), (object, n_bytes))          \
    X(delete_aligned, "_ZdlPvSt11align_val_t", (void *object, size_t alignment),                 \
      (object, alignment))                                                                       \
    X(delete_array_aligned, "_ZdaPvSt11align_val_t", (void *object, size_t alignment),           \
      (object, alignment))                                                                       \
    X(delete_aligned_nothrow, "_ZdlPvSt11align_val_tRKSt9nothrow_t",                             \
      (void *object, size_t alignment, const void *tag), (object, alignment, tag))               \
    X(delete_array_aligned_nothrow, "_ZdaPvSt11align_val_tRKSt9nothrow_t",                       \
      (void *object, size_t alignment, const void *tag), (object, alignment, tag))               \
    X(delete_sized_aligned, "_ZdlPvmSt11align_val_t",                                            \
      (void *object, size_t n_bytes, size_t alignment), (object, n_bytes, alignment))            \
    X(delete_array_sized_aligned, "_ZdaPvmSt11align_val_t",                                      \
      (void *object, size_t n_bytes, size_t alignment), (object, n_bytes, alignment))            \
    X(dallocx, "dallocx", (void *object, int flags), (object, flags))                            \
    X(sdallocx, "sdallocx", (void *object, size_t n_bytes, int flags), (object, n_bytes, flags)) \
    X(tc_free, "tc_free", (void *object), (object))                                              \
    X(tc_free_sized, "tc_free_sized", (void *object, size_t n_bytes), (object, n_bytes))         \
    X(mi_free, "mi_free", (void *object), (object))

#define PP_SIG_HEAP_RESIZES(X)                                                                 \
    X(rallocx, "rallocx", (void *object, size_t n_bytes, int flags), (object, n_bytes, flags)) \
    X(tc_realloc, "tc_realloc", (void *object, size_t n_bytes), (object, n_bytes))             \
    X(mi_realloc, "mi_realloc", (void *object, size_t n_bytes), (object, n_bytes))

#define DECLARE_GIVER(name, symbol, parameters, arguments) PP_SIG void *pp_sig_##name parameters;
#define DECLARE_TAKER(name, symbol, parameters, arguments) PP_SIG void pp_sig_##name parameters;
PP_SIG_HEAP_NEWS(DECLARE_GIVER)
PP_SIG_HEAP_RESIZES(DECLARE_GIVER)
PP_SIG_HEAP_DELETES(DECLARE_TAKER)
#undef DECLARE_GIVER
#undef DECLARE_TAKER

/* The allocator's.  Set before ours can be called. */
struct pp_sig_operators {
#define GIVER(name, symbol, parameters, arguments) void *(*name)parameters;
#define TAKER(name, symbol, parameters, arguments) void(*name) parameters;
    PP_SIG_HEAP_NEWS(GIVER)
    PP_SIG_HEAP_RESIZES(GIVER)
    PP_SIG_HEAP_DELETES(TAKER)
#undef GIVER
#undef TAKER
};
extern struct pp_sig_operators pp_sig_operators;

#endif
