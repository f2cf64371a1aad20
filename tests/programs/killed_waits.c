/* Three threads that wait: asleep, for a pipe, for a mutex.  Says its pid when all do.  Without an
 * argument they wait for ever; with one for so many seconds, and it prints how long each has. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "truth.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int ends[2];
static double seconds = 1000;
static uint64_t waited_ns[3];
static _Atomic int n_begun;

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void sleep_s(double s)
{
    const struct timespec time = {(time_t)s, (long)((s - (double)(time_t)s) * 1e9)};

    (void)nanosleep(&time, NULL);
}

TRUTH_NOINLINE static void sleep_for_ever(void)
{
    sleep_s(seconds);
    TRUTH_KEEP_FRAME();
}

TRUTH_NOINLINE static void read_for_ever(void)
{
    char byte;

    if (read(ends[0], &byte, 1) != 1)
        abort();
    TRUTH_KEEP_FRAME();
}

TRUTH_NOINLINE static void lock_for_ever(void)
{
    if (pthread_mutex_lock(&mutex) != 0)
        abort();
    TRUTH_KEEP_FRAME();
}

static void *wait_in(void *number)
{
    static void (*const WAITS[])(void) = {sleep_for_ever, read_for_ever, lock_for_ever};
    const uintptr_t i = (uintptr_t)number;
    const uint64_t begin_ns = now_ns();

    atomic_fetch_add(&n_begun, 1);
    WAITS[i]();
    waited_ns[i] = now_ns() - begin_ns;
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[3];

    if (argc > 1)
        seconds = atof(argv[1]);
    if (pipe(ends) != 0 || pthread_mutex_lock(&mutex) != 0)
        return 2;
    for (uintptr_t i = 0; i < 3; i++)
        if (pthread_create(&threads[i], NULL, wait_in, (void *)i) != 0)
            return 2;
    while (atomic_load(&n_begun) < 3)
        sleep_s(0.001);
    if (argc <= 1)
        printf("{\"pid\": %d}\n", (int)getpid());
    (void)fflush(stdout);
    sleep_s(seconds);
    if (write(ends[1], "x", 1) != 1 || pthread_mutex_unlock(&mutex) != 0)
        return 2;
    for (int i = 0; i < 3; i++)
        (void)pthread_join(threads[i], NULL);
    printf("{\"sleep_for_ever\": %llu, \"read_for_ever\": %llu, \"lock_for_ever\": %llu}\n",
           (unsigned long long)waited_ns[0], (unsigned long long)waited_ns[1],
           (unsigned long long)waited_ns[2]);
    return 0;
}
