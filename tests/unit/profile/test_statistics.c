/* Distributions and intervals against printed values: the tables and papers named beside them, and
 * what R 4.2 prints (qt, pt, p.adjust, t.test). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "profile/statistics.h"

static void assert_near(double found, double wanted, double within)
{
    if (!(fabs(found - wanted) <= within))
        fail_msg("found %.9g instead of %.9g +- %.2g", found, wanted, within);
}

/* Student's 97.5 % points are those of every table, for 1 degree of freedom to infinitely many. */
static void student_points(void **state)
{
    static const struct {
        double degrees, t;
    } table[] = {{1, 12.70620474}, {2, 4.30265273},  {3, 3.18244631},
                 {4, 2.77644511},  {5, 2.57058184},  {10, 2.22813885},
                 {30, 2.04227246}, {62, 1.99897152}, {120, 1.97993041}};

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_near(pp_student_95(table[i].degrees), table[i].t,
                    table[i].degrees < 4    ? 1e-7
                    : table[i].degrees < 10 ? 1e-3
                                            : 2e-5);
        assert_near(pp_student_p(table[i].t, table[i].degrees), 0.05, 1e-8);
        assert_near(pp_student_p(-table[i].t, table[i].degrees), 0.05, 1e-8);
    }
    assert_near(pp_student_95(INFINITY), 1.959963985, 1e-9);
}

/* Small p values keep their digits, and what is no number is no finding. */
static void student_tails(void **state)
{
    (void)state;
    assert_near(pp_student_p(1, 1), 0.5, 1e-12); /* Cauchy's */
    assert_near(pp_student_p(2, 2), 1 - 2 / sqrt(6),
                1e-12); /* closed form, 1 - t / sqrt(2 + t^2) */
    assert_near(pp_student_p(3, INFINITY), 0.002699796063, 1e-12);
    assert_near(pp_student_p(6, INFINITY), 1.973175290e-09, 1e-17);
    assert_near(pp_student_p(0, 7), 1, 0);
    assert_near(pp_student_p(NAN, 7), 1, 0);
    assert_near(pp_student_p(INFINITY, 7), 0, 0);
}

/* Student's own sleep data (variances 3.200556 and 4.009, ten patients each): R's t.test() says
 * t = -1.8608, df = 17.776, p-value = 0.07939. */
static void welch(void **state)
{
    const double degrees = pp_welch_degrees(0.3200556, 9, 0.4009, 9);

    (void)state;
    assert_near(degrees, 17.776, 1e-3);
    assert_near(pp_student_p(-1.8608, degrees), 0.07939, 1e-5);
    assert_true(isinf(pp_welch_degrees(1, INFINITY, 2, INFINITY)));
}

/* Newcombe 1998, Statistics in Medicine 17:857, table I, method 3. */
static void wilson(void **state)
{
    static const struct {
        double hits, n, low, high;
    } table[] = {{81, 263, 0.2553, 0.3662},
                 {15, 148, 0.0624, 0.1605},
                 {0, 20, 0.0000, 0.1611},
                 {1, 29, 0.0061, 0.1718}};

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct pp_interval found =
            pp_wilson_interval(table[i].hits / table[i].n, table[i].n, pp_student_95(INFINITY));
        assert_near(found.low, table[i].low, 5.1e-5);
        assert_near(found.high, table[i].high, 5.1e-5);
    }
    assert_near(pp_wilson_interval(0.3, INFINITY, 2).low, 0.3, 0);
    assert_near(pp_wilson_interval(0, 0, 2).high, 1, 0);
}

/* Newcombe 1998, Statistics in Medicine 17:873, table II, method 10; his difference is the first
 * share less the second. */
static void newcombe(void **state)
{
    static const struct {
        double hits_1, n_1, hits_2, n_2, low, high;
    } table[] = {{56, 70, 48, 80, 0.0524, 0.3339},
                 {9, 10, 3, 10, 0.1705, 0.8090},
                 {5, 56, 0, 29, -0.0381, 0.1926},
                 {0, 10, 0, 10, -0.2775, 0.2775},
                 {10, 10, 0, 10, 0.6075, 1.0000}};

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct pp_interval found = pp_newcombe_interval(
            table[i].hits_2 / table[i].n_2, table[i].n_2, table[i].hits_1 / table[i].n_1,
            table[i].n_1, pp_student_95(INFINITY));
        assert_near(found.low, table[i].low, 5.1e-5);
        assert_near(found.high, table[i].high, 5.1e-5);
    }
}

/* The sleep data in pairs, on logarithms of e^x: R's t.test(extra ~ group, paired = TRUE) gives a
 * mean difference of 1.58 and limits of 0.7001142 and 2.4598858. */
