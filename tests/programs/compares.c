/* Compares two functions by pprofc_compare(): compares [FOLDER], with what came of it on standard
 * output.  twice() does fixed_piece() twice as often as once(). */
#include <stdio.h>

#include "pprofc/compare.h"
#include "truth.h"

TRUTH_NOINLINE static void fixed_piece(void)
{
    TRUTH_SPIN(500000);
}

static void do_pieces(void *n)
{
    for (int i = 0; i < *(const int *)n; i++)
        fixed_piece();
}

TRUTH_NOINLINE static void once(void *n)
{
    do_pieces(n);
}

TRUTH_NOINLINE static void twice(void *n)
{
    do_pieces(n);
    do_pieces(n);
}

int main(int argc, char **argv)
{
    struct pprofc_compare_options options = PPROFC_COMPARE_OPTIONS_INIT;
    struct pprofc_comparison found = PPROFC_COMPARISON_INIT;
    struct pprofc_error err;
    int n = 60;

    options.n_runs = 10;
    options.folder = argc > 1 ? argv[1] : NULL;
    if (pprofc_compare("less/work", twice, once, &n, &options, &found, &err) != 0) {
        (void)fprintf(stderr, "compares: %s\n", err.message);
        return 1;
    }
    printf("%.6f %.6f %.3f %.3f %.3f %.3f %.3f %.3f %d %d\n", found.before_s, found.after_s,
           found.improvement_percent, found.improvement_low, found.improvement_high,
           found.cpu_improvement_percent, found.cpu_improvement_low, found.cpu_improvement_high,
           found.n_regressed, found.n_improved);
    return pprofc_compare("", twice, once, &n, NULL, NULL, &err) == 0;
}
