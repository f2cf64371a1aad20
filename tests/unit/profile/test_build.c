/* Building profiles: everything once, ids that keep their promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "profile/tables.h"
#include "sample_profiles.h"

/* Element 0 of every column is the empty one, and an empty profile has nothing else. */
static void test_empty(void **state)
{
    struct pprofc_profile *profile = pp_profile_new();

    (void)state;
    assert_non_null(profile);
    assert_int_equal(profile->n_strings, 1);
    assert_string_equal(pp_profile_chars(profile, 0), "");
    assert_int_equal(profile->n_nodes, 1);
    assert_int_equal(profile->n_samples, 0);
    assert_int_equal(pp_profile_total(profile, 0), 0);
    assert_false(pp_profile_failed(profile));
    pprofc_profile_free(profile);
    pprofc_profile_free(NULL);
}

/* The same string, function, location, label set and stack get the same id; 20 000 different ones
 * stay apart. */
static void test_interning(void **state)
{
    struct pprofc_profile *profile = new_counting();
    char name[32];

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 20000; i++) {
            (void)snprintf(name, sizeof name, "function_%d", i);
            const pp_id string = pp_profile_text(profile, name);
            assert_string_equal(pp_profile_chars(profile, string), name);
            add_folded(profile, name, 1);
        }
    }
    assert_int_equal(profile->n_strings, 20000 + 3); /* "", samples, count */
    assert_int_equal(profile->n_functions, 20000 + 1);
    assert_int_equal(profile->n_locations, 20000 + 1);
    assert_int_equal(profile->n_nodes, 20000 + 1);
    assert_int_equal(profile->n_samples, 20000);
    assert_int_equal(pp_profile_total(profile, 0), 40000);
    pprofc_profile_free(profile);
}

/* A parent's number is smaller than its children's, and both ways of making a stack meet in one
 * node. */
static void test_tree(void **state)
{
    struct pprofc_profile *profile = new_counting();
    const pp_id a = pp_profile_named_location(profile, "a", 1);
    const pp_id b = pp_profile_named_location(profile, "b", 1);
    const pp_id leaf_first[] = {b, a, a};
    const pp_id shorter[] = {a, a};
    const pp_id other[] = {a, b};

    (void)state;
    const pp_id aab = pp_profile_stack(profile, leaf_first, 3);
    assert_int_equal(pp_profile_stack(profile, shorter, 2), profile->node_parent[aab]);
    assert_int_equal(pp_profile_stack(profile, leaf_first, 3), aab);
    assert_int_equal(
        pp_profile_child(profile, pp_profile_child(profile, pp_profile_child(profile, 0, a), a), b),
        aab);
    assert_int_not_equal(pp_profile_stack(profile, other, 2), aab);
    assert_int_equal(pp_profile_stack(profile, other, 0), 0);
    for (pp_id node = 1; node < profile->n_nodes; node++)
        assert_true(profile->node_parent[node] < node);
    assert_int_equal(profile->n_nodes, 1 + 3 + 2);
    pprofc_profile_free(profile);
}

/* Labels may come in any order: a set is sorted by its keys' bytes. */
static void test_label_sets(void **state)
{
    struct pprofc_profile *profile = new_counting();
    const pp_id z = pp_profile_text(profile, "z"), a = pp_profile_text(profile, "a");
    const struct pp_label one[] = {{.key = z, .number = 7}, {.key = a, .text = z}};
    const struct pp_label two[] = {{.key = a, .text = z}, {.key = z, .number = 7}};
    const struct pp_label three[] = {{.key = a, .text = z}, {.key = z, .number = 8}};

    (void)state;
    const pp_id set = pp_profile_label_set(profile, one, 2);
    assert_int_not_equal(set, 0);
    assert_int_equal(pp_profile_label_set(profile, two, 2), set);
    assert_int_not_equal(pp_profile_label_set(profile, three, 2), set);
    assert_int_equal(pp_profile_label_set(profile, three, 0), 0);
    assert_int_equal(profile->labels[profile->label_sets[set].first].key, a);
    pprofc_profile_free(profile);
}

