/* A mutex that is locked and does not say by whom, as for a moment after each lock: threads wait
 * for it, beside one that waits for another lock.  Each waits in a function of its own, and prints
 * for how long, in nanoseconds. */
#include <errno.h>
#include <pthread.h>

#include "truth.h"

static pthread_mutex_t ownerless = PTHREAD_MUTEX_INITIALIZER, other = PTHREAD_MUTEX_INITIALIZER;

static void sleep_ms(long ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&time, NULL);
}

TRUTH_NOINLINE static void locker(void)
{
    (void)pthread_mutex_lock(&ownerless);
    TRUTH_KEEP_FRAME();
}

TRUTH_NOINLINE static void timed_locker(void)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    (void)pthread_mutex_timedlock(&ownerless, &until);
    TRUTH_KEEP_FRAME();
}

TRUTH_NOINLINE static void other_locker(void)
{
    (void)pthread_mutex_lock(&other);
    (void)pthread_mutex_unlock(&other);
    TRUTH_KEEP_FRAME();
}

static const struct waiter {
    const char *name;
    void (*wait)(void);
} waiters[] = {{"other_locker", other_locker}, {"locker", locker}, {"timed_locker", timed_locker}};
enum { N_WAITERS = sizeof waiters / sizeof *waiters };

static void *run(void *argument)
{
    const struct waiter *waiter = argument;
    const uint64_t begin_ns = truth_clock_ns(CLOCK_MONOTONIC);

    waiter->wait();
    (void)printf("%s %llu\n", waiter->name,
                 (unsigned long long)(truth_clock_ns(CLOCK_MONOTONIC) - begin_ns));
    if (waiter->wait != other_locker)
        (void)pthread_mutex_unlock(&ownerless);
    return NULL;
}

int main(void)
{
    pthread_t threads[N_WAITERS];
    int owner;

    (void)pthread_mutex_lock(&ownerless);
    (void)pthread_mutex_lock(&other);
    owner = ownerless.__data.__owner;
    for (int i = 0; i < N_WAITERS; i++) {
        if (pthread_create(&threads[i], NULL, run, (void *)(uintptr_t)&waiters[i]) != 0)
            return 1;
        sleep_ms(100); /* so the first is known to wait before the others come */
        ownerless.__data.__owner = 0;
    }
    sleep_ms(200);
    ownerless.__data.__owner = owner;
    (void)pthread_mutex_unlock(&ownerless);
    (void)pthread_join(threads[1], NULL);
    (void)pthread_join(threads[2], NULL);
    (void)pthread_mutex_unlock(&other);
    (void)pthread_join(threads[0], NULL);
    return 0;
}
