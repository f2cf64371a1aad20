/* Finds libc's functions behind our hooks. */
#include "capture/hook_calls.h"

#include <elf.h>
#include <link.h>
#include <stddef.h>

#include "capture/session.h"

/* Not there in a static program, which should not get the loader from us either. */
#pragma weak dlsym
#pragma weak dladdr1

__attribute__((weak)) bool pp_hooks_are_interposed = false; /* the preload has its own */

struct pp_hook pp_hooks[PP_N_HOOKS] = {
    {"pthread_create", (uintptr_t)pp_hook_pthread_create, 0},
    {"sigaction", (uintptr_t)pp_hook_sigaction, 0},
    {"signal", (uintptr_t)pp_hook_signal, 0},
    {"dlopen", (uintptr_t)pp_hook_dlopen, 0},
    {"dlmopen", (uintptr_t)pp_hook_dlmopen, 0},
    {"dlclose", (uintptr_t)pp_hook_dlclose, 0},
};

/* In a program linked to a fixed address that takes a function's address, this address is that of
 * its own PLT entry, for everybody: through it we would come back to ourselves. */
static bool is_plt_entry(void *address)
{
#ifdef __GLIBC__
    const Elf64_Sym *symbol = NULL;
    Dl_info info;

    return dladdr1 != NULL &&
           dladdr1(address, &info, (void **)(uintptr_t)&symbol, RTLD_DL_SYMENT) != 0 &&
           symbol != NULL && symbol->st_shndx == SHN_UNDEF;
#else
    (void)address;
    return false;
#endif
}

void *pp_hook_find(const char *name)
{
    void *found = NULL;

    if (dlsym == NULL)
        return NULL;
    if (!pp_hooks_are_interposed)
        found = dlsym(RTLD_DEFAULT, name);
    return found == NULL || is_plt_entry(found) ? dlsym(RTLD_NEXT, name) : found;
}

/* dlsym() keeps a message of what it did not find until it is called again: now, or the program
 * would be seen to free it. */
static void forget_message(void)
{
    (void)dlsym(RTLD_DEFAULT, "dlsym");
}

static void *find_in(void *scope, const char *name)
{
    void *found;

    if (dlsym == NULL)
        return NULL;
    found = dlsym(scope, name);
    if (found == NULL)
        forget_message();
    return found;
}

void *pp_hook_find_any(const char *name)
{
    return find_in(RTLD_DEFAULT, name);
}

/* The scope is counted from the library that this code is in. */
void *pp_hook_find_next(const char *name)
{
    return find_in(RTLD_NEXT, name);
}

void pp_hooks_find_real(void)
{
    static _Atomic bool is_done;

    /* Two threads that come first at once find the same. */
    if (atomic_load_explicit(&is_done, memory_order_acquire))
        return;
    for (int i = 0; i < PP_N_HOOKS; i++)
        pp_hooks[i].real = (uintptr_t)pp_hook_find(pp_hooks[i].name);
    if (pp_hooks[0].real != 0)
        pp_real_pthread_create = (__typeof__(pp_real_pthread_create))pp_hooks[0].real;
    if (pp_hooks[1].real != 0)
        pp_real_sigaction = (__typeof__(pp_real_sigaction))pp_hooks[1].real;
    if (pp_hooks[2].real != 0)
        pp_real_signal = (__typeof__(pp_real_signal))pp_hooks[2].real;
    pp_real_dlopen = (void *)pp_hooks[3].real;
    pp_real_dlmopen = (void *)pp_hooks[4].real;
    pp_real_dlclose = (void *)pp_hooks[5].real;
    atomic_store_explicit(&is_done, true, memory_order_release);
}
