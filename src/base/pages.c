/* Mappings; under the address sanitizer malloc, which shows what reads beyond an end. */
#include "base/pages.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_WATCHED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define IS_WATCHED 1
#endif

#ifdef IS_WATCHED

#include <sanitizer/asan_interface.h>

void *pp_pages_resize(void *old, size_t old_bytes, size_t new_bytes)
{
    /* Where mmap says no the sanitizer's realloc ends the program. */
    char *grown = new_bytes <= (size_t)1 << 40 ? realloc(old, new_bytes) : NULL;

    if (grown != NULL && new_bytes > old_bytes)
        memset(grown + old_bytes, 0, new_bytes - old_bytes);
    return grown;
}

void pp_pages_free(void *pages, size_t n_bytes)
{
    (void)n_bytes;
    free(pages);
}

void pp_pages_fill(void *pages, size_t n_bytes)
{
    (void)pages, (void)n_bytes;
}

size_t pp_pages_forget(void *begin, size_t n_bytes)
{
    ASAN_POISON_MEMORY_REGION(begin, n_bytes); /* who looks at it all the same is found */
    return n_bytes;
}

#else

/* A page fault for each 4 KiB takes longer than what is then done with them.  What grows step by
 * step may never need the rest of a huge page, which would be a large part of a few. */
enum { HUGE_FROM_BYTES = 4 << 20, HUGE_WHEN_GROWN_BYTES = 32 << 20 };

/* As large as pages may be anywhere. */
enum { FORGOTTEN_BYTES = 64 * 1024 };

void *pp_pages_resize(void *old, size_t old_bytes, size_t new_bytes)
{
    void *grown = old == NULL ? mmap(NULL, new_bytes, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                              : mremap(old, old_bytes, new_bytes, MREMAP_MAYMOVE);

    if (grown == MAP_FAILED)
        return NULL;
    if (new_bytes >= (old == NULL ? HUGE_FROM_BYTES : HUGE_WHEN_GROWN_BYTES))
        (void)madvise(grown, new_bytes, MADV_HUGEPAGE); /* where it is refused, page by page */
    return grown;
}

void pp_pages_free(void *pages, size_t n_bytes)
{
    if (pages != NULL)
        (void)munmap(pages, n_bytes);
}

void pp_pages_fill(void *pages, size_t n_bytes)
{
#ifdef MADV_POPULATE_WRITE
    (void)madvise(pages, n_bytes, MADV_POPULATE_WRITE); /* before Linux 5.14 with a fault each */
#else
    (void)pages, (void)n_bytes;
#endif
}

/* A huge page comes apart at the first piece, and is free with the last. */
size_t pp_pages_forget(void *begin, size_t n_bytes)
{
    const uintptr_t from = (uintptr_t)begin, mask = FORGOTTEN_BYTES - 1;
    const uintptr_t first = (from + mask) & ~mask, end = (from + n_bytes) & ~mask;

    if (end <= first)
        return 0;
    (void)madvise((void *)first, end - first, MADV_DONTNEED);
    return end - from;
}

#endif

/* ---- arrays ---- */

static void *resize(void *old, size_t old_bytes, size_t new_bytes)
{
    char *made;

    if (old_bytes >= PP_PAGES_LEAST_BYTES)
        return pp_pages_resize(old, old_bytes, new_bytes);
    made = new_bytes >= PP_PAGES_LEAST_BYTES ? pp_pages_resize(NULL, 0, new_bytes)
                                             : calloc(1, new_bytes);
    if (made != NULL && old_bytes > 0)
        memcpy(made, old, old_bytes);
    if (made != NULL)
        free(old);
    return made;
}

int pp_pages_array_grow(void *array, size_t *capacity, size_t n_wanted, size_t item_bytes)
{
    size_t n_items = *capacity < 8 ? 8 : *capacity;
    void *old = NULL, *grown;

    while (n_items < n_wanted) {
        if (n_items > SIZE_MAX / 2 / item_bytes)
            return -ENOMEM;
        n_items *= 2;
    }
    memcpy(&old, array, sizeof old);
    grown = resize(old, *capacity * item_bytes, n_items * item_bytes);
    if (grown == NULL)
        return -ENOMEM;
    memcpy(array, &grown, sizeof grown);
    *capacity = n_items;
    return 0;
}

void pp_pages_array_free(void *array, size_t capacity, size_t item_bytes)
{
    if (capacity * item_bytes >= PP_PAGES_LEAST_BYTES)
        pp_pages_free(array, capacity * item_bytes);
    else
        free(array);
}
