/* A benchmark program whose cases are its arguments: "first" and "second" do a fixed piece of work,
 * BENCH_CASES_EXTRA=N makes that of "first" N % more.  Arguments: the case, and how many pieces
 * (20). */
#include <stdio.h>
#include <string.h>

#include "truth.h"

enum { PIECE = 50000 };

TRUTH_NOINLINE static void usual_work(void)
{
    TRUTH_SPIN(PIECE);
}

TRUTH_NOINLINE static void extra_work(void)
{
    TRUTH_SPIN(PIECE + 1);
}

int main(int argc, char **argv)
{
    const char *extra = getenv("BENCH_CASES_EXTRA");
    const int n = (int)truth_argument(argc, argv, 2, 200);
    const int n_extra =
        extra != NULL && argc > 1 && strcmp(argv[1], "first") == 0 ? n * atoi(extra) / 100 : 0;

    if (argc < 2 || (strcmp(argv[1], "first") != 0 && strcmp(argv[1], "second") != 0)) {
        (void)fprintf(stderr, "bench_cases: there is no case '%s'\n", argc > 1 ? argv[1] : "");
        return 9;
    }
    for (int i = 0; i < n; i++)
        usual_work();
    for (int i = 0; i < n_extra; i++)
        extra_work();
    return 0;
}
