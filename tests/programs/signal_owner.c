/* The program owns SIGTRAP and SIGPROF itself: it installs handlers, raises the signals between
 * pieces of work, and each raise must reach its own handler exactly once.  Arguments: CPU seconds
 * (2), raises of each signal (200). */
#include <signal.h>

#include "truth.h"

static volatile sig_atomic_t n_traps, n_profs;

static void on_trap(int signo, siginfo_t *info, void *context)
{
    (void)signo, (void)info, (void)context;
    n_traps = n_traps + 1;
}

static void on_prof(int signo)
{
    (void)signo;
    n_profs = n_profs + 1;
}

/* Whether asking for the handler gives back what was installed. */
static bool is_ours(void)
{
    struct sigaction trap, prof;
    return sigaction(SIGTRAP, NULL, &trap) == 0 && sigaction(SIGPROF, NULL, &prof) == 0 &&
           trap.sa_sigaction == on_trap && prof.sa_handler == on_prof;
}

TRUTH_NOINLINE static void owner_work(uint64_t us)
{
    TRUTH_SPIN_US(us);
}

int main(int argc, char **argv)
{
    const double seconds = truth_argument(argc, argv, 1, 2);
    const int n_raises = (int)truth_argument(argc, argv, 2, 200);
    struct sigaction trap = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sigaction prof = {.sa_handler = on_prof, .sa_flags = SA_RESTART};
    struct truth_phase phases[] = {{.name = "work", .function = "owner_work"}};
    char extra[128];

    (void)truth_calibrate();
    if (sigaction(SIGTRAP, &trap, NULL) != 0 || sigaction(SIGPROF, &prof, NULL) != 0)
        return 2;
    for (int i = 0; i < n_raises; i++) {
        const uint64_t start_ns = truth_thread_ns();
        owner_work((uint64_t)(seconds * 1e6 / n_raises));
        phases[0].cpu_ns += truth_thread_ns() - start_ns;
        (void)raise(SIGTRAP);
        (void)raise(SIGPROF);
    }
    const bool ours = is_ours();
    (void)snprintf(extra, sizeof extra,
                   ", \"n_raises\": %d, \"n_traps\": %d, \"n_profs\": %d, \"is_ours\": %s",
                   n_raises, (int)n_traps, (int)n_profs, ours ? "true" : "false");
    truth_print("signal_owner", phases, 1, truth_main_root, extra);
    return n_traps == n_raises && n_profs == n_raises && ours ? 0 : 1;
}
