/* Mappings; under the address sanitizer malloc, which shows what reads beyond an end. */
#include "base/pages.h"

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

#else

/* A page fault for each 4 KiB takes longer than what is then done with them. */
enum { HUGE_FROM_BYTES = 4 << 20 };

void *pp_pages_resize(void *old, size_t old_bytes, size_t new_bytes)
{
    void *grown = old == NULL ? mmap(NULL, new_bytes, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                              : mremap(old, old_bytes, new_bytes, MREMAP_MAYMOVE);

    if (grown == MAP_FAILED)
        return NULL;
    if (new_bytes >= HUGE_FROM_BYTES)
        (void)madvise(grown, new_bytes, MADV_HUGEPAGE); /* where it is refused, page by page */
    return grown;
}

void pp_pages_free(void *pages, size_t n_bytes)
{
    if (pages != NULL)
        (void)munmap(pages, n_bytes);
}

#endif
