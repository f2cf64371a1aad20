/* Interposed: sigaction and signal. */
#include <signal.h>

#include "capture/hook_calls.h"

#pragma GCC visibility push(default)
int sigaction(int signo, const struct sigaction *action, struct sigaction *before_out);
pp_signal_function signal(int signo, pp_signal_function handler);
#pragma GCC visibility pop

int sigaction(int signo, const struct sigaction *action, struct sigaction *before_out)
{
    pp_hooks_find_real();
    return pp_hook_sigaction(signo, action, before_out);
}

pp_signal_function signal(int signo, pp_signal_function handler)
{
    pp_hooks_find_real();
    return pp_hook_signal(signo, handler);
}
