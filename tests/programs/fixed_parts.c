/* Two functions, each of as many equal pieces as the arguments say: for comparing one run with
 * another.  Arguments: pieces of first_part and of second_part (100 and 100). */
#include "truth.h"

enum { PIECE = 500000 };

TRUTH_NOINLINE static void first_part(void)
{
    TRUTH_SPIN(PIECE);
}

TRUTH_NOINLINE static void second_part(void)
{
    TRUTH_SPIN(PIECE + 1);
}

int main(int argc, char **argv)
{
    const int n_first = (int)truth_argument(argc, argv, 1, 100);
    const int n_second = (int)truth_argument(argc, argv, 2, 100);

    for (int i = 0; i < n_first || i < n_second; i++) {
        if (i < n_first)
            first_part();
        if (i < n_second)
            second_part();
    }
    return 0;
}
