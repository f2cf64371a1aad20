/* Interposed: sigaction and signal.  An application may own SIGTRAP or SIGPROF: what it asks for is
 * kept in the chain, and our handler passes on what is not ours. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "capture/preload.h"
#include "capture/session.h"
#include "sigsafe/chain.h"
#include "sigsafe/handler.h"

#pragma GCC visibility push(default)
int sigaction(int signo, const struct sigaction *action, struct sigaction *before_out);
__sighandler_t signal(int signo, __sighandler_t handler);
#pragma GCC visibility pop

typedef int (*sigaction_fn)(int, const struct sigaction *, struct sigaction *);
typedef __sighandler_t (*signal_fn)(int, __sighandler_t);
static sigaction_fn next_sigaction;
static signal_fn next_signal;
static _Atomic int
    chain_lock; /* not a mutex: signal() is called in handlers too, which are over in no time */

__attribute__((constructor(101))) static void resolve(void)
{
    next_sigaction = (sigaction_fn)(uintptr_t)pp_preload_next("sigaction");
    next_signal = (signal_fn)(uintptr_t)pp_preload_next("signal");
    pp_real_sigaction = next_sigaction;
}

static bool is_taken(int signo)
{
    struct sigaction now;

    return pp_sig_gate != NULL && pp_sig_chain_of(signo) != NULL &&
           next_sigaction(signo, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) != 0 &&
           now.sa_sigaction == pp_sig_on_tick;
}

static void chain_set(int signo, const struct sigaction *action, struct sigaction *before_out)
{
    sigset_t all, mask;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &mask);
    while (atomic_exchange(&chain_lock, 1) != 0)
        ;
    pp_sig_chain_set(signo, action, before_out);
    atomic_store(&chain_lock, 0);
    (void)pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

int sigaction(int signo, const struct sigaction *action, struct sigaction *before_out)
{
    if (next_sigaction == NULL)
        resolve();
    if (!is_taken(signo))
        return next_sigaction(signo, action, before_out);
    chain_set(signo, action, before_out);
    return 0;
}

__sighandler_t signal(int signo, __sighandler_t handler)
{
    struct sigaction action, before;

    if (next_signal == NULL)
        resolve();
    if (!is_taken(signo))
        return next_signal(signo, handler);
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    (void)sigaddset(&action.sa_mask, signo);
    chain_set(signo, &action, &before);
    return before.sa_handler;
}
