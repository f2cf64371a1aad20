/* Comparisons: the sums, the states, what the variance comes from, and by simulation how often the
 * states are wrong and how often they find what is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "diff_simulation.h"
#include "profile/diff.h"
#include "sample_profiles.h"

/* "main;a 60\nmain;b 40" */
static struct pprofc_profile *folded(const char *text)
{
    struct pprofc_profile *profile = new_counting();

    for (const char *line = text; *line != '\0';) {
        const char *space = strchr(line, ' ');
        char stack[256];
        memcpy(stack, line, (size_t)(space - line));
        stack[space - line] = '\0';
        add_folded(profile, stack, atoi(space + 1));
        line = strchr(space, '\n') != NULL ? strchr(space, '\n') + 1 : "";
    }
    return profile;
}

/* Compare and free. */
static struct pp_diff *diff_of(struct pprofc_profile *before, struct pprofc_profile *after,
                               enum pp_diff_judge judge)
{
    const struct pprofc_profile *one = before, *other = after;
    const struct pp_diff_options options = {.judge = judge};
    struct pp_diff *diff = NULL;
    struct pprofc_error err;

    if (pp_diff_make(&one, 1, &other, 1, &options, &diff, &err) != 0)
        fail_msg("%s", err.message);
    pprofc_profile_free(before);
    pprofc_profile_free(after);
    return diff;
}

static const struct pp_diff_row *row_of(const struct pp_diff *diff, const char *name)
{
    for (uint32_t i = 0; i < diff->n_rows; i++)
        if (strcmp(diff->rows[i].name, name) == 0)
            return &diff->rows[i];
    fail_msg("no row %s", name);
    return NULL;
}

static void assert_about(double found, double wanted)
{
    if (!(fabs(found - wanted) <= 1e-9 * (1 + fabs(wanted))))
        fail_msg("%.12g is not %.12g", found, wanted);
}

/* Values, shares and samples of both sides are those of the profiles, whatever their trees. */
static void sums(void **state)
{
    struct pp_diff *diff =
        diff_of(folded("main;a 6000\nmain;b 3000\nmain;a;b 1000"),
                folded("main;b 5000\nmain;c;a 3000\nmain;c 2000"), PP_JUDGE_AUTO);
    const struct pp_diff_row *a = row_of(diff, "a"), *main_row = row_of(diff, "main");

    (void)state;
    assert_int_equal(diff->n_rows, 4);
    assert_about(a->flat.value[PP_BEFORE], 6000);
    assert_about(a->flat.value[PP_AFTER], 3000);
    assert_about(a->cum.value[PP_BEFORE], 7000);
    assert_about(a->flat.share[PP_AFTER], 0.3);
    assert_about(a->flat.n_samples[PP_BEFORE], 6000);
    assert_about(main_row->cum.value[PP_BEFORE], 10000);
    assert_about(main_row->flat.value[PP_BEFORE], 0);
    assert_int_equal(main_row->cum.state, PP_DIFF_NOISE);
    assert_about(pp_diff_growth(diff, &a->flat), -0.3);
    assert_int_equal(diff->judge, PP_JUDGE_COST);
    assert_int_equal(diff->variance, PP_VARIANCE_BINOMIAL);
    pp_diff_free(diff);
}

/* Each state once, and real changes stand first, the largest first. */
static void states(void **state)
{
    struct pp_diff *diff = diff_of(
        folded("main;worse 2000\nmain;better 4000\nmain;gone 500\nmain;same 3000\nmain;rare 3"),
        folded("main;worse 3000\nmain;better 2500\nmain;new 600\nmain;same 3020\nmain;rare 5"),
        PP_JUDGE_AUTO);

    (void)state;
    assert_int_equal(row_of(diff, "worse")->flat.state, PP_DIFF_REGRESSED);
    assert_int_equal(row_of(diff, "better")->flat.state, PP_DIFF_IMPROVED);
    assert_int_equal(row_of(diff, "new")->flat.state, PP_DIFF_NEW);
    assert_int_equal(row_of(diff, "gone")->flat.state, PP_DIFF_GONE);
    assert_int_equal(row_of(diff, "same")->flat.state, PP_DIFF_NOISE);
    assert_int_equal(row_of(diff, "rare")->flat.state, PP_DIFF_FEW);
    assert_string_equal(diff->rows[0].name, "better");
    assert_string_equal(diff->rows[1].name, "worse");
    assert_string_equal(diff->rows[2].name, "new");
    assert_string_equal(diff->rows[3].name, "gone");
    assert_string_equal(pp_diff_state_name(PP_DIFF_FEW), "too few samples");
    pp_diff_free(diff);
}

