/* For -Wl,--wrap=signal.  In an object of its own: only a program that wraps gets it. */
#include "capture/hook_calls.h"

pp_signal_function __real_signal(int signo, pp_signal_function handler);
pp_signal_function __wrap_signal(int signo, pp_signal_function handler);

/* Our own mention of the function was wrapped too. */
__attribute__((constructor(101))) static void unwrap(void)
{
    if (pp_real_signal == __wrap_signal)
        pp_real_signal = __real_signal;
}

pp_signal_function __wrap_signal(int signo, pp_signal_function handler)
{
    unwrap();
    return pp_hook_signal(signo, handler);
}
