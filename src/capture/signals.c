/* Our signal's handler: installed once and never taken away, since a late signal would meet the
 * default action and kill. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "capture/session.h"
#include "sigsafe/chain.h"
#include "sigsafe/handler.h"

int (*pp_real_sigaction)(int, const struct sigaction *, struct sigaction *) = sigaction;

bool pp_signal_is_ours(int signo)
{
    struct sigaction now;

    return pp_real_sigaction(signo, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) != 0 &&
           now.sa_sigaction == pp_sig_on_tick;
}

int pp_signal_install(int signo)
{
    struct sigaction ours, before;

    if (pp_signal_is_ours(signo))
        return 0;
    memset(&ours, 0, sizeof ours);
    ours.sa_sigaction = pp_sig_on_tick;
    /* On the alternate stack where there is one: a coroutine's stack may be too small for a signal
     * frame. */
    ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    /* sigfillset() leaves out libc's own two: a cancellation would unwind out of our handler and
     * leave a hole in the recording. */
    memset(&ours.sa_mask, 0xff, sizeof ours.sa_mask);
    if (pp_real_sigaction(signo, NULL, &before) != 0)
        return -errno;
    pp_sig_chain_set(signo, &before, NULL);
    return pp_real_sigaction(signo, &ours, NULL) == 0 ? 0 : -errno;
}

void pp_signal_check(int signo)
{
    if (!pp_signal_is_ours(signo))
        (void)pp_signal_install(signo);
}

bool pp_signal_is_foreign(int signo)
{
    struct sigaction now;

    return pp_real_sigaction(signo, NULL, &now) == 0 && now.sa_handler != SIG_DFL &&
           now.sa_handler != SIG_IGN && now.sa_sigaction != pp_sig_on_tick;
}
