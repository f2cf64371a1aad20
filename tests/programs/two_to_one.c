/* heavy() takes 2/3 of the CPU, light() 1/3.  Arguments: CPU seconds (3). */
#include "truth.h"

TRUTH_NOINLINE static void heavy(void)
{
    TRUTH_SPIN_US(truth_vary_us(1400));
}

TRUTH_NOINLINE static void light(void)
{
    TRUTH_SPIN_US(truth_vary_us(700));
}

int main(int argc, char **argv)
{
    struct truth_phase phases[] = {{.name = "heavy", .function = "heavy"},
                                   {.name = "light", .function = "light"}};

    (void)truth_calibrate();
    const uint64_t end_ns = truth_deadline_ns(truth_argument(argc, argv, 1, 3));
    uint64_t now_ns = truth_thread_ns();
    while (now_ns < end_ns) {
        heavy();
        const uint64_t middle_ns = truth_thread_ns();
        light();
        const uint64_t start_ns = now_ns;
        now_ns = truth_thread_ns();
        phases[0].cpu_ns += middle_ns - start_ns;
        phases[1].cpu_ns += now_ns - middle_ns;
    }
    truth_print("two_to_one", phases, 2, truth_main_root, "");
    return 0;
}
