/* Finds the allocator behind our calls. */
#include "capture/hook_heap.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stddef.h>

#include "base/error.h"
#include "sigsafe/heap_calls.h"

#pragma weak dlsym
#pragma weak dladdr

__attribute__((weak)) bool pp_heap_is_interposed = false; /* the preload for the heap has its own */

struct pp_hook pp_heap_hooks[PP_N_HEAP_HOOKS] = {
    {"malloc", (uintptr_t)pp_sig_malloc, 0},
    {"free", (uintptr_t)pp_sig_free, 0},
    {"calloc", (uintptr_t)pp_sig_calloc, 0},
    {"realloc", (uintptr_t)pp_sig_realloc, 0},
    {"reallocarray", (uintptr_t)pp_sig_reallocarray, 0},
    {"memalign", (uintptr_t)pp_sig_memalign, 0},
    {"aligned_alloc", (uintptr_t)pp_sig_aligned_alloc, 0},
    {"posix_memalign", (uintptr_t)pp_sig_posix_memalign, 0},
    {"valloc", (uintptr_t)pp_sig_valloc, 0},
    {"pvalloc", (uintptr_t)pp_sig_pvalloc, 0},
    {"free_sized", (uintptr_t)pp_sig_free_sized, 0},
    {"free_aligned_sized", (uintptr_t)pp_sig_free_aligned_sized, 0},
};

void (*pp_heap_on_found)(void) __attribute__((weak)) = NULL;

static uintptr_t find(const char *name)
{
    if (dlsym == NULL)
        return 0;
    return (uintptr_t)dlsym(pp_heap_is_interposed ? RTLD_NEXT : RTLD_DEFAULT, name);
}

/* Where each function of the allocator's goes. */
static const struct {
    const char *name;
    size_t offset;
} WANTED[] = {
    {"malloc", offsetof(struct pp_sig_allocator, malloc)},
    {"free", offsetof(struct pp_sig_allocator, free)},
    {"calloc", offsetof(struct pp_sig_allocator, calloc)},
    {"realloc", offsetof(struct pp_sig_allocator, realloc)},
    {"memalign", offsetof(struct pp_sig_allocator, memalign)},
    {"malloc_usable_size", offsetof(struct pp_sig_allocator, usable_size)},
    {"aligned_alloc", offsetof(struct pp_sig_allocator, aligned_alloc)},
    {"posix_memalign", offsetof(struct pp_sig_allocator, posix_memalign)},
    {"reallocarray", offsetof(struct pp_sig_allocator, reallocarray)},
    {"valloc", offsetof(struct pp_sig_allocator, valloc)},
    {"pvalloc", offsetof(struct pp_sig_allocator, pvalloc)},
};
enum { N_NEEDED = 6 }; /* the others are called only where the program found them, too */

int pp_heap_find_allocator(struct pprofc_error *err)
{
    static _Atomic bool is_done;
    struct pp_sig_allocator found = {0};

    if (is_done)
        return 0;
    for (size_t i = 0; i < sizeof WANTED / sizeof WANTED[0]; i++) {
        const uintptr_t at = find(WANTED[i].name);
        if (at == 0 && i < N_NEEDED)
            return pp_fail(err, -ENOSYS, 0,
                           "no %s to be found: a static program has its memory profiled when it is "
                           "linked with the options of pkg-config --static pprofc",
                           WANTED[i].name);
        *(uintptr_t *)((char *)&found + WANTED[i].offset) = at;
    }
    pp_sig_allocator = found;
    if (pp_heap_on_found != NULL)
        pp_heap_on_found();
    /* Not before: dlsym() allocates a message for a name that is not there.  It frees that at its
     * next call: malloc, which is there, comes last, so that no later call of the program's does.
     */
    for (int i = PP_N_HEAP_HOOKS; i-- > 0;)
        pp_heap_hooks[i].real = find(pp_heap_hooks[i].name);
    is_done = true;
    return 0;
}

const char *pp_heap_blind_spot(void)
{
    Dl_info allocator, program;
    const struct link_map *first = dlsym == NULL ? NULL : _r_debug.r_map;

    if (pp_heap_is_interposed && dlsym(RTLD_DEFAULT, "malloc") != (void *)(uintptr_t)pp_sig_malloc)
        return "the program brings a malloc of its own, which its own calls go to: its memory is "
               "not seen; link it with libpprofc and -Wl,--wrap to see it";
    if (first == NULL || dladdr == NULL || first->l_ld == NULL ||
        dladdr((void *)first->l_ld, &program) == 0 ||
        dladdr((void *)(uintptr_t)pp_sig_allocator.malloc, &allocator) == 0)
        return NULL;
    if (!pp_heap_is_interposed && allocator.dli_fbase == program.dli_fbase)
        return "the program brings a malloc of its own: only what its libraries take is seen; link "
               "it with -Wl,--wrap to see the rest";
    return NULL;
}