/* The limits of a share's change are Newcombe's, and those of a ratio hold the ratio. */
static void limits(void **state)
{
    struct pp_diff *diff =
        diff_of(folded("a 48\nb 32"), folded("a 56\nb 14"), PP_JUDGE_AUTO); /* Newcombe's (a) */
    const struct pp_diff_change *a = &row_of(diff, "a")->flat;

    (void)state;
    assert_true(fabs(a->share_change.low - 0.0524) < 5.1e-5);
    assert_true(fabs(a->share_change.high - 0.3339) < 5.1e-5);
    assert_true(a->ratio.low < 56.0 / 48 && a->ratio.high > 56.0 / 48);
    assert_true(a->value_change.low < 8 && a->value_change.high > 8);
    pp_diff_free(diff);
}

/* A function counts once in a sample however often it recurs. */
static void recursion(void **state)
{
    struct pp_diff *diff =
        diff_of(folded("main;f;f;g;f 100"), folded("main;f;f;f 100"), PP_JUDGE_AUTO);

    (void)state;
    assert_about(row_of(diff, "f")->cum.value[PP_BEFORE], 100);
    assert_about(row_of(diff, "f")->flat.value[PP_AFTER], 100);
    assert_about(row_of(diff, "g")->cum.share[PP_BEFORE], 1);
    pp_diff_free(diff);
}

/* Slices of a profile: 'in_burst' says of which function the samples of a slice are. */
static struct pprofc_profile *bursts(uint32_t n_slices, uint32_t n_a)
{
    struct pprofc_profile *profile = new_counting();
    const pp_id a = pp_profile_child(profile, 0, pp_profile_named_location(profile, "a", 1));
    const pp_id b = pp_profile_child(profile, 0, pp_profile_named_location(profile, "b", 1));
    const int64_t value = 100;

    profile->slice_ns = 100000000;
    for (uint32_t i = 0; i < n_slices; i++)
        pp_profile_add(profile, i * 7919 % n_slices < n_a ? a : b, 0, i, &value);
    return profile;
}

/* 100 samples in a burst are worth one: 22 bursts of 48 against 15 of 48 are no change, where 2200
 * samples against 1500 would be a large one. */
static void slices(void **state)
{
    struct pp_diff *diff = diff_of(bursts(48, 15), bursts(48, 22), PP_JUDGE_AUTO);
    struct pprofc_profile *before = bursts(48, 15), *after = bursts(48, 22);
    /* Each slice is all or nothing: the variance of x of K of them is x (1 - x / K) K / (K - 1),
     * and both are taken where the mean is. */
    const double variance = 18.5 * (1 - 15 / 48.0) * 48 / 47 + 18.5 * (1 - 22 / 48.0) * 48 / 47;

    (void)state;
    assert_int_equal(diff->variance, PP_VARIANCE_SLICES);
    assert_int_equal(diff->total[PP_BEFORE].n_batches, 48);
    assert_int_equal(row_of(diff, "a")->flat.state, PP_DIFF_NOISE);
    assert_true(fabs(row_of(diff, "a")->flat.p - pp_student_p(7 / sqrt(variance), 94)) < 0.002);
    pp_diff_free(diff);
    before->slice_ns = 0;
    diff = diff_of(before, after, PP_JUDGE_AUTO);
    assert_int_equal(diff->variance, PP_VARIANCE_BINOMIAL);
    assert_true(diff->only_one_has_slices);
    assert_int_equal(row_of(diff, "a")->flat.state, PP_DIFF_REGRESSED);
    pp_diff_free(diff);
}

