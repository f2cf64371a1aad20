// Half the CPU throws and catches through eight frames, half is ordinary work: the C++ runtime's
// own unwinder is interrupted all the time.  Arguments: CPU seconds (3).
#include <stdexcept>

#include "truth.h"

TRUTH_NOINLINE static void throw_from_below(int depth)
{
    if (depth == 0)
        throw std::runtime_error("thrown on purpose");
    throw_from_below(depth - 1);
    TRUTH_KEEP_FRAME();
}

TRUTH_NOINLINE static int throwing(void)
{
    int n_caught = 0;
    for (int i = 0; i < 50; i++) {
        try {
            throw_from_below(8);
        } catch (const std::exception &) {
            n_caught++;
        }
    }
    return n_caught;
}

TRUTH_NOINLINE static void ordinary(uint64_t us)
{
    TRUTH_SPIN_US(us);
}

int main(int argc, char **argv)
{
    struct truth_phase phases[2] = {
        {"throwing", "throwing", nullptr, false, 0},
        {"ordinary", "ordinary", nullptr, false, 0},
    };

    (void)truth_calibrate();
    const uint64_t end_ns = truth_deadline_ns(truth_argument(argc, argv, 1, 3));
    uint64_t now_ns = truth_thread_ns();
    while (now_ns < end_ns) {
        if (throwing() != 50)
            return 1;
        const uint64_t thrown_ns = truth_thread_ns();
        ordinary((thrown_ns - now_ns) / 1000);
        const uint64_t start_ns = now_ns;
        now_ns = truth_thread_ns();
        phases[0].cpu_ns += thrown_ns - start_ns;
        phases[1].cpu_ns += now_ns - thrown_ns;
    }
    truth_print("exceptions", phases, 2, truth_main_root, "");
    return 0;
}
