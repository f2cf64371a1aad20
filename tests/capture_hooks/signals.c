/* Linked with libpprofc: the program owns SIGTRAP (by sigaction) and SIGPROF (by signal).  It
 * installs handlers before the session and others within it, raises both, and starts and stops
 * sessions.  Each raise must reach the handler of that time, once.  Arguments: cycles of start and
 * stop (200), raises in each (3). */
#include <signal.h>

#include "pprofc/pprofc.h"
#include "truth.h"

static volatile sig_atomic_t n_first_traps, n_first_profs, n_traps, n_profs;

static void on_first_trap(int signo)
{
    (void)signo;
    n_first_traps = n_first_traps + 1;
}

static void on_first_prof(int signo)
{
    (void)signo;
    n_first_profs = n_first_profs + 1;
}

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

static void fail(const char *what)
{
    (void)fprintf(stderr, "signals: %s\n", what);
    exit(1);
}

static uint64_t n_samples_now(void)
{
    struct pprofc_stats stats = {.struct_bytes = sizeof stats};
    struct pprofc_error err;

    if (pprofc_stats(&stats, &err) != 0)
        fail(err.message);
    return stats.n_samples;
}

static void start(void)
{
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_error err;

    options.frequency_hz = 1000;
    if (pprofc_start(&options, &err) != 0)
        fail(err.message);
}

static void stop(void)
{
    struct pprofc_error err;

    if (pprofc_stop(NULL, &err) != 0)
        fail(err.message);
}

/* Other handlers, from within the session; what was there must come back. */
static void replace(void)
{
    struct sigaction trap = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO}, before, now;

    if (sigaction(SIGTRAP, &trap, &before) != 0 || before.sa_handler != on_first_trap)
        fail("sigaction: SIGTRAP's first handler did not come back");
    if (signal(SIGPROF, on_prof) != on_first_prof)
        fail("signal: SIGPROF's first handler did not come back");
    if (sigaction(SIGTRAP, NULL, &now) != 0 || now.sa_sigaction != on_trap)
        fail("sigaction: SIGTRAP's handler is not the one installed");
}

int main(int argc, char **argv)
{
    const int n_cycles = (int)truth_argument(argc, argv, 1, 200);
    const int n_raises = (int)truth_argument(argc, argv, 2, 3);
    const struct sigaction first = {.sa_handler = on_first_trap};
    uint64_t n_before, n_after;
    int n_expected = 5;

    (void)truth_calibrate();
    if (sigaction(SIGTRAP, &first, NULL) != 0 || signal(SIGPROF, on_first_prof) == SIG_ERR)
        fail("cannot install");
    start();
    for (int i = 0; i < 5; i++) {
        (void)raise(SIGTRAP);
        (void)raise(SIGPROF);
    }
    if (n_first_traps != 5 || n_first_profs != 5)
        fail("the first handlers were not called once a raise");
    replace();
    n_before = n_samples_now();
    for (int i = 0; i < 5; i++) {
        TRUTH_SPIN_US(20000);
        (void)raise(SIGTRAP);
        (void)raise(SIGPROF);
    }
    n_after = n_samples_now();
    stop();
    for (int cycle = 0; cycle < n_cycles; cycle++) {
        start();
        for (int i = 0; i < n_raises; i++) {
            TRUTH_SPIN_US(100);
            (void)raise(SIGTRAP);
            (void)raise(SIGPROF);
        }
        stop();
        n_expected += n_raises;
    }
    /* And after the end. */
    (void)raise(SIGTRAP);
    (void)raise(SIGPROF);
    n_expected++;
    (void)printf("{\"n_expected\": %d, \"n_traps\": %d, \"n_profs\": %d, \"n_samples\": %llu, "
                 "\"is_first_quiet\": %s}\n",
                 n_expected, (int)n_traps, (int)n_profs, (unsigned long long)(n_after - n_before),
                 n_first_traps == 5 && n_first_profs == 5 ? "true" : "false");
    return 0;
}