/* With three runs a side their spread decides, also over the whole. */
static void runs(void **state)
{
    static const char *const texts[2][3] = {{"a 1000\nb 1000", "a 1300\nb 1010", "a 700\nb 990"},
                                            {"a 1200\nb 1500", "a 1500\nb 1510", "a 900\nb 1490"}};
    struct pprofc_profile *profiles[2][3];
    const struct pp_diff_options options = {.sample = "samples"};
    struct pp_diff *diff = NULL;

    (void)state;
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < 3; i++)
            profiles[side][i] = folded(texts[side][i]);
    assert_int_equal(pp_diff_make((const struct pprofc_profile *const *)profiles[0], 3,
                                  (const struct pprofc_profile *const *)profiles[1], 3, &options,
                                  &diff, NULL),
                     0);
    assert_int_equal(diff->variance, PP_VARIANCE_RUNS);
    assert_about(row_of(diff, "a")->flat.value[PP_BEFORE], 1000);
    assert_int_equal(row_of(diff, "a")->flat.state, PP_DIFF_NOISE);
    assert_int_equal(row_of(diff, "b")->flat.state, PP_DIFF_REGRESSED);
    assert_about(pp_diff_run_total(diff, PP_AFTER), 2700);
    assert_true(diff->total_ratio.low < 1.35 && diff->total_ratio.high > 1.35);
    pp_diff_free(diff);
    for (int i = 0; i < 6; i++)
        pprofc_profile_free(profiles[i / 3][i % 3]);
}

/* What was counted has no chance in it; of what was sampled by weight the weights decide. */
static void heaps(void **state)
{
    struct pprofc_profile *profiles[2];
    struct pp_diff *diff;

    (void)state;
    for (int i = 0; i < 2; i++) {
        const int64_t value = i == 0 ? 1000000 : 1000001;
        profiles[i] = pp_profile_new();
        (void)pp_profile_add_type(profiles[i], "inuse_space", "bytes");
        pp_profile_add(
            profiles[i],
            pp_profile_child(profiles[i], 0, pp_profile_named_location(profiles[i], "a", 1)), 0, 0,
            &value);
    }
    diff = diff_of(profiles[0], profiles[1], PP_JUDGE_AUTO);
    assert_int_equal(diff->variance, PP_VARIANCE_NONE);
    assert_int_equal(row_of(diff, "a")->flat.state, PP_DIFF_REGRESSED);
    pp_diff_free(diff);
    for (int i = 0; i < 2; i++) {
        const int64_t value = i == 0 ? 1000000 : 1400000;
        const struct pp_estimate estimate = {.variance = 4e10, .n_sampled = 30}; /* +- 200 000 */
        profiles[i] = pp_profile_new();
        (void)pp_profile_add_type(profiles[i], "inuse_space", "bytes");
        pp_profile_add_estimate(
            profiles[i],
            pp_profile_child(profiles[i], 0, pp_profile_named_location(profiles[i], "a", 1)), 0, 0,
            &value, &estimate);
    }
    diff = diff_of(profiles[0], profiles[1], PP_JUDGE_AUTO);
    assert_int_equal(diff->variance, PP_VARIANCE_SAMPLING);
    assert_int_equal(row_of(diff, "a")->flat.state, PP_DIFF_NOISE);
    assert_about(row_of(diff, "a")->flat.n_samples[PP_BEFORE], 30); /* not the objects */
    assert_about(row_of(diff, "a")->flat.value_change.high,
                 400000 + 1.959963984540054 * sqrt(8e10));
    pp_diff_free(diff);
}

/* A window of twice the length doubles every cost: what is judged then is both, and only what also
 * has another share has changed. */
static void windows(void **state)
{
    struct pprofc_profile *before = folded("a 2000\nb 2000\nc 2000");
    struct pprofc_profile *after = folded("a 4000\nb 4000\nc 6000");
    struct pp_diff *diff;

    (void)state;
    before->duration_ns = 1000000000;
    after->duration_ns = 2000000000;
    diff = diff_of(before, after, PP_JUDGE_AUTO);
    assert_true(diff->windows_differ);
    assert_int_equal(diff->judge, PP_JUDGE_BOTH);
    assert_int_equal(row_of(diff, "a")->flat.state, PP_DIFF_NOISE);
    assert_int_equal(row_of(diff, "c")->flat.state, PP_DIFF_REGRESSED);
    pp_diff_free(diff);
}

/* A limit is crossed by what is surely worse alone. */
static void limit(void **state)
{
    struct pp_diff *diff =
        diff_of(folded("a 3000\nb 7000\nrare 4"), folded("a 3500\nb 7000\nrare 9"), PP_JUDGE_AUTO);

    (void)state;
    assert_string_equal(diff->rows[pp_diff_find_worse(diff, 0.03, false)].name, "a");
    assert_int_equal(pp_diff_find_worse(diff, 0.06, false), -ENOENT);
    pp_diff_free(diff);
}

