/* The smallest change that could have been found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "profile/power.h"
#include "profile/statistics.h"

static uint64_t state = 12345;

static double uniform(void)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return ((double)(state >> 11) + 0.5) * 0x1p-53;
}

/* Box and Muller. */
static double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform());
}

/* Mean and variance are those of the textbook. */
static void spread(void **unused)
{
    struct pp_spread spread = {0, 0, 0};

    (void)unused;
    assert_true(isnan(pp_spread_variance(&spread)));
    for (int i = 0; i < 8; i++)
        pp_spread_add(&spread, (double[]){2, 4, 4, 4, 5, 5, 7, 9}[i]);
    assert_true(fabs(spread.mean - 5) < 1e-12);
    assert_true(fabs(pp_spread_variance(&spread) - 32.0 / 7) < 1e-12);
}

/* A side whose values have mean 'mean' and deviation 'deviation', as measured. */
static struct pp_spread draw(size_t n, double mean, double deviation)
{
    struct pp_spread spread = {0, 0, 0};

    for (size_t i = 0; i < n; i++)
        pp_spread_add(&spread, mean + deviation * normal());
    return spread;
}

static int is_found(const struct pp_spread *before, const struct pp_spread *after)
{
    const double b = pp_spread_variance(before) / (double)before->n;
    const double a = pp_spread_variance(after) / (double)after->n;
    const double degrees = pp_welch_degrees(b, (double)before->n - 1, a, (double)after->n - 1);

    return pp_student_p((after->mean - before->mean) / sqrt(a + b), degrees) <= 0.05;
}

/* A spread with exactly the variance that the simulation draws from. */
static struct pp_spread exact(size_t n, double deviation)
{
    return (struct pp_spread){n, 0, deviation * deviation * (double)(n - 1)};
}

/* Of 20 000 pairs of sides that differ by just that much four in five are found, give or take two
 * in a hundred (the standard error is 0.3); with five windows a side 78 in a hundred, since Welch's
 * degrees of freedom are themselves estimated.  Of those that do not differ one in twenty. */
static void four_of_five_are_found(void **unused)
{
    static const struct {
        size_t n_before, n_after;
        double before, after;
    } cases[] = {{60, 60, 1, 1}, {10, 10, 1, 1}, {5, 5, 2, 2}, {12, 30, 1, 3}};

    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct pp_spread b = exact(cases[i].n_before, cases[i].before);
        const struct pp_spread a = exact(cases[i].n_after, cases[i].after);
        const double change = pp_detectable_change(&b, &a);
        int n_found = 0, n_false = 0;
        for (int k = 0; k < 20000; k++) {
            const struct pp_spread before = draw(cases[i].n_before, 100, cases[i].before);
            const struct pp_spread same = draw(cases[i].n_after, 100, cases[i].after);
            const struct pp_spread after = draw(cases[i].n_after, 100 + change, cases[i].after);
            n_found += is_found(&before, &after);
            n_false += is_found(&before, &same);
        }
        if (n_found < (b.n > 5 ? 15600 : 15300) || n_found > 16400)
            fail_msg("%zu and %zu windows: %d of 20000 found", b.n, a.n, n_found);
        if (n_false < 800 || n_false > 1200)
            fail_msg("%zu and %zu windows: %d of 20000 where there is nothing", b.n, a.n, n_false);
    }
}

/* With one window a side nothing can be said. */
static void too_few(void **unused)
{
    const struct pp_spread one = {1, 5, 0}, many = exact(10, 1);

    (void)unused;
    assert_true(isinf(pp_detectable_change(&one, &many)));
    assert_true(isinf(pp_detectable_change(&many, &one)));
    assert_true(pp_detectable_change(&many, &many) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(spread),
                                       cmocka_unit_test(four_of_five_are_found),
                                       cmocka_unit_test(too_few)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
