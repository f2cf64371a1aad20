/* heavy_50, middle_30 and light_20 take 50, 30 and 20 percent of the CPU, in shuffled slices of 0.2
 * to 2 ms. Arguments: CPU seconds (5). */
#include "truth.h"

TRUTH_NOINLINE static void heavy_50(uint64_t us)
{
    TRUTH_SPIN_US(us);
}

TRUTH_NOINLINE static void middle_30(uint64_t us)
{
    TRUTH_SPIN_US(us + 1);
}

TRUTH_NOINLINE static void light_20(uint64_t us)
{
    TRUTH_SPIN_US(us + 2);
}

TRUTH_NOINLINE static int run_slice(uint64_t *random)
{
    const uint64_t us = 200 + truth_random(random) % 1800;
    const uint64_t ticket = truth_random(random) % 10;
    int phase;

    if (ticket < 5) {
        phase = 0;
        heavy_50(us);
    } else if (ticket < 8) {
        phase = 1;
        middle_30(us);
    } else {
        phase = 2;
        light_20(us);
    }
    TRUTH_KEEP_FRAME();
    return phase;
}

int main(int argc, char **argv)
{
    struct truth_phase phases[] = {
        {.name = "heavy", .function = "heavy_50"},
        {.name = "middle", .function = "middle_30"},
        {.name = "light", .function = "light_20"},
    };
    uint64_t random = 2463534242u;

    (void)truth_calibrate();
    uint64_t now_ns = truth_thread_ns();
    const uint64_t end_ns = truth_deadline_ns(truth_argument(argc, argv, 1, 5));
    while (now_ns < end_ns) {
        const uint64_t start_ns = now_ns;
        const int phase = run_slice(&random);
        now_ns = truth_thread_ns();
        phases[phase].cpu_ns += now_ns - start_ns;
    }
    truth_print("shares_50_30_20", phases, 3, truth_main_root, "");
    return 0;
}
