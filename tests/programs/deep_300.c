/* Burns half its CPU 300 calls of deeper() down, the other half 150 down.  Arguments: CPU seconds
 * (5), greater depth (300). */
#include "truth.h"

static struct truth_phase phases[] = {
    {.name = "at the bottom", .function = "bottom_all"},
    {.name = "half way down", .function = "bottom_half"},
};

TRUTH_NOINLINE static void bottom_all(void)
{
    TRUTH_SPIN_US(1000);
}

TRUTH_NOINLINE static void bottom_half(void)
{
    TRUTH_SPIN_US(1001);
}

TRUTH_NOINLINE static void deeper(int n_more, int phase)
{
    if (n_more > 0) {
        deeper(n_more - 1, phase);
    } else {
        const uint64_t start_ns = truth_thread_ns();
        if (phase == 0)
            bottom_all();
        else
            bottom_half();
        phases[phase].cpu_ns += truth_thread_ns() - start_ns;
    }
    TRUTH_KEEP_FRAME();
}

int main(int argc, char **argv)
{
    const int depth = (int)truth_argument(argc, argv, 2, 300);
    char extra[64];

    (void)truth_calibrate();
    const uint64_t end_ns = truth_deadline_ns(truth_argument(argc, argv, 1, 5));
    while (truth_thread_ns() < end_ns) {
        deeper(depth - 1, 0);
        deeper(depth / 2 - 1, 1);
    }
    (void)snprintf(extra, sizeof extra, ", \"depth\": %d", depth);
    truth_print("deep_300", phases, 2, truth_main_root, extra);
    return 0;
}
