/* The same work at each run, whatever the machine's speed now: for comparing CPU times.  Argument:
 * about how many CPU seconds (1). */
#include "truth.h"

TRUTH_NOINLINE static void fixed_piece(uint64_t n_iterations)
{
    TRUTH_SPIN(n_iterations);
}

int main(int argc, char **argv)
{
    const double seconds = truth_argument(argc, argv, 1, 1);

    for (int i = 0; i < (int)(seconds * 1000); i++)
        fixed_piece(500000);
    return 0;
}
