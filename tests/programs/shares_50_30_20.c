/* heavy_50, middle_30 and light_20 take 50, 30 and 20 percent of the CPU, in shuffled slices of 0.2
 * to 2 ms. Arguments: CPU seconds (5). */
#include "shares.h"

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
