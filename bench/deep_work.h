/* Work for benchmarks of the handler: fixed amounts of it, always 60 frames deep.
 * Some hundred paths through 16 functions: as many stacks as a busy program shows in a second. */
#ifndef BENCH_DEEP_WORK_H
#define BENCH_DEEP_WORK_H

#include <stdint.h>
#include <time.h>

#include "../tests/programs/truth.h"

enum { DEEP_FRAMES = 57, DEEP_PATHS = 50, DEEP_FUNCTIONS = 16 }; /* main and libc's start make 60 */

/* What is done at the bottom; a program may say something else before it includes this. */
#ifndef DEEP_LEAF
#define DEEP_LEAF(n_iterations) TRUTH_SPIN(n_iterations)
#endif

typedef void deep_function(int n_more, uint64_t path, uint64_t n_iterations);
static deep_function deep_0, deep_1, deep_2, deep_3, deep_4, deep_5, deep_6, deep_7, deep_8, deep_9,
    deep_10, deep_11, deep_12, deep_13, deep_14, deep_15;
static deep_function *const deep_functions[DEEP_FUNCTIONS] = {
    deep_0, deep_1, deep_2,  deep_3,  deep_4,  deep_5,  deep_6,  deep_7,
    deep_8, deep_9, deep_10, deep_11, deep_12, deep_13, deep_14, deep_15};

/* The path decides which function is next; each mixes its own number in. */
#define DEEP_FUNCTION(i)                                                                  \
    TRUTH_NOINLINE static void deep_##i(int n_more, uint64_t path, uint64_t n_iterations) \
    {                                                                                     \
        const uint64_t next = path * 6364136223846793005u + (i);                          \
        if (n_more > 0)                                                                   \
            deep_functions[next >> 60](n_more - 1, next, n_iterations);                   \
        else                                                                              \
            DEEP_LEAF(n_iterations);                                                      \
        TRUTH_KEEP_FRAME();                                                               \
    }
DEEP_FUNCTION(0)
DEEP_FUNCTION(1)
DEEP_FUNCTION(2)
DEEP_FUNCTION(3)
DEEP_FUNCTION(4)
DEEP_FUNCTION(5)
DEEP_FUNCTION(6)
DEEP_FUNCTION(7)
DEEP_FUNCTION(8)
DEEP_FUNCTION(9)
DEEP_FUNCTION(10)
DEEP_FUNCTION(11)
DEEP_FUNCTION(12)
DEEP_FUNCTION(13)
DEEP_FUNCTION(14)
DEEP_FUNCTION(15)
#undef DEEP_FUNCTION

/* A fixed amount of work: 'n_pieces' of 'n_iterations' each, the paths in turn. */
TRUTH_NOINLINE static void deep_work(uint64_t n_pieces, uint64_t n_iterations)
{
    for (uint64_t i = 0; i < n_pieces; i++)
        deep_functions[i % DEEP_FUNCTIONS](
            DEEP_FRAMES - 2, (i % DEEP_PATHS + 1) * 0x9E3779B97F4A7C15u, n_iterations);
}

#endif
