/* turn_a and turn_b alternate strictly, each for the same thread CPU time: a sampler whose period
 * is a multiple of the turn sees one of them alone, unless it jitters.  Arguments: turn in
 * microseconds (5000), CPU seconds (5).
 *
 * A turn ends by the CPU clock, else it would drift, but the clock is a system call that is booked
 * on user code: most of a turn is run by iteration counts and the clock looked at about three
 * times. */
#include "truth.h"

/* Work until the thread's clock reads 'until_ns'; returns what it reads. */
TRUTH_INLINE uint64_t work_until(uint64_t until_ns)
{
    uint64_t now_ns = truth_thread_ns();
    while (now_ns < until_ns) {
        const uint64_t left_ns = until_ns - now_ns;
        /* A long rest is approached with some slack, for the machine's speed wobbles. */
        const uint64_t step_ns = left_ns > 50000 ? left_ns - left_ns / 16 : left_ns;
        TRUTH_SPIN(1 + step_ns * truth_iterations_per_ms / 1000000);
        now_ns = truth_thread_ns();
    }
    return now_ns;
}

TRUTH_NOINLINE static uint64_t turn_a(uint64_t until_ns)
{
    return work_until(until_ns);
}

TRUTH_NOINLINE static uint64_t turn_b(uint64_t until_ns)
{
    return work_until(until_ns + 1);
}

int main(int argc, char **argv)
{
    struct truth_phase phases[] = {
        {.name = "turn a", .function = "turn_a"},
        {.name = "turn b", .function = "turn_b"},
    };
    const uint64_t turn_ns = (uint64_t)(truth_argument(argc, argv, 1, 5000) * 1e3);
    char extra[64];

    (void)truth_calibrate();
    const uint64_t end_ns = truth_deadline_ns(truth_argument(argc, argv, 2, 5));
    uint64_t now_ns = truth_thread_ns();
    uint64_t until_ns = now_ns;
    while (now_ns < end_ns) {
        until_ns += turn_ns;
        const uint64_t a_ns = turn_a(until_ns);
        until_ns += turn_ns;
        const uint64_t b_ns = turn_b(until_ns);
        phases[0].cpu_ns += a_ns - now_ns;
        phases[1].cpu_ns += b_ns - a_ns;
        now_ns = b_ns;
    }
    (void)snprintf(extra, sizeof extra, ", \"turn_ns\": %llu", (unsigned long long)turn_ns);
    truth_print("turns", phases, 2, truth_main_root, extra);
    return 0;
}
