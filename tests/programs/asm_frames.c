/* Calls assembly whose frames break what unwinders believe (asm_frames.S), with all sorts of junk
 * in the registers they would follow, and ordinary code in between.  Arguments: CPU seconds (3). */
#include "truth.h"

typedef void spinner_fn(uint64_t n_iterations, uint64_t junk);
spinner_fn trashed_rbp, odd_pushes, rsp_relative, odd_call, stale_information, wild_cfa,
    wild_expression, no_progress, wild_saves;

static spinner_fn *const spinners[] = {trashed_rbp,     odd_pushes,        rsp_relative,
                                       odd_call,        stale_information, wild_cfa,
                                       wild_expression, no_progress,       wild_saves};
static uint64_t random_state = 0x2545f4914f6cdd1d;

/* Wild, unaligned, of the kernel, at either end of everything, or on this very stack. */
static uint64_t junk(void)
{
    const uint64_t random = truth_random(&random_state);

    switch (random % 8) {
    case 0:
        return random;
    case 1:
        return random & 0xffff;
    case 2:
        return ~(random & 0xff);
    case 3:
        return random | UINT64_C(0xffff800000000000);
    case 4:
        return UINT64_C(0x00007ffffffff000) + random % 4096;
    case 5:
        return (uintptr_t)&random + random % 65536 / 8 * 8;
    case 6:
        return (uintptr_t)&random - random % 65536;
    default:
        return 0;
    }
}

TRUTH_NOINLINE static void call_spinner(spinner_fn *spinner, uint64_t n_iterations)
{
    spinner(n_iterations, junk());
    TRUTH_KEEP_FRAME();
}

TRUTH_NOINLINE static void ordinary(void)
{
    TRUTH_SPIN_US(100);
}

int main(int argc, char **argv)
{
    const uint64_t n_iterations = truth_calibrate() / 10 * 3; /* three steps an iteration there */
    const uint64_t end_ns = truth_deadline_ns(truth_argument(argc, argv, 1, 3));

    while (truth_thread_ns() < end_ns)
        for (size_t i = 0; i < sizeof spinners / sizeof *spinners; i++) {
            call_spinner(spinners[i], n_iterations);
            ordinary();
        }
    truth_print("asm_frames", NULL, 0, truth_main_root, "");
    return 0;
}
