/* Stacks that hardly ever repeat: eight functions call each other at random, fourteen deep.
 * Argument: CPU seconds (5). */
#include "truth.h"

enum { DEPTH = 14, N_FUNCTIONS = 8 };

typedef void walker(int depth);

static walker *const walkers[N_FUNCTIONS];
static uint64_t state = 88172645463325252;

static uint32_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}

#define WALKER(name)                                  \
    TRUTH_NOINLINE static void name(int depth)        \
    {                                                 \
        if (depth > 0)                                \
            walkers[draw() % N_FUNCTIONS](depth - 1); \
        else                                          \
            TRUTH_SPIN_US(200);                       \
        TRUTH_KEEP_FRAME();                           \
    }

WALKER(walk_a)
WALKER(walk_b)
WALKER(walk_c)
WALKER(walk_d)
WALKER(walk_e)
WALKER(walk_f)
WALKER(walk_g)
WALKER(walk_h)

static walker *const walkers[N_FUNCTIONS] = {walk_a, walk_b, walk_c, walk_d,
                                             walk_e, walk_f, walk_g, walk_h};

int main(int argc, char **argv)
{
    (void)truth_calibrate();
    const uint64_t end_ns = truth_deadline_ns(truth_argument(argc, argv, 1, 5));
    while (truth_thread_ns() < end_ns)
        walk_a(DEPTH);
    return 0;
}
