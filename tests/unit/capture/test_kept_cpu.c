/* Whether a thread has kept its CPU: told without a clock, and never when it has not. */
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/environment.h"
#include "capture/kept_cpu.h"
#include "sigsafe/kept_cpu.h"

static uint64_t n_marks; /* of the main thread */

static int begin(void **state)
{
    (void)state;
    pp_kept_cpu_begin();
    return 0;
}

/* Where the C library has registered threads, and before Linux 6.19. */
static bool ought_to_tell(void)
{
    const unsigned *n_bytes = dlsym(RTLD_DEFAULT, "__rseq_size");
    struct utsname kernel;
    int major = 0, minor = 0;

    return n_bytes != NULL && *n_bytes != 0 && uname(&kernel) == 0 &&
           sscanf(kernel.release, "%d.%d", &major, &minor) == 2 &&
           (major < 6 || (major == 6 && minor < 19));
}

static void skip_where_nobody_tells(void)
{
    if (pp_sig_kept_cpu_offset != 0)
        return;
    assert_false(ought_to_tell());
    print_message("skipped: this kernel or C library does not tell of a kept CPU\n");
    skip();
}

static void sleep_us(long us)
{
    const struct timespec time = {0, us * 1000};

    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}

/* Of short calls that do not wait nearly all are told from those that do, also beside load. */
static void test_calls(void **state)
{
    int n_kept = 0;

    (void)state;
    skip_where_nobody_tells();
    for (int i = 0; i < 10000; i++) {
        const uint64_t moment = pp_sig_keep_cpu(&n_marks);

        (void)getppid();
        n_kept += pp_sig_has_kept_cpu(&n_marks, moment);
    }
    assert_in_range(n_kept, 9000, 10000);
}

static long count_waits(void)
{
    struct rusage usage;

    assert_int_equal(getrusage(RUSAGE_THREAD, &usage), 0);
    return usage.ru_nvcsw;
}

/* A sleep whose time is over before the CPU has been given away is none. */
static void check_sleeps(uint64_t *marks)
{
    int n_slept = 0;

    for (int i = 0; i < 200; i++) {
        const long n_waits = count_waits();
        const uint64_t moment = pp_sig_keep_cpu(marks);
        bool has_kept;

        sleep_us(100);
        has_kept = pp_sig_has_kept_cpu(marks, moment);
        if (count_waits() == n_waits)
            continue;
        assert_false(has_kept);
        n_slept++;
    }
    assert_in_range(n_slept, 100, 200);
}

static void test_sleeps(void **state)
{
    (void)state;
    skip_where_nobody_tells();
    check_sleeps(&n_marks);
}

static void *sleep_in_thread(void *marks)
{
    check_sleeps(marks);
    return NULL;
}

static void test_threads(void **state)
{
    uint64_t marks[4] = {0};
    pthread_t threads[4];

    (void)state;
    skip_where_nobody_tells();
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sleep_in_thread, &marks[i]), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void call_in_handler(int signo)
{
    (void)signo;
    (void)pp_sig_keep_cpu(&n_marks);
}

/* A handler that makes calls of its own while the thread waits does not hide that it has waited. */
static void test_handler(void **state)
{
    const struct sigaction action = {.sa_handler = call_in_handler};
    const struct itimerspec soon = {.it_value = {0, 1000 * 1000}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    sigset_t blocked, before;
    timer_t timer;
    int n_marked = 0;

    (void)state;
    skip_where_nobody_tells();
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGUSR1);
    assert_int_equal(sigprocmask(SIG_BLOCK, &blocked, &before), 0);
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    for (int i = 0; i < 20; i++) {
        const uint64_t moment = pp_sig_keep_cpu(&n_marks);

        assert_int_equal(timer_settime(timer, 0, &soon, NULL), 0);
        (void)sigsuspend(&before);
        n_marked += pp_sig_kept_cpu_is_marked(pp_sig_kept_cpu_offset);
        assert_false(pp_sig_has_kept_cpu(&n_marks, moment));
    }
    assert_in_range(n_marked, 1, 20); /* by the handler */
    assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
    assert_int_equal(timer_delete(timer), 0);
}

/* Nothing is known where nobody tells. */
static void test_without(void **state)
{
    const ptrdiff_t offset = pp_sig_kept_cpu_offset;
    uint64_t moment;

    (void)state;
    moment = pp_sig_keep_cpu(&n_marks);
    pp_sig_kept_cpu_offset = 0;
    assert_false(pp_sig_has_kept_cpu(&n_marks, moment));
    assert_false(pp_sig_has_kept_cpu(&n_marks, pp_sig_keep_cpu(&n_marks)));
    pp_sig_kept_cpu_offset = offset;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),   cmocka_unit_test(test_sleeps),
        cmocka_unit_test(test_threads), cmocka_unit_test(test_handler),
        cmocka_unit_test(test_without),
    };

    return cmocka_run_group_tests_name("kept_cpu", tests, begin, NULL);
}
