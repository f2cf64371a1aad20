/* Spends its time in system calls and outside of them, by turns of some milliseconds; then, when
 * asked, only outside.  Arguments: CPU seconds of the turns (4), of the rest (0), "block" to block
 * SIGPROF after the beginning, "ignore" to have it ignored, by a bare system call. */
#include <signal.h>
#include <sys/random.h>
#include <sys/syscall.h>

#include "truth.h"

enum { N_CALLS = 16 }; /* of some 0.2 ms each */

static char bytes[65536];

TRUTH_NOINLINE static void call_kernel(void)
{
    for (int i = 0; i < N_CALLS; i++)
        if (getrandom(bytes, sizeof bytes, 0) < 0)
            exit(1);
    TRUTH_KEEP_FRAME();
}

/* The profiler finds out where a thread spends its time: none of this beginning is misplaced by
 * more than itself. */
TRUTH_NOINLINE static void warm_up(void)
{
    const uint64_t end_ns = truth_deadline_ns(1);

    while (truth_thread_ns() < end_ns) {
        for (int i = 0; i < N_CALLS; i++)
            if (getrandom(bytes, sizeof bytes, 0) < 0)
                exit(1);
        TRUTH_SPIN_US(1000);
    }
}

TRUTH_NOINLINE static void compute(void)
{
    TRUTH_SPIN_US(truth_vary_us(2500));
}

TRUTH_NOINLINE static void compute_on(double seconds)
{
    const uint64_t end_ns = truth_deadline_ns(seconds);

    while (truth_thread_ns() < end_ns)
        TRUTH_SPIN_US(1000);
}

static void block_timers_signal(void)
{
    sigset_t mask;

    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGPROF);
    (void)sigprocmask(SIG_BLOCK, &mask, NULL);
}

static void ignore_timers_signal(void)
{
    struct {
        void (*handler)(int);
        unsigned long flags;
        void (*restorer)(void);
        uint64_t mask;
    } action = {.handler = SIG_IGN};

    (void)syscall(SYS_rt_sigaction, SIGPROF, &action, NULL, sizeof action.mask);
}

int main(int argc, char **argv)
{
    struct truth_phase phases[] = {{.name = "warm_up", .function = "warm_up"},
                                   {.name = "call_kernel", .function = "call_kernel"},
                                   {.name = "compute", .function = "compute"},
                                   {.name = "compute_on", .function = "compute_on"}};
    const double rest = truth_argument(argc, argv, 2, 0);

    (void)truth_calibrate();
    uint64_t now_ns = truth_thread_ns();
    warm_up();
    phases[0].cpu_ns = truth_thread_ns() - now_ns;
    if (argc > 3 && strcmp(argv[3], "block") == 0)
        block_timers_signal();
    if (argc > 3 && strcmp(argv[3], "ignore") == 0)
        ignore_timers_signal();
    const uint64_t end_ns = truth_deadline_ns(truth_argument(argc, argv, 1, 4));
    now_ns = truth_thread_ns();
    while (now_ns < end_ns) {
        const uint64_t start_ns = now_ns;
        call_kernel();
        const uint64_t middle_ns = truth_thread_ns();
        compute();
        now_ns = truth_thread_ns();
        phases[1].cpu_ns += middle_ns - start_ns;
        phases[2].cpu_ns += now_ns - middle_ns;
    }
    compute_on(rest);
    phases[3].cpu_ns = truth_thread_ns() - now_ns;
    truth_print("kernel_time", phases, rest > 0 ? 4 : 3, truth_main_root, "");
    return 0;
}
