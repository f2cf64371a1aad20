/* The handler writes one flag; it stays in place where somebody has chained it. */
#include "serve/flight_signal.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

static atomic_bool is_met;
static atomic_bool is_caught; /* else what comes is handed on only */
static int caught_signo;      /* ours is in the chain of its handlers; 0: nowhere */
static struct sigaction before;

void pp_flight_signal_note(void)
{
    atomic_store(&is_met, true);
}

bool pp_flight_signal_take(void)
{
    return atomic_exchange(&is_met, false);
}

/* SIG_DFL may be to die: who asks for bundles by a signal does not mean that. */
static void on_signal(int signo, siginfo_t *info, void *context)
{
    if (atomic_load(&is_caught))
        pp_flight_signal_note();
    if ((before.sa_flags & SA_SIGINFO) != 0)
        before.sa_sigaction(signo, info, context);
    else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
        before.sa_handler(signo);
}

int pp_flight_signal_catch(int signo, struct pprofc_error *err)
{
    struct sigaction action = {.sa_sigaction = on_signal,
                               .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};

    if (signo == SIGPROF || signo == SIGTRAP || (caught_signo != 0 && caught_signo != signo))
        return pp_fail(err, -EINVAL, 0, "signal=%s cannot be had: %s", sigabbrev_np(signo),
                       caught_signo != 0 ? "another one was chosen before"
                                         : "the profiler uses it itself");
    (void)sigemptyset(&action.sa_mask);
    (void)pp_flight_signal_take();
    /* Another handler may have chained ours, which must not chain it in turn. */
    if (caught_signo == 0 &&
        (sigaction(signo, NULL, &before) != 0 || sigaction(signo, &action, NULL) != 0))
        return pp_fail(err, -errno, 0, "signal=%s cannot be had: %s", sigabbrev_np(signo),
                       strerror(errno));
    caught_signo = signo;
    atomic_store(&is_caught, true);
    return 0;
}

void pp_flight_signal_leave(void)
{
    struct sigaction now;

    atomic_store(&is_caught, false);
    if (caught_signo == 0 || sigaction(caught_signo, NULL, &now) != 0 ||
        (now.sa_flags & SA_SIGINFO) == 0 || now.sa_sigaction != on_signal)
        return;
    (void)sigaction(caught_signo, &before, NULL);
    caught_signo = 0;
}
