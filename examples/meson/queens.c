/* Counts the ways to put twelve queens on a board; profiled when the environment asks for it. */
#include <pprofc/pprofc.h>

#include <stdint.h>
#include <stdio.h>

enum { N_QUEENS = 12 };

/* Columns and both diagonals that are taken, one bit each. */
static uint64_t count_ways(uint32_t columns, uint32_t left, uint32_t right)
{
    const uint32_t all = (1u << N_QUEENS) - 1;
    uint64_t n_ways = 0;

    if (columns == all)
        return 1;
    for (uint32_t free = all & ~(columns | left | right); free != 0; free &= free - 1) {
        const uint32_t queen = free & -free;
        n_ways += count_ways(columns | queen, (left | queen) << 1, (right | queen) >> 1);
    }
    return n_ways;
}

static void solve(void *n_ways_out)
{
    *(uint64_t *)n_ways_out = count_ways(0, 0, 0);
}

int main(void)
{
    struct pprofc_error err;
    uint64_t n_ways = 0;

    if (pprofc_maybe_profile("queens", solve, &n_ways, &err) != 0)
        fprintf(stderr, "queens: %s\n", err.message);
    printf("%d queens: %llu ways\n", N_QUEENS, (unsigned long long)n_ways);
    return 0;
}
