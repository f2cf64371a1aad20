/* Burns CPU and then becomes another program.  Arguments: CPU milliseconds, the program and its
 * arguments. */
#include "truth.h"

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    (void)truth_calibrate();
    TRUTH_SPIN_US((uint64_t)(truth_argument(argc, argv, 1, 100) * 1e3));
    (void)execv(argv[2], argv + 2);
    perror(argv[2]);
    return 127;
}
