/* What of an allocator's memory is called fragmentation. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "profile/fragmentation.h"

enum { MIB = 1 << 20 };

static void expect(struct pp_heap_memory memory, struct pp_fragmentation expected)
{
    struct pp_fragmentation found;

    assert_true(pp_fragmentation_make(&memory, &found));
    assert_int_equal(found.in_objects, expected.in_objects);
    assert_int_equal(found.external, expected.external);
    assert_int_equal(found.internal, expected.internal);
    assert_int_equal(found.internal_error, expected.internal_error);
    assert_int_equal(found.retained, expected.retained);
    assert_true(fabs(found.ratio - expected.ratio) < 1e-9);
    assert_true(found.is_high == expected.is_high);
}

/* Nine objects of ten freed: nearly all of what is in memory is free, and that is no leak. */
static void test_external(void **state)
{
    (void)state;
    expect((struct pp_heap_memory){1, 10 * MIB, 110 * MIB, 100 * MIB, 10 * MIB, 9 * MIB, 0, 0},
           (struct pp_fragmentation){10 * MIB, 90 * MIB, 1 * MIB, 0, 10 * MIB, 0.9, true});
}

/* A full heap; and a small one, which is worth no word whatever its ratio. */
static void test_quiet(void **state)
{
    (void)state;
    expect((struct pp_heap_memory){1, 100 * MIB, 101 * MIB, 101 * MIB, 0, 98 * MIB, 7, 0},
           (struct pp_fragmentation){100 * MIB, MIB, 2 * MIB, 7, 0, 1.0 / 101, false});
    expect((struct pp_heap_memory){1, MIB, 10 * MIB, 10 * MIB, 0, MIB, -1, 0},
           (struct pp_fragmentation){MIB, 9 * MIB, 0, -1, 0, 0.9, false});
}

/* An estimate may be above the truth, and figures are read one after the other: never negative. */
static void test_never_negative(void **state)
{
    (void)state;
    expect((struct pp_heap_memory){1, 100 * MIB, 90 * MIB, 90 * MIB, 0, 120 * MIB, 0, 0},
           (struct pp_fragmentation){100 * MIB, 0, 0, 0, 0, 0, false});
}

/* One that does not count its objects: what the program holds stands for them. */
static void test_uncounted(void **state)
{
    struct pp_fragmentation found;

    (void)state;
    expect((struct pp_heap_memory){1, -1, 130 * MIB, 110 * MIB, 0, 11 * MIB, 9, 0},
           (struct pp_fragmentation){11 * MIB, 99 * MIB, -1, -1, 0, 0.9, true});
    assert_false(
        pp_fragmentation_make(&(struct pp_heap_memory){1, -1, MIB, MIB, 0, -1, -1, 0}, &found));
    assert_false(
        pp_fragmentation_make(&(struct pp_heap_memory){1, MIB, MIB, 0, 0, 1, 0, 0}, &found));
}

/* What the program held is not known, of a file without it: nor is what was rounded up. */
static void test_unknown_live(void **state)
{
    (void)state;
    expect((struct pp_heap_memory){1, 10 * MIB, 20 * MIB, 20 * MIB, 0, -1, -1, 0},
           (struct pp_fragmentation){10 * MIB, 10 * MIB, -1, -1, 0, 0.5, true});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_external),       cmocka_unit_test(test_quiet),
        cmocka_unit_test(test_never_negative), cmocka_unit_test(test_uncounted),
        cmocka_unit_test(test_unknown_live),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
