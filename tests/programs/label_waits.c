/* Linked with libpprofc: two threads, each under a label of its own, that work, sleep, read, wait
 * for a lock and wait without libc under a label that they change 10 000 times a second.  Each
 * function is named by the label that it runs under.  Argument: seconds (2).  Prints how often each
 * changed its labels in a second. */
#include <pprofc/pprofc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "truth.h"

enum { WORK_NS = 25000, WAIT_NS = 100000, HOLD_NS = 200000, WAITS_EVERY = 12 };

#define CHECK(condition) ((condition) ? (void)0 : abort())

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static double seconds = 2;
static long n_changes[2];

static long now_ns(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return now.tv_sec * 1000000000L + now.tv_nsec;
}

/* No hook of libc's calls sees it. */
static inline void sleep_by_itself(const struct timespec *time)
{
#ifdef __x86_64__
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"((long)SYS_nanosleep), "D"(time), "S"(0L)
                     : "rcx", "r11", "memory");
#else
    (void)nanosleep(time, NULL);
#endif
}

/* Each function of its own, with a counter of its own so that none is folded into another. */
#define COLOR(color)                                                \
    static volatile long counter_##color;                           \
    TRUTH_NOINLINE static void spin_##color(long ns)                \
    {                                                               \
        const long until_ns = now_ns(CLOCK_THREAD_CPUTIME_ID) + ns; \
                                                                    \
        while (now_ns(CLOCK_THREAD_CPUTIME_ID) < until_ns)          \
            for (int i = 0; i < 200; i++)                           \
                counter_##color += i;                               \
    }                                                               \
    TRUTH_NOINLINE static void sleep_##color(void)                  \
    {                                                               \
        const struct timespec time = {0, WAIT_NS};                  \
                                                                    \
        (void)nanosleep(&time, NULL);                               \
        counter_##color++;                                          \
    }                                                               \
    TRUTH_NOINLINE static void read_##color(int timer)              \
    {                                                               \
        const struct itimerspec once = {{0, 0}, {0, WAIT_NS}};      \
        unsigned long long n;                                       \
                                                                    \
        CHECK(timerfd_settime(timer, 0, &once, NULL) == 0);         \
        CHECK(read(timer, &n, sizeof n) == (ssize_t)sizeof n);      \
        counter_##color++;                                          \
    }                                                               \
    TRUTH_NOINLINE static void take_##color(void)                   \
    {                                                               \
        CHECK(pthread_mutex_lock(&mutex) == 0);                     \
        counter_##color++;                                          \
    }                                                               \
    TRUTH_NOINLINE static void drop_##color(void)                   \
    {                                                               \
        CHECK(pthread_mutex_unlock(&mutex) == 0);                   \
        counter_##color++;                                          \
    }                                                               \
    TRUTH_NOINLINE static void unseen_##color(void)                 \
    {                                                               \
        const struct timespec time = {0, WAIT_NS};                  \
                                                                    \
        sleep_by_itself(&time);                                     \
        counter_##color++;                                          \
    }                                                               \
    static void work_##color(long round, int timer)                 \
    {                                                               \
        spin_##color(WORK_NS);                                      \
        if (round % WAITS_EVERY != 0)                               \
            return;                                                 \
        sleep_##color();                                            \
        read_##color(timer);                                        \
        take_##color();                                             \
        spin_##color(HOLD_NS);                                      \
        drop_##color();                                             \
        unseen_##color();                                           \
    }
COLOR(red)
COLOR(blue)
COLOR(none)

static void *work(void *argument)
{
    const int me = argument == NULL ? 0 : 1;
    const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    const long until_ns = now_ns(CLOCK_MONOTONIC) + (long)(seconds * 1e9);

    CHECK(timer >= 0);
    CHECK(pprofc_label_set("worker", me == 0 ? "first" : "second", NULL) == 0);
    for (long round = 0; now_ns(CLOCK_MONOTONIC) < until_ns; round++) {
        CHECK(pprofc_label_set("color", "red", NULL) == 0);
        work_red(round, timer);
        CHECK(pprofc_label_set("color", "blue", NULL) == 0);
        work_blue(round, timer);
        CHECK(pprofc_label_clear("color", NULL) == 0);
        work_none(round, timer);
        n_changes[me] += 3;
    }
    (void)close(timer);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[2];

    seconds = argc > 1 ? atof(argv[1]) : seconds;
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, work, i == 0 ? NULL : argv) == 0);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    printf("%.0f %.0f\n", (double)n_changes[0] / seconds, (double)n_changes[1] / seconds);
    return 0;
}
