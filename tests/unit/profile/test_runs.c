/* Runs that are kept in one profile: each comes out as it went in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>

#include "profile/runs.h"
#include "sample_profiles.h"

enum { N_RUNS = 3 };

/* A run with a stack of its own, one that all have, and labels of the program's. */
static struct pprofc_profile *new_run(int number)
{
    struct pprofc_profile *run = new_counting();
    struct pp_label label = {.key = pp_profile_text(run, "thread_name"),
                             .text = pp_profile_text(run, "worker")};
    const int64_t seven = 7;
    const char own[] = {'m', ';', (char)('a' + number), '\0'};

    add_folded(run, "main;common", 10 + number);
    add_folded(run, own, 1 + number);
    pp_profile_add(run, run->sample_stack[0], pp_profile_label_set(run, &label, 1), 0, &seven);
    run->duration_ns = 100;
    return run;
}

static void free_all(struct pprofc_profile **profiles, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        pprofc_profile_free(profiles[i]);
}

/* Totals, stacks and the program's labels of each run are its own again, and ours is gone. */
static void test_there_and_back(void **state)
{
    struct pprofc_profile *runs[N_RUNS], *parts[N_RUNS], *sum = pp_profile_new();

    (void)state;
    for (int i = 0; i < N_RUNS; i++)
        runs[i] = new_run(i);
    assert_int_equal(pp_runs_join(sum, runs, N_RUNS, NULL), 0);
    assert_int_equal(sum->n_samples, 3 * N_RUNS);
    assert_int_equal(sum->duration_ns, 300);
    assert_int_equal(pp_runs_part(sum, N_RUNS, parts, NULL), 0);
    for (int i = 0; i < N_RUNS; i++) {
        assert_int_equal(parts[i]->n_samples, 3);
        assert_int_equal(pp_profile_total(parts[i], 0), pp_profile_total(runs[i], 0));
        assert_int_equal(parts[i]->duration_ns, 100);
        for (uint32_t k = 0; k < 3; k++) {
            const pp_id set = parts[i]->sample_labels[k];
            assert_true(set == 0 || parts[i]->label_sets[set].n_labels == 1);
        }
    }
    free_all(runs, N_RUNS);
    free_all(parts, N_RUNS);
    pprofc_profile_free(sum);
}

/* A run without samples is an empty one. */
static void test_empty_run(void **state)
{
    struct pprofc_profile *runs[2] = {new_run(0), new_counting()}, *parts[2];
    struct pprofc_profile *sum = pp_profile_new();

    (void)state;
    assert_int_equal(pp_runs_join(sum, runs, 2, NULL), 0);
    assert_int_equal(pp_runs_part(sum, 2, parts, NULL), 0);
    assert_int_equal(parts[1]->n_samples, 0);
    assert_int_equal(pp_profile_total(parts[0], 0), pp_profile_total(runs[0], 0));
    free_all(runs, 2);
    free_all(parts, 2);
    pprofc_profile_free(sum);
}

/* A sample of no run, or of one that should not be there, makes the file none of ours. */
static void test_foreign(void **state)
{
    struct pprofc_profile *run = new_run(0), *parts[2] = {NULL, NULL}, *sum = pp_profile_new();
    struct pprofc_error err;

    (void)state;
    assert_int_equal(pp_runs_part(run, 1, parts, &err), -EBADMSG);
    assert_string_equal(err.message, "a sample is of none of the 1 runs");
    assert_int_equal(pp_runs_join(sum, &run, 1, NULL), 0);
    assert_int_equal(pp_runs_part(sum, 0, parts, NULL), -EBADMSG);
    assert_null(parts[0]);
    pprofc_profile_free(run);
    pprofc_profile_free(sum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_empty_run),
        cmocka_unit_test(test_foreign),
    };

    return cmocka_run_group_tests_name("runs", tests, NULL, NULL);
}
