/* Finds the calls that an allocator has beside the malloc family. */
#include "capture/hook_heap_operators.h"

#include <dlfcn.h>
#include <stddef.h>

#include "sigsafe/heap_calls.h"
#include "sigsafe/heap_operators.h"
#include "sigsafe/heap_usable.h"

#pragma weak dlsym
#pragma weak dladdr

#define ENTRY(name, symbol, parameters, arguments) {symbol, (uintptr_t)pp_sig_##name, 0},
struct pp_hook pp_heap_operators[PP_N_HEAP_OPERATORS] = {
    PP_SIG_HEAP_NEWS(ENTRY) PP_SIG_HEAP_RESIZES(ENTRY) PP_SIG_HEAP_DELETES(ENTRY)};

#define PLACE(name, symbol, parameters, arguments) offsetof(struct pp_sig_operators, name),
static const size_t PLACES[PP_N_HEAP_OPERATORS] = {
    PP_SIG_HEAP_NEWS(PLACE) PP_SIG_HEAP_RESIZES(PLACE) PP_SIG_HEAP_DELETES(PLACE)};

static void *object_of(uintptr_t function)
{
    Dl_info info;

    return function != 0 && dladdr((void *)function, &info) != 0 ? info.dli_fbase : NULL;
}

int pp_heap_find_operators(void)
{
    const void *allocator;
    int n_found = 0;

    if (dlsym == NULL || dladdr == NULL)
        return 0;
    allocator = object_of((uintptr_t)pp_sig_allocator_itself()->malloc);
    if (allocator == object_of((uintptr_t)dlsym(RTLD_DEFAULT, "gnu_get_libc_version")))
        return 0;
    for (int i = 0; i < PP_N_HEAP_OPERATORS; i++) {
        const uintptr_t real = (uintptr_t)dlsym(RTLD_DEFAULT, pp_heap_operators[i].name);
        /* libstdc++'s operators call malloc: they lie elsewhere. */
        if (real == 0 || object_of(real) != allocator)
            continue;
        n_found++;
        if (pp_heap_operators[i].real == real) /* something may be counted in front of it now */
            continue;
        pp_heap_operators[i].real = real;
        *(uintptr_t *)((char *)&pp_sig_operators + PLACES[i]) = real;
    }
    /* dlsym() keeps a message of what is not there until it is called again. */
    (void)dlsym(RTLD_DEFAULT, "free");
    return n_found;
}
