/* sigaction and signal: an application may own SIGTRAP or SIGPROF.  What it asks for is kept in the
 * chain, and our handler passes on what is not ours. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "capture/hook_calls.h"
#include "capture/session.h"
#include "sigsafe/chain.h"
#include "sigsafe/handler.h"

pp_signal_function (*pp_real_signal)(int, pp_signal_function) = signal;

/* The pid of the process that holds it, or 0.  Not a mutex: signal() is called in handlers too,
 * which are over in no time. */
static _Atomic pid_t chain_lock;

static bool is_taken(int signo)
{
    struct sigaction now;

    return pp_sig_gate != NULL && pp_sig_chain_of(signo) != NULL &&
           pp_real_sigaction(signo, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) != 0 &&
           now.sa_sigaction == pp_sig_on_tick;
}

static void lock_chain(void)
{
    const pid_t own = getpid();
    pid_t holder = 0;

    /* Held by another process: by a thread of the parent at the fork, which is not here. */
    while (!atomic_compare_exchange_weak(&chain_lock, &holder, own))
        if (holder == own)
            holder = 0;
}

static void chain_set(int signo, const struct sigaction *action, struct sigaction *before_out)
{
    sigset_t all, mask;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &mask);
    lock_chain();
    pp_sig_chain_set(signo, action, before_out);
    atomic_store(&chain_lock, 0);
    (void)pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

int pp_hook_sigaction(int signo, const struct sigaction *action, struct sigaction *before_out)
{
    if (!is_taken(signo))
        return pp_real_sigaction(signo, action, before_out);
    chain_set(signo, action, before_out);
    return 0;
}

pp_signal_function pp_hook_signal(int signo, pp_signal_function handler)
{
    struct sigaction action, before;

    if (!is_taken(signo))
        return pp_real_signal(signo, handler);
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    (void)sigaddset(&action.sa_mask, signo);
    chain_set(signo, &action, &before);
    return before.sa_handler;
}
