/* Calls of libc's in which threads wait: where libc's are, and what our hooks around them share. */
#ifndef PP_CAPTURE_HOOK_WAITS_H
#define PP_CAPTURE_HOOK_WAITS_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/hook_calls.h"
#include "sigsafe/descriptor.h"
#include "sigsafe/heap_text.h"
#include "sigsafe/waits.h"

/* Of some libcs these are macros, which would give a hook another's name. */
#undef pread64
#undef pwrite64
#undef preadv64
#undef pwritev64
#undef sendfile64
#undef open64
#undef openat64
#undef creat64
#undef lockf64
#undef fcntl64

enum pp_wait_name {
#define PP_WAIT_NAME(name) PP_HOOK_##name,
#include "capture/wait_names.def"
#undef PP_WAIT_NAME
    PP_N_WAIT_HOOKS
};

/* The preload library gives them names that others see. */
#define PP_HOOK_FUNCTION __attribute__((visibility("default")))

/* As pp_hooks. */
extern struct pp_hook pp_wait_hooks[PP_N_WAIT_HOOKS];

/* Whether the program's calls lead to ours by their names: true in the preload for waits. */
extern bool pp_waits_are_interposed;

/* Find libc's functions, once.  Calls dlsym; before the hooks can be patched in. */
void pp_waits_find_real(void);

/* Libc's function, for a call that comes before any constructor of ours. */
uintptr_t pp_wait_find(enum pp_wait_name name);

static inline __attribute__((always_inline)) uintptr_t pp_wait_real(enum pp_wait_name name)
{
    const uintptr_t real = pp_wait_hooks[name].real;

    return __builtin_expect(real != 0, 1) ? real : pp_wait_find(name);
}

/* A hook that times its call.  Cancellation unwinds through it: it holds nothing. */
#define PP_HOOK_WAIT(type, name, kind, descriptor, parameters, arguments)                \
    PP_HOOK_FUNCTION type pp_hook_##name parameters;                                     \
    PP_HEAP_TEXT type pp_hook_##name parameters                                          \
    {                                                                                    \
        type(*const real) parameters = (type(*) parameters)pp_wait_real(PP_HOOK_##name); \
        struct pp_sig_wait timed;                                                        \
        type result;                                                                     \
                                                                                         \
        if (!pp_sig_wait_begin(&timed, PP_WAITS_OFFCPU, kind, (uintptr_t)real))          \
            return real arguments;                                                       \
        result = real arguments;                                                         \
        pp_sig_wait_end(&timed, kind, descriptor, (uintptr_t)real);                      \
        return result;                                                                   \
    }

#endif
