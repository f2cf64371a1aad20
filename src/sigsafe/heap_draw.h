/* Which allocations are sampled, and what each stands for.
 *
 * Samples are the points of a Poisson process over the bytes that are asked for, one in
 * 'interval_bytes' on average: an object of s bytes is sampled with P = 1 - exp(-s / interval), and
 * then stands for 1 / P objects (Horvitz and Thompson's estimator).  No libm: libpprofc needs libc
 * only, and these run within malloc. */
#ifndef PP_SIGSAFE_HEAP_DRAW_H
#define PP_SIGSAFE_HEAP_DRAW_H

#include <stdint.h>

#include "sigsafe/sigsafe.h"

/* Bytes to the next sample, at least 1: an object of s bytes is sampled when s is not less.
 * 'random' is 64 random bits. */
PP_SIG uint64_t pp_sig_heap_draw(uint64_t interval_bytes, uint64_t random);

/* P of an object; 1 for an interval of 1. */
PP_SIG double pp_sig_heap_probability(uint64_t size_bytes, uint64_t interval_bytes);

/* The next of a sequence of random numbers (xorshift64*, Vigna 2016); the state is never 0. */
static inline uint64_t pp_sig_heap_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545F4914F6CDD1D);
}

#endif
