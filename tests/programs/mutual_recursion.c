/* even_75 and odd_25 call each other 40 deep; three quarters of the self time is even_75's.
 * A view that counts recursion once shows both at 100 % in total and 75 / 25 % in self.  Arguments:
 * CPU seconds (5). */
#include "truth.h"

enum { DEPTH = 40 };

static struct truth_phase phases[] = {
    {.name = "even", .function = "even_75", .is_self = true},
    {.name = "odd", .function = "odd_25", .is_self = true},
};
static uint64_t last_ns;

static void odd_25(int depth);

/* One read serves as the end of this piece and the start of the next. */
TRUTH_INLINE void book(int phase)
{
    const uint64_t now_ns = truth_thread_ns();
    phases[phase].cpu_ns += now_ns - last_ns;
    last_ns = now_ns;
}

TRUTH_NOINLINE static void even_75(int depth)
{
    TRUTH_SPIN_US(150);
    book(0);
    if (depth > 0)
        odd_25(depth - 1);
    TRUTH_KEEP_FRAME();
}

TRUTH_NOINLINE static void odd_25(int depth)
{
    TRUTH_SPIN_US(50);
    book(1);
    if (depth > 0)
        even_75(depth - 1);
    TRUTH_KEEP_FRAME();
}

int main(int argc, char **argv)
{
    (void)truth_calibrate();
    const uint64_t end_ns = truth_deadline_ns(truth_argument(argc, argv, 1, 5));
    last_ns = truth_thread_ns();
    while (last_ns < end_ns)
        even_75(DEPTH - 1);
    truth_print("mutual_recursion", phases, 2, truth_main_root, "");
    return 0;
}
