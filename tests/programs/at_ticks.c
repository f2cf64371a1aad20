/* Is in a system call whenever the kernel's tick comes, for a twentieth of its time in all, and
 * counts for the rest: the kernel, whose tick tells it what threads do, takes it to be in calls
 * nearly always.  Argument: CPU seconds (2). */
#include <sys/random.h>

#include "truth.h"

static char bytes[4096];
static uint64_t tick_ns, last_tick_ns; /* its length; when the last one came */

/* The coarse clock goes on at each tick, though it does not stand at that moment. */
static void watch_for_tick(void)
{
    static uint64_t seen_ns;
    const uint64_t coarse_ns = truth_clock_ns(CLOCK_MONOTONIC_COARSE);

    if (coarse_ns != seen_ns)
        last_tick_ns = truth_clock_ns(CLOCK_MONOTONIC);
    seen_ns = coarse_ns;
}

TRUTH_NOINLINE static void call_kernel(uint64_t until_ns)
{
    while (truth_clock_ns(CLOCK_MONOTONIC) < until_ns) {
        if (getrandom(bytes, sizeof bytes, 0) < 0)
            exit(1);
        watch_for_tick();
    }
    TRUTH_KEEP_FRAME();
}

TRUTH_NOINLINE static void compute(uint64_t until_ns)
{
    while (truth_clock_ns(CLOCK_MONOTONIC) < until_ns) {
        TRUTH_SPIN_US(5);
        watch_for_tick();
    }
    TRUTH_KEEP_FRAME();
}

int main(int argc, char **argv)
{
    struct truth_phase phases[] = {{.name = "call_kernel", .function = "call_kernel"},
                                   {.name = "compute", .function = "compute"}};
    struct timespec tick;

    (void)truth_calibrate();
    if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) != 0)
        return 1;
    tick_ns = (uint64_t)tick.tv_nsec;
    compute(truth_clock_ns(CLOCK_MONOTONIC) + 2 * tick_ns); /* one comes in that */
    const uint64_t end_ns = truth_deadline_ns(truth_argument(argc, argv, 1, 2));
    uint64_t now_ns = truth_thread_ns();
    while (now_ns < end_ns) {
        const uint64_t next_ns = last_tick_ns + tick_ns, start_ns = now_ns;
        compute(next_ns - tick_ns / 40);
        const uint64_t middle_ns = truth_thread_ns();
        call_kernel(next_ns + tick_ns / 40);
        const uint64_t called_ns = truth_thread_ns();
        if (last_tick_ns + tick_ns < truth_clock_ns(CLOCK_MONOTONIC)) /* not seen: it ran late */
            compute(truth_clock_ns(CLOCK_MONOTONIC) + 2 * tick_ns);
        now_ns = truth_thread_ns();
        phases[1].cpu_ns += middle_ns - start_ns + now_ns - called_ns;
        phases[0].cpu_ns += called_ns - middle_ns;
    }
    truth_print("at_ticks", phases, 2, truth_main_root, "");
    return 0;
}
