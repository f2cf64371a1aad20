/* Two ucontext coroutines take turns on one thread, 10 000 switches a CPU second; 60 % of the CPU
 * is the first one's. Their stacks begin at coroutine_entry and have no caller.  Arguments: CPU
 * seconds (3).
 *
 * swapcontext() sets the signal mask: 1 to 3 % of the time is in the kernel, outside of both.  That
 * is booked on user code, in proportion, so the two are scored by their shares of their sum. */
#include <ucontext.h>

#include "truth.h"

enum { STACK_BYTES = 64 * 1024 };

static ucontext_t scheduler, coroutines[2];
static struct truth_phase phases[] = {
    {.name = "60", .function = "coroutine_60"},
    {.name = "40", .function = "coroutine_40"},
};

TRUTH_NOINLINE static void coroutine_60(void)
{
    TRUTH_SPIN_US(120);
}

TRUTH_NOINLINE static void coroutine_40(void)
{
    TRUTH_SPIN_US(80);
}

TRUTH_NOINLINE static void coroutine_entry(int which)
{
    for (;;) {
        const uint64_t start_ns = truth_thread_ns();
        if (which == 0)
            coroutine_60();
        else
            coroutine_40();
        phases[which].cpu_ns += truth_thread_ns() - start_ns;
        (void)swapcontext(&coroutines[which], &scheduler);
    }
}

int main(int argc, char **argv)
{
    static char stacks[2][STACK_BYTES];
    static const char *const roots[] = {"coroutine_entry", "main", NULL};

    (void)truth_calibrate();
    for (int i = 0; i < 2; i++) {
        (void)getcontext(&coroutines[i]);
        coroutines[i].uc_stack.ss_sp = stacks[i];
        coroutines[i].uc_stack.ss_size = STACK_BYTES;
        coroutines[i].uc_link = &scheduler;
        makecontext(&coroutines[i], (void (*)(void))coroutine_entry, 1, i);
    }
    const uint64_t end_ns = truth_deadline_ns(truth_argument(argc, argv, 1, 3));
    while (truth_thread_ns() < end_ns)
        for (int i = 0; i < 2; i++)
            (void)swapcontext(&scheduler, &coroutines[i]);
    truth_print("coroutines", phases, 2, roots, ", \"is_of_phases\": true");
    return 0;
}
