/* Flame graphs of plain profiles are drawn another way than those of any, to the same end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "views/flamegraph.h"
#include "views/flamegraph_parts.h"

/* Stacks of 60 functions, each of which begins as another does and leaves it anywhere. */
static struct pprofc_profile *random_plain(uint64_t seed, uint32_t n_stacks, uint32_t depth,
                                           int64_t most)
{
    struct pprofc_profile *profile = pp_profile_new();
    uint64_t state = seed;
    pp_id locations[60], node = 0;

    assert_non_null(profile);
    assert_true(pp_profile_add_type(profile, "samples", "count") >= 0);
    for (uint32_t i = 0; i < 60; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "f%u", i * 37 % 60);
        locations[i] = pp_profile_named_location(profile, name, strlen(name));
    }
    for (uint32_t i = 0; i < n_stacks; i++) {
        int64_t value;
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        node = (pp_id)((state >> 33) % profile->n_nodes);
        for (uint32_t k = (uint32_t)(state >> 20) % depth; k > 0; k--) {
            state = state * 6364136223846793005ULL + 1442695040888963407ULL;
            node = pp_profile_child(profile, node, locations[(state >> 33) % 60]);
        }
        value = most / (1 + (int64_t)(state >> 40)) + (int64_t)(state >> 61) - 1;
        pp_profile_add(profile, node, 0, 0, &value);
    }
    assert_false(pp_profile_failed(profile));
    return profile;
}

/* The picture of a plain profile is the same, byte for byte, as that of any: of small values and of
 * large ones, of more nodes than a picture holds, and of stacks too deep to be shown. */
static void test_plain_profiles(void **state)
{
    static const struct {
        uint32_t n_stacks, depth;
        int64_t most;
        double min_share;
    } cases[] = {{0, 1, 1, 0},
                 {1000, 20, 1000, 0},
                 {1000, 20, INT64_C(1) << 50, 0.01},
                 {100000, 25, INT64_C(1) << 30, 0},
                 {100000, 25, INT64_C(1) << 45, 0.0001},
                 {2000, 500, 1000, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct pp_flamegraph_options options = {.min_share = cases[i].min_share};
        struct pprofc_profile *profile =
            random_plain(7, cases[i].n_stacks, cases[i].depth, cases[i].most);
        pp_autobuffer struct pp_buffer svg = PP_BUFFER_INIT, general = PP_BUFFER_INIT;
        assert_int_equal(pp_flamegraph_write(profile, &options, &svg, NULL), 0);
        assert_int_equal(pp_flamegraph_write_general(profile, &options, &general, NULL), 0);
        assert_int_equal(svg.n_bytes, general.n_bytes);
        assert_memory_equal(svg.bytes, general.bytes, svg.n_bytes);
        pprofc_profile_free(profile);
    }
}

/* The same of comparisons: with stacks that one side alone has, small, and more than are drawn. */
static void test_plain_comparisons(void **state)
{
    static const struct {
        uint32_t n_stacks;
        int64_t most;
    } cases[] = {{500, 1000}, {500, INT64_C(1) << 40}, {60000, INT64_C(1) << 20}};
    const struct pp_flamegraph_options options = {0};
    const struct pp_diff_options how = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pprofc_profile *before = random_plain(7, cases[i].n_stacks, 20, cases[i].most);
        struct pprofc_profile *after = random_plain(8, cases[i].n_stacks, 20, cases[i].most);
        const struct pprofc_profile *const befores[] = {before}, *const afters[] = {after};
        pp_autobuffer struct pp_buffer svg = PP_BUFFER_INIT, general = PP_BUFFER_INIT;
        struct pp_diff *diff = NULL;
        assert_int_equal(pp_diff_make(befores, 1, afters, 1, &how, &diff, NULL), 0);
        assert_int_equal(pp_flamegraph_write_diff(diff, &options, &svg, NULL), 0);
        assert_int_equal(pp_flamegraph_write_diff_general(diff, &options, &general, NULL), 0);
        assert_int_equal(svg.n_bytes, general.n_bytes);
        assert_memory_equal(svg.bytes, general.bytes, svg.n_bytes);
        pp_diff_free(diff);
        pprofc_profile_free(before);
        pprofc_profile_free(after);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_profiles),
        cmocka_unit_test(test_plain_comparisons),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
