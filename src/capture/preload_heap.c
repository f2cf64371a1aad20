/* The malloc family is interposed: only in libpprofc-preload-heap, whose link gives our calls
 * libc's names (meson.build).  Calls come before any constructor of ours, some of them from the
 * loader. */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "capture/hook_heap.h"
#include "sigsafe/heap_calls.h"

bool pp_heap_is_interposed = true;

/* ---- memory while the allocator is looked for ---- */

/* dlsym() may ask for some; it is never given back. */
enum { BOOT_BYTES = 64 * 1024, BOOT_ALIGNMENT = 16 };
static _Alignas(64) char boot_arena[BOOT_BYTES];
static _Atomic size_t n_boot_bytes;

/* Each object has its size in the word before it. */
static void *boot_memory(size_t alignment, size_t n_bytes)
{
    size_t before = atomic_load(&n_boot_bytes), at;

    alignment = alignment < BOOT_ALIGNMENT ? BOOT_ALIGNMENT : alignment;
    do {
        at = (before + sizeof n_bytes + alignment - 1) & ~(alignment - 1);
        if (alignment > BOOT_BYTES || n_bytes > BOOT_BYTES || at + n_bytes > BOOT_BYTES) {
            errno = ENOMEM;
            return NULL;
        }
    } while (!atomic_compare_exchange_weak(&n_boot_bytes, &before, at + n_bytes));
    memcpy(boot_arena + at - sizeof n_bytes, &n_bytes, sizeof n_bytes);
    return boot_arena + at;
}

static bool is_boot_memory(const void *object)
{
    return (uintptr_t)object - (uintptr_t)boot_arena < BOOT_BYTES;
}

static size_t boot_size(const void *object)
{
    size_t n_bytes;

    memcpy(&n_bytes, (const char *)object - sizeof n_bytes, sizeof n_bytes);
    return n_bytes;
}

/* ---- the first call ---- */

static struct pp_sig_allocator found;

/* False: by this call's own doing, or another thread's, it is being looked for. */
static bool find_allocator(void)
{
    static _Atomic bool is_finding;

    if (found.malloc == NULL && !atomic_exchange(&is_finding, true)) {
        (void)pp_heap_find_allocator(NULL);
        atomic_store(&is_finding, false);
    }
    return found.malloc != NULL;
}

static void *boot_malloc(size_t n_bytes)
{
    return find_allocator() ? found.malloc(n_bytes) : boot_memory(BOOT_ALIGNMENT, n_bytes);
}

static void *boot_calloc(size_t n_items, size_t item_bytes)
{
    size_t n_bytes;

    if (find_allocator())
        return found.calloc(n_items, item_bytes);
    if (__builtin_mul_overflow(n_items, item_bytes, &n_bytes))
        n_bytes = SIZE_MAX;
    return boot_memory(BOOT_ALIGNMENT, n_bytes); /* never used before: zero */
}

static void *boot_memalign(size_t alignment, size_t n_bytes)
{
    return find_allocator() ? found.memalign(alignment, n_bytes) : boot_memory(alignment, n_bytes);
}

static void *boot_aligned_alloc(size_t alignment, size_t n_bytes)
{
    return find_allocator() ? found.aligned_alloc(alignment, n_bytes)
                            : boot_memory(alignment, n_bytes);
}

static int boot_posix_memalign(void **object_out, size_t alignment, size_t n_bytes)
{
    if (find_allocator())
        return found.posix_memalign(object_out, alignment, n_bytes);
    *object_out = boot_memory(alignment, n_bytes);
    return *object_out != NULL ? 0 : ENOMEM;
}

static void *boot_valloc(size_t n_bytes)
{
    return find_allocator() ? found.valloc(n_bytes) : boot_memory(4096, n_bytes);
}

static void *boot_pvalloc(size_t n_bytes)
{
    return find_allocator() ? found.pvalloc(n_bytes)
                            : boot_memory(4096, (n_bytes + 4095) & ~4095UL);
}

static void boot_free(void *object)
{
    if (!is_boot_memory(object) && find_allocator())
        found.free(object);
}

static void *boot_realloc(void *object, size_t n_bytes)
{
    void *after;

    if (!is_boot_memory(object))
        return find_allocator() ? found.realloc(object, n_bytes)
                                : boot_memory(BOOT_ALIGNMENT, n_bytes);
    after = boot_malloc(n_bytes);
    if (after != NULL)
        memcpy(after, object, boot_size(object) < n_bytes ? boot_size(object) : n_bytes);
    return after;
}

static void *boot_reallocarray(void *object, size_t n_items, size_t item_bytes)
{
    size_t n_bytes;

    if (__builtin_mul_overflow(n_items, item_bytes, &n_bytes))
        n_bytes = SIZE_MAX;
    return boot_realloc(object, n_bytes);
}

static size_t boot_usable_size(void *object)
{
    if (is_boot_memory(object))
        return boot_size(object);
    return find_allocator() ? found.usable_size(object) : 0;
}

struct pp_sig_allocator pp_sig_allocator = {
    .malloc = boot_malloc,
    .free = boot_free,
    .calloc = boot_calloc,
    .realloc = boot_realloc,
    .reallocarray = boot_reallocarray,
    .memalign = boot_memalign,
    .aligned_alloc = boot_aligned_alloc,
    .posix_memalign = boot_posix_memalign,
    .valloc = boot_valloc,
    .pvalloc = boot_pvalloc,
    .usable_size = boot_usable_size,
};

/* From now on calls go to the allocator itself; those that may be handed boot memory ask first,
 * where there is any. */
static void take_allocator(void)
{
    found = pp_sig_allocator;
    if (atomic_load(&n_boot_bytes) == 0)
        return;
    pp_sig_allocator.free = boot_free;
    pp_sig_allocator.realloc = boot_realloc;
    pp_sig_allocator.usable_size = boot_usable_size;
}

void (*pp_heap_on_found)(void) = take_allocator;
