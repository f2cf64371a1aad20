/* Three functions that take 50, 30 and 20 percent of the CPU, in shuffled slices of 0.2 to 2 ms. */
#ifndef TESTS_PROGRAMS_SHARES_H
#define TESTS_PROGRAMS_SHARES_H

#include "truth.h"

TRUTH_NOINLINE static void heavy_50(uint64_t us)
{
    TRUTH_SPIN_US(us);
}

TRUTH_NOINLINE static void middle_30(uint64_t us)
{
    TRUTH_SPIN_US(us + 1);
}

TRUTH_NOINLINE static void light_20(uint64_t us)
{
    TRUTH_SPIN_US(us + 2);
}

/* One slice; 0, 1 or 2 says whose it was. */
TRUTH_NOINLINE static int run_slice(uint64_t *random)
{
    const uint64_t us = 200 + truth_random(random) % 1800;
    const uint64_t ticket = truth_random(random) % 10;
    int phase;

    if (ticket < 5) {
        phase = 0;
        heavy_50(us);
    } else if (ticket < 8) {
        phase = 1;
        middle_30(us);
    } else {
        phase = 2;
        light_20(us);
    }
    TRUTH_KEEP_FRAME();
    return phase;
}

#endif
