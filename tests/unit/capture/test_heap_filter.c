/* The filter that free() asks before the map. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "capture/heap_memory.h"
#include "sigsafe/heap.h"
#include "sigsafe/heap_filter.h"

enum { N_BITS = 1 << PP_HEAP_FILTER_BITS, N_MANY = 400, N_TURNS = 200000 };

static int make(void **state)
{
    (void)state;
    if (pp_heap_memory_make() != 0)
        return -1;
    pp_heap_memory_clear(false);
    pp_sig_heap.filter = pp_heap_filter();
    pp_sig_heap.filter_counts = pp_heap_filter() + N_BITS / 8;
    return 0;
}

/* The n-th address from 'from' on, in steps of 16, that has the bit of 'from'. */
static const void *sharing(uintptr_t from, int n)
{
    const uint32_t bit = pp_sig_heap_bit_of((const void *)from);

    for (; n > 0; n--)
        do
            from += 16;
        while (pp_sig_heap_bit_of((const void *)from) != bit);
    return (const void *)from;
}

static void test_objects_that_share_a_bit(void **state)
{
    const void *one = (const void *)0x7f0012345400, *other = sharing(0x7f0012345400, 1);

    (void)state;
    assert_false(pp_sig_heap_may_know(one));
    pp_sig_heap_filter_put(one);
    assert_true(pp_sig_heap_may_know(one));
    assert_true(pp_sig_heap_may_know(other));
    pp_sig_heap_filter_put(other);
    pp_sig_heap_filter_take(one);
    assert_true(pp_sig_heap_may_know(other));
    pp_sig_heap_filter_take(other);
    assert_false(pp_sig_heap_may_know(one));
}

/* Nobody knows how many there are from 255 on: the bit stays. */
static void test_more_than_can_be_counted(void **state)
{
    const void *object = (const void *)0x7f0012345400;

    (void)state;
    for (int i = 0; i < N_MANY; i++)
        pp_sig_heap_filter_put(object);
    for (int i = 0; i < N_MANY; i++)
        pp_sig_heap_filter_take(object);
    assert_true(pp_sig_heap_may_know(object));
}

/* Each address has a bit, neighbours mostly different ones. */
static void test_bits_spread(void **state)
{
    static uint8_t is_used[N_BITS];
    int n_used = 0;

    (void)state;
    memset(is_used, 0, sizeof is_used);
    for (uintptr_t i = 0; i < N_BITS; i++)
        is_used[pp_sig_heap_bit_of((const void *)(0x55d000000400 + i * PP_HEAP_ALIGNMENT))] = 1;
    for (int i = 0; i < N_BITS; i++)
        n_used += is_used[i];
    assert_in_range(n_used, N_BITS / 2, N_BITS);
}

static void *put_and_take(void *object)
{
    for (int i = 0; i < N_TURNS; i++) {
        pp_sig_heap_filter_put(object);
        pp_sig_heap_filter_take(object);
    }
    pp_sig_heap_filter_put(object);
    return NULL;
}

/* Whatever the order in which two threads come and go at one bit, what is there in the end shows.
 */
static void test_two_threads_at_one_bit(void **state)
{
    pthread_t threads[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, put_and_take,
                                        (void *)(uintptr_t)sharing(0x7f0012345400, i)),
                         0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(pp_sig_heap_may_know(sharing(0x7f0012345400, 0)));
    pp_sig_heap_filter_take(sharing(0x7f0012345400, 0));
    assert_true(pp_sig_heap_may_know(sharing(0x7f0012345400, 1)));
    pp_sig_heap_filter_take(sharing(0x7f0012345400, 1));
    assert_false(pp_sig_heap_may_know(sharing(0x7f0012345400, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_objects_that_share_a_bit, make),
        cmocka_unit_test_setup(test_more_than_can_be_counted, make),
        cmocka_unit_test_setup(test_bits_spread, make),
        cmocka_unit_test_setup(test_two_threads_at_one_bit, make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
