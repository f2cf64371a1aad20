/* inlined_40 and inlined_60 exist only inside whole(): DWARF alone tells them apart.  Arguments:
 * CPU seconds (5). */
#include "truth.h"

TRUTH_INLINE void inlined_40(void)
{
    TRUTH_SPIN_US(400);
}

TRUTH_INLINE void inlined_60(void)
{
    TRUTH_SPIN_US(600);
}

TRUTH_NOINLINE static void whole(struct truth_phase *phases)
{
    const uint64_t start_ns = truth_thread_ns();
    inlined_40();
    const uint64_t middle_ns = truth_thread_ns();
    inlined_60();
    const uint64_t end_ns = truth_thread_ns();

    phases[0].cpu_ns += middle_ns - start_ns;
    phases[1].cpu_ns += end_ns - middle_ns;
    phases[2].cpu_ns += end_ns - start_ns;
}

int main(int argc, char **argv)
{
    struct truth_phase phases[] = {
        {.name = "inlined 40", .function = "inlined_40"},
        {.name = "inlined 60", .function = "inlined_60"},
        {.name = "their caller", .function = "whole"},
    };

    (void)truth_calibrate();
    const uint64_t end_ns = truth_deadline_ns(truth_argument(argc, argv, 1, 5));
    while (truth_thread_ns() < end_ns)
        whole(phases);
    truth_print("inlined", phases, 3, truth_main_root, "");
    return 0;
}
