/* The innermost of nested ranges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "binary/interval_map.h"

/* Inside nested ranges the innermost is found, between and behind them what is around, or nothing.
 */
static void test_nested(void **state)
{
    struct pp_interval_map map = {0};

    (void)state;
    assert_int_equal(pp_interval_map_add(&map, 20, 30, 1, 2), 0);
    assert_int_equal(pp_interval_map_add(&map, 10, 50, 0, 1), 0);
    assert_int_equal(pp_interval_map_add(&map, 20, 25, 2, 3), 0);
    assert_int_equal(pp_interval_map_add(&map, 60, 70, 0, 4), 0);
    assert_int_equal(pp_interval_map_finish(&map), 0);
    assert_int_equal(pp_interval_map_find(&map, 9), PP_NO_INTERVAL);
    assert_int_equal(pp_interval_map_find(&map, 10), 1);
    assert_int_equal(pp_interval_map_find(&map, 19), 1);
    assert_int_equal(pp_interval_map_find(&map, 20), 3);
    assert_int_equal(pp_interval_map_find(&map, 24), 3);
    assert_int_equal(pp_interval_map_find(&map, 25), 2);
    assert_int_equal(pp_interval_map_find(&map, 30), 1);
    assert_int_equal(pp_interval_map_find(&map, 49), 1);
    assert_int_equal(pp_interval_map_find(&map, 50), PP_NO_INTERVAL);
    assert_int_equal(pp_interval_map_find(&map, 69), 4);
    assert_int_equal(pp_interval_map_find(&map, UINT64_MAX), PP_NO_INTERVAL);
    pp_interval_map_done(&map);
}

/* Of equal ranges the deeper one is found; empty and turned ranges are none; an empty map finds
 * nothing. */
static void test_equal_and_empty(void **state)
{
    struct pp_interval_map map = {0};

    (void)state;
    assert_int_equal(pp_interval_map_find(&map, 1), PP_NO_INTERVAL);
    assert_int_equal(pp_interval_map_add(&map, 10, 20, 5, 1), 0);
    assert_int_equal(pp_interval_map_add(&map, 10, 20, 7, 2), 0);
    assert_int_equal(pp_interval_map_add(&map, 10, 20, 6, 3), 0);
    assert_int_equal(pp_interval_map_add(&map, 15, 15, 9, 4), 0);
    assert_int_equal(pp_interval_map_add(&map, 16, 12, 9, 5), 0);
    assert_int_equal(pp_interval_map_finish(&map), 0);
    for (uint64_t addr = 10; addr < 20; addr++)
        assert_int_equal(pp_interval_map_find(&map, addr), 2);
    pp_interval_map_done(&map);
}

/* For ranges of any overlap: an address is found in a range exactly when some range covers it, and
 * that one does. */
static void test_any_overlap(void **state)
{
    uint64_t seed = 88172645463325252u;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct pp_interval_map map = {0};
        uint64_t low[12], high[12];

        for (uint32_t i = 0; i < 12; i++) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            low[i] = seed % 40;
            high[i] = low[i] + (seed >> 20) % 15;
            assert_int_equal(pp_interval_map_add(&map, low[i], high[i], i % 3, i), 0);
        }
        assert_int_equal(pp_interval_map_finish(&map), 0);
        for (uint64_t addr = 0; addr < 60; addr++) {
            const uint32_t found = pp_interval_map_find(&map, addr);
            int n_covering = 0;
            for (uint32_t i = 0; i < 12; i++)
                n_covering += low[i] <= addr && addr < high[i];
            assert_int_equal(found != PP_NO_INTERVAL, n_covering > 0);
            if (found != PP_NO_INTERVAL)
                assert_true(low[found] <= addr && addr < high[found]);
        }
        pp_interval_map_done(&map);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_equal_and_empty),
        cmocka_unit_test(test_any_overlap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
