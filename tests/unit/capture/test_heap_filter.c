/* The filter that free() asks before the map. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/heap_memory.h"
#include "sigsafe/heap.h"
#include "sigsafe/heap_filter.h"

enum { N_MANY = 1000, N_TURNS = 200000, PLACE_BYTES = 1 << PP_HEAP_FILTER_SHIFT };

/* Two of one place, and neighbours of the first in the places before and behind. */
static const char *const ONE = (const char *)0x7f0012345800, *const OTHER = ONE + 48;

static int make(void **state)
{
    (void)state;
    if (pp_heap_memory_make() != 0)
        return -1;
    pp_heap_memory_clear(1024);
    atomic_store(&pp_sig_heap.mode, PP_HEAP_SAMPLED);
    return 0;
}

/* One object is known by its address; nothing else near it is, and farther off nothing is near. */
static void test_one_object(void **state)
{
    (void)state;
    assert_false(pp_sig_heap_is_near(ONE));
    assert_false(pp_sig_heap_may_know(ONE));
    pp_sig_heap_filter_put(ONE);
    assert_true(pp_sig_heap_may_know(ONE));
    for (int i = 16; i < PLACE_BYTES; i += 16) {
        assert_true(pp_sig_heap_is_near(ONE + i));
        assert_false(pp_sig_heap_may_know(ONE + i));
    }
    assert_false(pp_sig_heap_is_near(ONE - 16));
    assert_false(pp_sig_heap_is_near(ONE + PLACE_BYTES));
    pp_sig_heap_filter_take(ONE);
    assert_false(pp_sig_heap_is_near(ONE));
}

/* Whichever of two goes, the other one is known by its own address again. */
static void test_objects_that_share_a_place(void **state)
{
    (void)state;
    pp_sig_heap_filter_put(ONE);
    pp_sig_heap_filter_put(OTHER);
    assert_true(pp_sig_heap_may_know(ONE));
    assert_true(pp_sig_heap_may_know(OTHER));
    pp_sig_heap_filter_take(ONE);
    assert_true(pp_sig_heap_may_know(OTHER));
    assert_false(pp_sig_heap_may_know(ONE));
    pp_sig_heap_filter_put(ONE);
    pp_sig_heap_filter_take(OTHER);
    assert_true(pp_sig_heap_may_know(ONE));
    assert_false(pp_sig_heap_may_know(OTHER));
    pp_sig_heap_filter_take(ONE);
    assert_false(pp_sig_heap_is_near(ONE));
}

/* As many as can be counted go as they came; where there were more it stays, since nobody knows how
 * many there are. */
static void test_more_than_can_be_counted(void **state)
{
    const int most = UINT16_MAX / PP_HEAP_FILTER_ONE - 1;

    (void)state;
    for (int n = most; n <= N_MANY; n += N_MANY - most) {
        for (int i = 0; i < n; i++)
            pp_sig_heap_filter_put(i % 2 == 0 ? ONE : OTHER);
        for (int i = 0; i < n; i++) {
            assert_true(pp_sig_heap_may_know(i % 2 == 0 ? ONE : OTHER));
            pp_sig_heap_filter_take(i % 2 == 0 ? ONE : OTHER);
        }
        assert_int_equal(pp_sig_heap_is_near(ONE), n == N_MANY);
        assert_int_equal(pp_sig_heap_may_know(ONE), n == N_MANY);
    }
}

/* Where every object is followed all are known, from the first one on that was there. */
static void test_every_object(void **state)
{
    (void)state;
    atomic_store(&pp_sig_heap.mode, PP_HEAP_EXACT);
    pp_sig_heap_filter_put(ONE);
    assert_true(pp_sig_heap_may_know(OTHER));
    pp_sig_heap_filter_take(ONE);
    assert_true(pp_sig_heap_may_know(OTHER));
}

/* What the map has been emptied of goes later: nothing is near then. */
static void test_emptied_since(void **state)
{
    (void)state;
    pp_sig_heap_filter_put(ONE);
    pp_heap_filter_clear();
    pp_sig_heap_filter_take(ONE);
    assert_false(pp_sig_heap_is_near(ONE));
}

/* free(NULL) is no free: it always looks closer, in a child of fork() too, which knows nothing of
 * what its parent follows. */
static void test_null(void **state)
{
    int status;
    pid_t child;

    (void)state;
    assert_true(pp_sig_heap_is_near(NULL));
    assert_false(pp_sig_heap_is_near((const void *)(uintptr_t)PLACE_BYTES));
    pp_sig_heap_filter_put(ONE);
    child = fork();
    if (child == 0)
        _exit(pp_sig_heap_is_near(NULL) && !pp_sig_heap_is_near(ONE) ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    pp_heap_filter_clear();
    assert_true(pp_sig_heap_is_near(NULL));
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

/* Whatever the order in which two threads come and go at one place, what is there in the end shows.
 */
static void test_two_threads_at_one_place(void **state)
{
    pthread_t threads[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, put_and_take, (void *)(i == 0 ? ONE : OTHER)), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(pp_sig_heap_may_know(ONE));
    pp_sig_heap_filter_take(ONE);
    assert_true(pp_sig_heap_may_know(OTHER));
    assert_false(pp_sig_heap_may_know(ONE));
    pp_sig_heap_filter_take(OTHER);
    assert_false(pp_sig_heap_is_near(OTHER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_one_object, make),
        cmocka_unit_test_setup(test_objects_that_share_a_place, make),
        cmocka_unit_test_setup(test_more_than_can_be_counted, make),
        cmocka_unit_test_setup(test_every_object, make),
        cmocka_unit_test_setup(test_emptied_since, make),
        cmocka_unit_test_setup(test_null, make),
        cmocka_unit_test_setup(test_two_threads_at_one_place, make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