static void pairs(void **state)
{
    static const double first[10] = {0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0};
    static const double second[10] = {1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4};
    double before[10], after[10];
    struct pp_interval found;

    (void)state;
    for (int i = 0; i < 10; i++) {
        before[i] = exp(first[i]);
        after[i] = exp(second[i]);
    }
    assert_near(log(pp_paired_ratio(before, after, 10, &found)), 1.58, 1e-9);
    assert_near(log(found.low), 0.7001142, 2e-5);
    assert_near(log(found.high), 2.4598858, 2e-5);
    (void)pp_paired_ratio(before, after, 1, &found);
    assert_true(isinf(found.high));
}

/* The same as two groups: R's t.test(extra ~ group) gives limits of -3.3654832 and 0.2054832 for
 * the first less the second, and p = 0.07939.  A doubt widens limits by itself and takes what is
 * within it for nothing. */
static void unpaired(void **state)
{
    static const double first[10] = {0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0};
    static const double second[10] = {1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4};
    double before[10], after[10];
    struct pp_ratio found, doubted;

    (void)state;
    for (int i = 0; i < 10; i++) {
        before[i] = exp(first[i]);
        after[i] = exp(second[i]);
    }
    found = pp_unpaired_ratio(before, 10, after, 10, 0);
    assert_near(log(found.ratio), 1.58, 1e-9);
    assert_near(log(found.limits.low), -0.2054832, 2e-5);
    assert_near(log(found.limits.high), 3.3654832, 2e-5);
    assert_near(found.p, 0.07939, 1e-5);
    doubted = pp_unpaired_ratio(before, 10, after, 10, 0.5);
    assert_near(log(doubted.limits.high), log(found.limits.high) + 0.5, 1e-9);
    assert_true(doubted.p > found.p);
    assert_near(pp_unpaired_ratio(before, 10, after, 10, 2).p, 1, 0);
    assert_true(isinf(pp_unpaired_ratio(before, 1, after, 10, 0).limits.high));
    assert_near(pp_unpaired_ratio(before, 1, after, 10, 0).p, 1, 0);
}

/* Runs that are all alike: the same is no difference, and any other is one. */
static void unpaired_without_variance(void **state)
{
    static const double same[3] = {2, 2, 2}, other[3] = {3, 3, 3};

    (void)state;
    assert_near(pp_unpaired_ratio(same, 3, same, 3, 0).p, 1, 0);
    assert_near(pp_unpaired_ratio(same, 3, other, 3, 0).p, 0, 0);
    assert_near(pp_unpaired_ratio(same, 3, other, 3, 0).limits.low, 1.5, 1e-12);
}

/* The fifteen p values of Benjamini and Hochberg 1995, section 3.3: at 5 % four are found, where
 * Bonferroni finds three.  The adjusted values are p * 15 / rank, none above one behind it. */
static void benjamini_hochberg(void **state)
{
    static const double p[15] = {0.0459, 0.0001, 0.4262, 0.0201, 0.0004, 0.0344, 0.7590, 0.0278,
                                 0.0019, 1.0000, 0.0298, 0.5719, 0.0095, 0.6528, 0.3240};
    double adjusted[15];
    size_t n_found = 0;

    (void)state;
    assert_int_equal(pp_benjamini_hochberg(p, NULL, 15, adjusted), 0);
    for (size_t i = 0; i < 15; i++)
        n_found += adjusted[i] <= 0.05;
    assert_int_equal(n_found, 4);
    assert_near(adjusted[1], 0.0015, 1e-12);
    assert_near(adjusted[4], 0.003, 1e-12);
    assert_near(adjusted[12], 0.0095 * 15 / 4, 1e-12);
    assert_near(adjusted[7], 0.0298 * 15 / 7, 1e-12); /* 0.0278 * 15 / 6 is above it */
    assert_near(adjusted[9], 1, 0);
}

/* A weight is the test's part of what may be chance: p / (weight * n) where they sum to 1. */
static void weights(void **state)
{
    static const double p[3] = {0.02, 0.02, 0.02}, weight[3] = {6, 2, 0};
    double adjusted[3];

    (void)state;
    assert_int_equal(pp_benjamini_hochberg(p, weight, 3, adjusted), 0);
    assert_near(adjusted[0], 0.02 / (0.75 * 3) * 3 / 1, 1e-12);
    assert_near(adjusted[1], 0.02 / (0.25 * 3) * 3 / 2, 1e-12);
    assert_near(adjusted[2], 1, 0);
    assert_int_equal(pp_benjamini_hochberg(p, weight, 0, adjusted), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(student_points),
        cmocka_unit_test(student_tails),
        cmocka_unit_test(welch),
        cmocka_unit_test(wilson),
        cmocka_unit_test(newcombe),
        cmocka_unit_test(pairs),
        cmocka_unit_test(unpaired),
        cmocka_unit_test(unpaired_without_variance),
        cmocka_unit_test(benjamini_hochberg),
        cmocka_unit_test(weights),
    };

    return cmocka_run_group_tests_name("statistics", tests, NULL, NULL);
}
