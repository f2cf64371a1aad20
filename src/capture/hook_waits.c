/* Finds libc's functions behind the hooks of waits. */
#include "capture/hook_waits.h"

#include <stdatomic.h>

__attribute__((weak)) bool pp_waits_are_interposed = false; /* the preload for waits has its own */

/* Their types are beside them; here only their addresses count. */
#define PP_WAIT_NAME(name) PP_HOOK_FUNCTION void pp_hook_##name(void);
#include "capture/wait_names.def"
#undef PP_WAIT_NAME

struct pp_hook pp_wait_hooks[PP_N_WAIT_HOOKS] = {
#define PP_WAIT_NAME(name) {#name, (uintptr_t)pp_hook_##name, 0},
#include "capture/wait_names.def"
#undef PP_WAIT_NAME
};

static bool is_ours(uintptr_t function)
{
    for (int i = 0; i < PP_N_WAIT_HOOKS; i++)
        if (function == pp_wait_hooks[i].hook)
            return true;
    return false;
}

static void *no_such_function(void)
{
    return NULL;
}

uintptr_t pp_wait_find(enum pp_wait_name name)
{
    struct pp_hook *hook = &pp_wait_hooks[name];
    uintptr_t found;

    if (hook->real != 0)
        return hook->real;
    found = pp_waits_are_interposed ? 0 : (uintptr_t)pp_hook_find(hook->name);
    if (found == 0 || is_ours(found))
        found = (uintptr_t)pp_hook_find_next(hook->name);
    if (found != 0)
        hook->real = found;
    /* A name that this libc does not have: nobody was linked to it. */
    return found != 0 ? found : (uintptr_t)no_such_function;
}

void pp_waits_find_real(void)
{
    static _Atomic bool is_done;

    if (atomic_load_explicit(&is_done, memory_order_acquire))
        return;
    for (int i = 0; i < PP_N_WAIT_HOOKS; i++)
        (void)pp_wait_find((enum pp_wait_name)i);
    atomic_store_explicit(&is_done, true, memory_order_release);
}
