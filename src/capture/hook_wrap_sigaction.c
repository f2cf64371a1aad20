/* For -Wl,--wrap=sigaction.  In an object of its own: only a program that wraps gets it. */
#include "capture/hook_calls.h"
#include "capture/session.h"

int __real_sigaction(int signo, const struct sigaction *action, struct sigaction *before_out);
int __wrap_sigaction(int signo, const struct sigaction *action, struct sigaction *before_out);

/* Our own mention of the function was wrapped too. */
__attribute__((constructor(101))) static void unwrap(void)
{
    if (pp_real_sigaction == __wrap_sigaction)
        pp_real_sigaction = __real_sigaction;
}

int __wrap_sigaction(int signo, const struct sigaction *action, struct sigaction *before_out)
{
    unwrap();
    return pp_hook_sigaction(signo, action, before_out);
}