/* What cannot be compared is refused, with the reason. */
static void refusals(void **state)
{
    struct pprofc_profile *counted = folded("a 10"), *timed = pp_profile_new(),
                          *none = new_counting();
    const struct pprofc_profile *one = counted, *other = timed, *empty = none;
    const struct pp_diff_options options = {.sample = NULL}, missing = {.sample = "inuse_space"};
    struct pp_diff *diff = NULL;
    struct pprofc_error err;

    (void)state;
    (void)pp_profile_add_type(timed, "samples", "nanoseconds");
    assert_int_equal(pp_diff_make(&one, 1, &other, 1, &options, &diff, &err), -EINVAL);
    assert_non_null(strstr(err.message, "not to be compared"));
    assert_int_equal(pp_diff_make(&one, 1, &one, 1, &missing, &diff, &err), -ENOENT);
    assert_int_equal(pp_diff_make(&one, 1, &empty, 1, &options, &diff, &err), -ENODATA);
    assert_int_equal(pp_diff_make(&one, 0, &one, 1, &options, &diff, &err), -EINVAL);
    assert_null(diff);
    pprofc_profile_free(counted);
    pprofc_profile_free(timed);
    pprofc_profile_free(none);
}

/* Of 200 comparisons of a program with itself at most 18 say that something changed, also where
 * samples come in bursts of 20 and time has slices: 9 %, and four standard deviations of 200 draws
 * (bench/run diff-statistics asks for 18). */
static void false_changes(void **state)
{
    (void)state;
    assert_in_range(simulated_false_changes(200, 10000, 1, false), 0, 34);
    assert_in_range(simulated_false_changes(200, 10000, 20, true), 0, 34);
    assert_in_range(simulated_false_changes_mixed(200, 10000), 0, 34);
}

/* How far apart the limits of function_0's change of cost are. */
static double width_of_first(uint32_t n_samples, double dwell, bool has_slices)
{
    const struct simulated_program program = simulated_zipf(300, 0.3);
    struct pprofc_profile *before = simulated_profile(&program, n_samples, dwell, has_slices);
    struct pprofc_profile *after = simulated_profile(&program, n_samples, dwell, has_slices);
    const struct pprofc_profile *one = before, *other = after;
    const struct pp_diff_options options = {.sample = NULL};
    struct pp_diff *diff = NULL;
    double width = -1;

    assert_int_equal(pp_diff_make(&one, 1, &other, 1, &options, &diff, NULL), 0);
    for (uint32_t i = 0; i < diff->n_rows; i++)
        if (strcmp(diff->rows[i].name, "function_0") == 0)
            width = diff->rows[i].flat.value_change.high - diff->rows[i].flat.value_change.low;
    pp_diff_free(diff);
    pprofc_profile_free(before);
    pprofc_profile_free(after);
    return width;
}

/* Where all functions' samples are independent slices cost almost nothing, since all functions
 * together say so: limits are 2 % wider at most (7 % when each had but its own slices).  Where they
 * come in bursts the limits are those of fewer samples: of d in a row on average, 2 d - 1 times
 * the variance. */
static void width_of_limits(void **state)
{
    const int n = 40;
    double independent = 0, slices = 0, bursts = 0;

    (void)state;
    for (int i = 0; i < n; i++) {
        independent += width_of_first(20000, 1, false) / n;
        slices += width_of_first(20000, 1, true) / n;
        bursts += width_of_first(20000, 10, true) / n;
    }
    assert_true(slices >= 0.999 * independent);
    assert_true(slices <= 1.02 * independent);
    assert_true(fabs(bursts / independent / sqrt(19) - 1) < 0.06);
}

/* A function of 30 % made 5 % dearer, 30 000 samples a side, is found in 90 % of 200, whether time
 * has slices or not; less four standard deviations. */
static void power(void **state)
{
    (void)state;
    assert_in_range(simulated_found(200, 30000, false), 163, 200);
    assert_in_range(simulated_found(200, 30000, true), 163, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums),
        cmocka_unit_test(states),
        cmocka_unit_test(limits),
        cmocka_unit_test(recursion),
        cmocka_unit_test(slices),
        cmocka_unit_test(runs),
        cmocka_unit_test(heaps),
        cmocka_unit_test(windows),
        cmocka_unit_test(limit),
        cmocka_unit_test(refusals),
        cmocka_unit_test(false_changes),
        cmocka_unit_test(power),
        cmocka_unit_test(width_of_limits),
    };

    return cmocka_run_group_tests_name("diff", tests, NULL, NULL);
}
