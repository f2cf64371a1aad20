/* Signals that are not ours go where they would have gone without us. */
#include "sigsafe/chain.h"

#include <stddef.h>
#include <string.h>
#include <ucontext.h>

#include "sigsafe/handler.h"
#include "sigsafe/syscall.h"

enum { KERNEL_SET_BYTES = 8 };

static struct pp_sig_chain chains[2]; /* SIGTRAP, SIGPROF */

struct pp_sig_chain *pp_sig_chain_of(int signo)
{
    return signo == SIGTRAP ? &chains[0] : signo == SIGPROF ? &chains[1] : NULL;
}

void pp_sig_chain_set(int signo, const struct sigaction *action, struct sigaction *previous_out)
{
    struct pp_sig_chain *chain = pp_sig_chain_of(signo);
    const uint32_t current = atomic_load_explicit(&chain->current, memory_order_relaxed);

    if (previous_out != NULL)
        *previous_out = chain->actions[current];
    if (action == NULL)
        return;
    chain->actions[current ^ 1] = *action;
    atomic_store_explicit(&chain->current, current ^ 1, memory_order_release);
}

/* Die as the application would have: the default action, then the signal once more, delivered as
 * the handler returns. */
static void die(int signo)
{
    struct {
        void *handler;
        unsigned long flags;
        void *restorer;
        uint64_t mask;
    } kernel_action = {NULL, 0, NULL, 0};
    const long pid = pp_sig_syscall4(SYS_getpid, 0, 0, 0, 0);

    (void)pp_sig_syscall4(SYS_rt_sigaction, signo, (long)&kernel_action, 0, KERNEL_SET_BYTES);
    (void)pp_sig_syscall4(SYS_tgkill, pid, pp_sig_gettid(), signo, 0);
}

void pp_sig_chain_call(int signo, siginfo_t *info, void *context)
{
    struct pp_sig_chain *chain = pp_sig_chain_of(signo);
    struct sigaction action;
    uint64_t mask, application_mask, ours;

    if (chain == NULL)
        return;
    action = chain->actions[atomic_load_explicit(&chain->current, memory_order_acquire)];
    if (action.sa_handler == SIG_IGN)
        return;
    if (action.sa_handler == SIG_DFL) {
        die(signo);
        return;
    }
    if ((action.sa_flags & SA_RESETHAND) != 0) {
        struct sigaction reset = action;
        reset.sa_handler = SIG_DFL;
        reset.sa_flags = 0;
        pp_sig_chain_set(signo, &reset, NULL);
    }
    /* Our handler runs with everything blocked; the application's own runs under the mask that it
     * asked for. */
    memcpy(&mask, &((const ucontext_t *)context)->uc_sigmask, sizeof mask);
    memcpy(&application_mask, &action.sa_mask, sizeof application_mask);
    mask |= application_mask;
    if ((action.sa_flags & SA_NODEFER) == 0)
        mask |= UINT64_C(1) << (signo - 1);
    (void)pp_sig_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, (long)&ours,
                          KERNEL_SET_BYTES);
    if ((action.sa_flags & SA_SIGINFO) != 0)
        action.sa_sigaction(signo, info, context);
    else
        action.sa_handler(signo);
    (void)pp_sig_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&ours, 0, KERNEL_SET_BYTES);
}
