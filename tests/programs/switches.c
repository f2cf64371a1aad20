/* Four fibers on stacks of their own take turns by a context switch in assembly, 10 000 switches a
 * CPU second and more.  The stacks are not cleared and lie side by side: what is above a fiber's
 * entry is another one's junk, full of return addresses.  Arguments: CPU seconds (3). */
#include <sys/mman.h>

#include "truth.h"

enum { N_FIBERS = 4, STACK_BYTES = 16 * 1024 };

void *switch_to(void **own_sp_out, void *other_sp);
void fiber_start(void);
void bare_fiber_start(void);
void fiber_entry(uintptr_t which);

static void *main_sp, *fiber_sps[N_FIBERS];
static uint64_t n_switches;

TRUTH_NOINLINE static void even_work(void)
{
    TRUTH_SPIN_US(60);
}

TRUTH_NOINLINE static void odd_work(void)
{
    TRUTH_SPIN_US(40);
}

TRUTH_NOINLINE static void deeper(uintptr_t which, int depth)
{
    if (depth > 0)
        deeper(which, depth - 1);
    else if (which % 2 == 0)
        even_work();
    else
        odd_work();
    TRUTH_KEEP_FRAME();
}

void fiber_entry(uintptr_t which)
{
    for (;;) {
        deeper(which, 5);
        n_switches++;
        (void)switch_to(&fiber_sps[which], main_sp);
    }
}

/* What switch_to() pops: r15 r14 r13 r12 rbx rbp and where to go. */
static void make(uintptr_t which, char *stack)
{
    uint64_t *top = (uint64_t *)(void *)(stack + STACK_BYTES - 64);

    for (int i = 0; i < 8; i++) /* above the entry: somebody's return addresses */
        top[i] = (uint64_t)(uintptr_t)deeper + 8;
    *--top = (uint64_t)(uintptr_t)(which < 2 ? fiber_start : bare_fiber_start);
    *--top = 0;
    *--top = which;
    top -= 4;
    memset(top, 0, 4 * sizeof *top);
    fiber_sps[which] = top;
}

int main(int argc, char **argv)
{
    static const char *const roots[] = {"fiber_start", "bare_fiber_start", "main", NULL};
    char extra[64];
    char *stacks = mmap(NULL, (size_t)N_FIBERS * STACK_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (stacks == MAP_FAILED)
        return 2;
    (void)truth_calibrate();
    for (uintptr_t i = 0; i < N_FIBERS; i++)
        make(i, stacks + i * STACK_BYTES);
    const uint64_t end_ns = truth_deadline_ns(truth_argument(argc, argv, 1, 3));
    while (truth_thread_ns() < end_ns)
        for (int turn = 0; turn < 100; turn++)
            (void)switch_to(&main_sp, fiber_sps[turn % N_FIBERS]);
    (void)snprintf(extra, sizeof extra, ", \"n_switches\": %llu", (unsigned long long)n_switches);
    truth_print("switches", NULL, 0, roots, extra);
    return 0;
}
