/* For -Wl,--wrap=malloc and the rest of its family: all of it in one object, since an allocator is
 * wrapped whole or not at all.  Only a program that wraps gets it.
 *
 * It defines nothing that an object of libpprofc.a asks for, or the linker would take it for that.
 * Calls come before any constructor. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "capture/hook_heap.h"
#include "sigsafe/heap_calls.h"
#include "sigsafe/heap_text.h"

void *__real_malloc(size_t n_bytes);
void __real_free(void *object);
void *__real_calloc(size_t n_items, size_t item_bytes);
void *__real_realloc(void *object, size_t n_bytes);
void *__real_memalign(size_t alignment, size_t n_bytes);
void *__real_aligned_alloc(size_t alignment, size_t n_bytes);
int __real_posix_memalign(void **object_out, size_t alignment, size_t n_bytes);
size_t malloc_usable_size(void *object);

const bool pp_heap_wraps = true;

/* These are in objects of their own in some libcs, or in none. */

static void *refuse_array(void *object, size_t n_items, size_t item_bytes)
{
    (void)object, (void)n_items, (void)item_bytes;
    errno = ENOMEM;
    return NULL;
}

enum { PAGE_BYTES = 4096 };

#ifdef __GLIBC__
#define real_calloc __real_calloc
#define real_memalign __real_memalign
#define real_posix_memalign __real_posix_memalign
#define PASS_NESTED(name, arguments)
#else
/* The linker wraps libc.a, too, and there musl's calloc calls malloc, its memalign and
 * posix_memalign call aligned_alloc: calls from within a call are not the program's. */
static _Thread_local bool is_nested;

#define PASS_NESTED(name, arguments) \
    if (is_nested)                   \
        return __real_##name arguments;
#define REAL_CALL(type, name, parameters, arguments) \
    static type real_##name parameters               \
    {                                                \
        const bool before = is_nested;               \
        type result;                                 \
                                                     \
        is_nested = true;                            \
        result = __real_##name arguments;            \
        is_nested = before;                          \
        return result;                               \
    }
REAL_CALL(void *, calloc, (size_t n_items, size_t item_bytes), (n_items, item_bytes))
REAL_CALL(void *, memalign, (size_t alignment, size_t n_bytes), (alignment, n_bytes))
REAL_CALL(int, posix_memalign, (void **object_out, size_t alignment, size_t n_bytes),
          (object_out, alignment, n_bytes))
#endif

static void *page_alloc(size_t n_bytes)
{
    return real_memalign(PAGE_BYTES, n_bytes);
}

static void *pages_alloc(size_t n_bytes)
{
    const size_t n_whole = (n_bytes + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);

    return real_memalign(PAGE_BYTES, n_whole < n_bytes ? n_bytes : n_whole);
}

static const struct pp_sig_allocator REAL = {
    .malloc = __real_malloc,
    .free = __real_free,
    .calloc = real_calloc,
    .realloc = __real_realloc,
    .reallocarray = refuse_array,
    .memalign = real_memalign,
    .aligned_alloc = __real_aligned_alloc,
    .posix_memalign = real_posix_memalign,
    .valloc = page_alloc,
    .pvalloc = pages_alloc,
    .usable_size = malloc_usable_size,
};

/* In the first call, while there is one thread. */
static inline void find_real(void)
{
    if (__builtin_expect(pp_sig_allocator.malloc == NULL, 0))
        pp_sig_allocator = REAL;
}

/* Jumps: no frame stays between the program and ours. */
#define WRAP(type, name, parameters, arguments) WRAP_AFTER(, type, name, parameters, arguments)
#define WRAP_NESTED(type, name, parameters, arguments) \
    WRAP_AFTER(PASS_NESTED(name, arguments), type, name, parameters, arguments)
#define WRAP_AFTER(pass, type, name, parameters, arguments) \
    type __wrap_##name parameters;                          \
    PP_HEAP_TEXT type __wrap_##name parameters              \
    {                                                       \
        pass find_real();                                   \
        return pp_sig_##name arguments;                     \
    }
WRAP_NESTED(void *, malloc, (size_t n_bytes), (n_bytes))
WRAP(void *, calloc, (size_t n_items, size_t item_bytes), (n_items, item_bytes))
WRAP(void *, realloc, (void *object, size_t n_bytes), (object, n_bytes))
WRAP(void *, reallocarray, (void *object, size_t n_items, size_t item_bytes),
     (object, n_items, item_bytes))
WRAP(void *, memalign, (size_t alignment, size_t n_bytes), (alignment, n_bytes))
WRAP_NESTED(void *, aligned_alloc, (size_t alignment, size_t n_bytes), (alignment, n_bytes))
WRAP(int, posix_memalign, (void **object_out, size_t alignment, size_t n_bytes),
     (object_out, alignment, n_bytes))
WRAP(void *, valloc, (size_t n_bytes), (n_bytes))
WRAP(void *, pvalloc, (size_t n_bytes), (n_bytes))
WRAP(void, free, (void *object), (object))
WRAP(void, free_sized, (void *object, size_t n_bytes), (object, n_bytes))
WRAP(void, free_aligned_sized, (void *object, size_t alignment, size_t n_bytes),
     (object, alignment, n_bytes))
