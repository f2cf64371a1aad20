/* Finds the allocator behind our calls. */
#include "capture/hook_heap.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stddef.h>

#include "base/error.h"
#include "sigsafe/heap.h"
#include "sigsafe/heap_calls.h"
#include "sigsafe/heap_usable.h"

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

static bool is_ours(uintptr_t function)
{
    for (int i = 0; i < PP_N_HEAP_HOOKS; i++)
        if (function == pp_heap_hooks[i].hook)
            return true;
    return false;
}

/* What the program's calls are bound to; or what comes behind us, where that is us. */
static uintptr_t find(const char *name)
{
    uintptr_t found;

    if (dlsym == NULL)
        return 0;
    found = pp_heap_is_interposed ? 0 : (uintptr_t)dlsym(RTLD_DEFAULT, name);
    return found == 0 || is_ours(found) ? (uintptr_t)dlsym(RTLD_NEXT, name) : found;
}

static const void *object_of(uintptr_t address)
{
    Dl_info info;

    return dladdr != NULL && address != 0 && dladdr((void *)address, &info) != 0 ? info.dli_fbase
                                                                                 : NULL;
}

#ifdef __GLIBC__
static const void *program(void)
{
    const struct link_map *first = dlsym == NULL ? NULL : _r_debug.r_map;

    return first == NULL ? NULL : object_of((uintptr_t)first->l_ld);
}
#else /* musl: static programs only, which have one object */
static const void *program(void)
{
    return NULL;
}
#endif

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

static int fill(struct pprofc_error *err)
{
    struct pp_sig_allocator found = {0};

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
    return 0;
}

static bool is_wrapped(void)
{
    return &pp_heap_wraps != NULL;
}

int pp_heap_find_allocator(struct pprofc_error *err)
{
    static _Atomic bool is_done;
    int result;

    if (is_done)
        return 0;
    if (is_wrapped())
        pp_heap_is_interposed = true; /* and the first call has found what lies behind */
    result = is_wrapped() ? 0 : fill(err);
    is_done = result == 0;
    return result;
}

/* Whether a library's malloc comes before ours and does not call it: an allocator that is preloaded
 * before us.  One that wraps the next one's does, and one of the program's own might at times. */
static bool is_passed_by(void)
{
    static const size_t SIZES[] = {1, 4096, 1024 * 1024};
    const struct pp_sig_heap_thread *self = pp_sig_heap_thread_mine();
    void *(*first)(size_t) = (void *(*)(size_t))dlsym(RTLD_DEFAULT, "malloc");
    void (*first_free)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, "free");

    if (first == pp_sig_malloc || first_free == pp_sig_free || self == NULL ||
        object_of((uintptr_t)first) == program())
        return false;
    for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
        const uint64_t n_before = self->n_allocs;
        first_free(first(SIZES[i]));
        if (self->n_allocs != n_before)
            return false;
    }
    return true;
}

int pp_heap_find_way(struct pprofc_error *err)
{
    if (!pp_heap_is_interposed || is_wrapped() || !is_passed_by())
        return 0;
    pp_heap_is_interposed = false;
    return fill(err);
}

const char *pp_heap_blind_spot(void)
{
    const void *allocator = object_of((uintptr_t)pp_sig_allocator_itself()->malloc);

    if (is_wrapped())
        return dlsym == NULL || dlsym(RTLD_DEFAULT, "malloc") == NULL
                   ? NULL
                   : "the linker wraps malloc, and the program is dynamic: what its shared "
                     "libraries take is not seen";
    if (pp_heap_is_interposed && dlsym(RTLD_DEFAULT, "malloc") != (void *)(uintptr_t)pp_sig_malloc)
        return "the program brings a malloc of its own: what goes to it is not seen; link the "
               "program with libpprofc.a and the options of pkg-config --static pprofc to see it";
    if (!pp_heap_is_interposed && allocator != NULL && allocator == program())
        return "the program brings a malloc of its own: only what its libraries take is seen; link "
               "it with the options of pkg-config --static pprofc to see the rest";
    if (!pp_heap_is_interposed && pp_hooks_are_interposed)
        return "the memory of what was loaded at the start is seen, where malloc is called by its "
               "name; to see all, preload libpprofc-preload-heap.so, before other allocators";
    return NULL;
}
