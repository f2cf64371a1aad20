/* What readers want, and for how long: leases, the dead, and what is not theirs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/readers.h"

static struct pp_rec_header header;

enum { SECOND = 1000000000, OTHER_SPACE = 1 };

static uint64_t want(uint32_t hz, uint64_t until_s)
{
    return until_s * 10 << 32 | hz * 1000;
}

static int begin(void **state)
{
    (void)state;
    memset((void *)&header, 0, sizeof header);
    header.start_monotonic_ns = (int64_t)5 * SECOND; /* times below count from here */
    return 0;
}

static uint64_t at(uint64_t seconds)
{
    return (5 + seconds) * SECOND;
}

/* A reader wants its rate while its lease holds; the highest counts, and no want is beyond what the
 * sampler takes. */
static void leases(void **state)
{
    (void)state;
    assert_int_equal(pp_readers_want_millihertz(&header, at(0)), 0);
    atomic_store(&header.wants[2], want(100, 10));
    atomic_store(&header.wants[7], want(1000, 5));
    assert_int_equal(pp_readers_want_millihertz(&header, at(4)), 1000000);
    assert_int_equal(pp_readers_want_millihertz(&header, at(6)), 100000);
    assert_int_equal(pp_readers_want_millihertz(&header, at(11)), 0);
    atomic_store(&header.wants[0], UINT64_MAX);
    assert_int_equal(pp_readers_want_millihertz(&header, at(1000000)), PP_REC_MAX_MILLIHERTZ);
}

/* A reader that was killed is forgotten with what it wanted; one that lives is not. */
static void dead(void **state)
{
    const pid_t child = fork();
    (void)state;

    if (child == 0)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    atomic_store(&header.readers[1].pid, (uint32_t)child);
    atomic_store(&header.wants[1], want(1000, 100));
    atomic_store(&header.readers[2].pid, (uint32_t)getpid());
    atomic_store(&header.wants[2], want(50, 100));
    pp_readers_forget_gone(&header, at(1));
    assert_int_equal(atomic_load(&header.readers[1].pid), 0);
    assert_int_equal(pp_readers_want_millihertz(&header, at(1)), 50000);
}

/* Where its number means nothing here, a reader is forgotten a minute after its lease; one that
 * never wanted a rate holds what it has not read. */
static void elsewhere(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        atomic_store(&header.readers[i].pid_namespace, OTHER_SPACE);
        atomic_store(&header.readers[i].pid, UINT32_MAX - 1);
        atomic_store(&header.readers[i].sequence, (uint64_t)(7 + i));
    }
    atomic_store(&header.wants[0], want(1000, 3));
    pp_readers_forget_gone(&header, at(60));
    assert_int_equal(pp_readers_need_from(&header), 7);
    pp_readers_forget_gone(&header, at(64));
    assert_int_equal(pp_readers_need_from(&header), 8);
    assert_int_equal(atomic_load(&header.wants[0]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(leases, begin),
        cmocka_unit_test_setup(dead, begin),
        cmocka_unit_test_setup(elsewhere, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
