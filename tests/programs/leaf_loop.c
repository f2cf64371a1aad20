/* The stack of nearly every sample is exactly main; caller; leaf_loop.  Arguments: CPU seconds (2).
 */
#include "truth.h"

TRUTH_NOINLINE static void leaf_loop(void)
{
    TRUTH_SPIN_US(2000);
}

TRUTH_NOINLINE static void caller(void)
{
    leaf_loop();
    TRUTH_KEEP_FRAME();
}

int main(int argc, char **argv)
{
    struct truth_phase phases[] = {{.name = "leaf", .function = "leaf_loop", .is_self = true}};

    (void)truth_calibrate();
    const uint64_t end_ns = truth_deadline_ns(truth_argument(argc, argv, 1, 2));
    uint64_t now_ns = truth_thread_ns();
    while (now_ns < end_ns) {
        const uint64_t start_ns = now_ns;
        caller();
        now_ns = truth_thread_ns();
        phases[0].cpu_ns += now_ns - start_ns;
    }
    truth_print("leaf_loop", phases, 1, truth_main_root, "");
    return 0;
}
