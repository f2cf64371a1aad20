/* Takes SIGTRAP in the middle of its work, by libc or by the raw system call that no hook sees.
 * Arguments: how (handler, ignore, default; raw_handler, raw_ignore), CPU seconds (1), raises of
 * SIGTRAP afterwards (20). Tells how many of its own it got, and how many strangers' (ours). */
#include <signal.h>
#include <sys/syscall.h>

#include "truth.h"

static volatile sig_atomic_t n_own, n_foreign;

static void on_trap(int signo, siginfo_t *info, void *context)
{
    (void)signo, (void)context;
    if (info->si_code == SI_TKILL)
        n_own = n_own + 1;
    else
        n_foreign = n_foreign + 1;
}

TRUTH_NOINLINE static void taker_work(uint64_t us)
{
    TRUTH_SPIN_US(us);
}

/* The kernel's own structure; the return trampoline is libc's, taken from an action it installed.
 */
struct kernel_action {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
};

static void take_raw(void *handler)
{
    struct sigaction plain = {.sa_handler = SIG_IGN};
    struct kernel_action action;

    (void)sigaction(SIGUSR1, &plain, NULL);
    (void)syscall(SYS_rt_sigaction, SIGUSR1, NULL, &action, 8);
    action.handler = handler;
    action.flags |= SA_SIGINFO | SA_RESTART;
    (void)syscall(SYS_rt_sigaction, SIGTRAP, &action, NULL, 8);
}

static void take(const char *how)
{
    struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_RESTART};

    if (strncmp(how, "raw_", 4) == 0) {
        take_raw(strcmp(how, "raw_handler") == 0 ? (void *)(uintptr_t)on_trap : (void *)SIG_IGN);
        return;
    }
    if (strcmp(how, "handler") != 0) {
        action.sa_flags = 0;
        action.sa_handler = strcmp(how, "ignore") == 0 ? SIG_IGN : SIG_DFL;
    }
    (void)sigaction(SIGTRAP, &action, NULL);
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "handler";
    const double seconds = truth_argument(argc, argv, 2, 1);
    const int n_raises = (int)truth_argument(argc, argv, 3, 20);
    struct truth_phase phase = {.name = "work", .function = "taker_work"};
    char extra[96];

    (void)truth_calibrate();
    for (int i = 0; i < 100; i++) {
        const uint64_t start_ns = truth_thread_ns();
        if (i == 20)
            take(how);
        taker_work((uint64_t)(seconds * 1e4));
        phase.cpu_ns += truth_thread_ns() - start_ns;
    }
    if (strcmp(how, "default") != 0)
        for (int i = 0; i < n_raises; i++)
            (void)raise(SIGTRAP);
    (void)snprintf(extra, sizeof extra, ", \"n_raises\": %d, \"n_own\": %d, \"n_foreign\": %d",
                   n_raises, (int)n_own, (int)n_foreign);
    truth_print("taker", &phase, 1, truth_main_root, extra);
    return 0;
}