/* Samples of the same stack, labels and slice are summed; others are not. */
static void test_sums(void **state)
{
    struct pprofc_profile *profile = new_counting();
    const int64_t three = 3, huge = INT64_MAX;
    const pp_id node = pp_profile_child(profile, 0, pp_profile_named_location(profile, "a", 1));

    (void)state;
    pp_profile_add(profile, node, 0, 0, &three);
    pp_profile_add(profile, node, 0, 0, &three);
    pp_profile_add(profile, node, 0, 1, &three);
    assert_int_equal(profile->n_samples, 2);
    assert_int_equal(profile->sample_values[0], 6);
    assert_int_equal(pp_profile_total(profile, 0), 9);
    pp_profile_add(profile, node, 0, 0, &huge);
    assert_true(profile->sample_values[0] == INT64_MAX); /* not negative */
    pprofc_profile_free(profile);
}

/* Types cannot be added beyond the limit, and samples that are there have 0 of a new one; a wrong
 * name is answered with the right ones. */
static void test_types(void **state)
{
    struct pprofc_profile *profile = new_counting();
    struct pprofc_error err;

    (void)state;
    assert_int_equal(pp_profile_add_type(profile, "cpu", "nanoseconds"), 1);
    assert_int_equal(pp_profile_find_type(profile, "cpu", NULL), 1);
    assert_int_equal(pp_profile_find_type(profile, "gpu", &err), -ENOENT);
    assert_string_equal(err.message,
                        "no sample type is called 'gpu'; the profile has: samples, cpu");
    for (int i = 2; i < PP_MAX_TYPES; i++)
        assert_int_equal(pp_profile_add_type(profile, "x", "y"), i);
    assert_int_equal(pp_profile_add_type(profile, "x", "y"), -E2BIG);
    pprofc_profile_free(profile);
    profile = new_counting();
    add_folded(profile, "a", 1);
    add_folded(profile, "b", 2);
    assert_int_equal(pp_profile_add_type(profile, "cpu", "nanoseconds"), 1);
    assert_int_equal(pp_profile_total(profile, 0), 3);
    assert_int_equal(pp_profile_total(profile, 1), 0);
    assert_int_equal(profile->sample_values[2], 2);
    pprofc_profile_free(profile);
}

/* A name with a NUL in it is kept whole, with a question mark in the NUL's place. */
static void test_nul_in_name(void **state)
{
    struct pprofc_profile *profile = pp_profile_new();

    (void)state;
    assert_string_equal(pp_profile_chars(profile, pp_profile_string(profile, "a\0b", 3)), "a?b");
    pprofc_profile_free(profile);
}

/* A settled profile knows its nodes and samples when something is added to it, and when its samples
 * are taken out and put back. */
static void test_settled(void **state)
{
    struct pprofc_profile *profile = new_counting();
    struct pp_profile_samples old;
    const int64_t one = 1;
    pp_id root;

    (void)state;
    root = pp_profile_child(profile, 0, pp_profile_named_location(profile, "root", 4));
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 60000; i++) {
            char name[16];
            const int n_bytes = snprintf(name, sizeof name, "f%u", i);
            const pp_id location = pp_profile_named_location(profile, name, (size_t)n_bytes);
            pp_profile_add(profile, pp_profile_child(profile, root, location), 0, 0, &one);
        }
        pp_profile_settle(profile);
        assert_true(profile->tables->is_settled);
        assert_int_equal(profile->tables->nodes.n_slots, 0);
        if (round == 1) {
            assert_int_equal(pp_profile_samples_take(profile, &old), 0);
            assert_int_equal(pp_profile_child(profile, 0, 1), 1);
            pp_profile_samples_restore(profile, &old);
        }
    }
    assert_int_equal(profile->n_nodes, 60000 + 2);
    assert_int_equal(profile->n_samples, 60000);
    assert_int_equal(pp_profile_total(profile, 0), 180000);
    assert_false(pp_profile_failed(profile));
    pprofc_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),       cmocka_unit_test(test_interning),
        cmocka_unit_test(test_tree),        cmocka_unit_test(test_label_sets),
        cmocka_unit_test(test_sums),        cmocka_unit_test(test_types),
        cmocka_unit_test(test_nul_in_name), cmocka_unit_test(test_settled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
