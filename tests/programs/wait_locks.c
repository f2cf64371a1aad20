/* Threads that contend for one lock, and know how long they have waited for it: the time of every
 * call that takes it, by CLOCK_MONOTONIC.  Holders are in hold(), waiters in take().  Arguments:
 * kind of lock (mutex, recursive, errorcheck, inherits, robust, adaptive, rwlock, c11, semaphore),
 * threads (4), seconds (2), how long it is held in microseconds (300).  Prints the sum of all
 * waits, their number, the lock's address, and what counter all have added up. */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <threads.h>

#include "truth.h"

enum { MAX_THREADS = 64 };

static pthread_mutex_t mutex;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static mtx_t c11;
static sem_t semaphore;

static void lock_mutex(long round)
{
    (void)round;
    if (pthread_mutex_lock(&mutex) != 0)
        abort();
}

static void unlock_mutex(void)
{
    if (pthread_mutex_unlock(&mutex) != 0)
        abort();
}

static void lock_twice(long round)
{
    lock_mutex(round);
    lock_mutex(round); /* it is ours already */
}

static void unlock_twice(void)
{
    unlock_mutex();
    unlock_mutex();
}

static void lock_rwlock(long round)
{
    if ((round % 4 == 0 ? pthread_rwlock_rdlock(&rwlock) : pthread_rwlock_wrlock(&rwlock)) != 0)
        abort();
}

static void unlock_rwlock(void)
{
    if (pthread_rwlock_unlock(&rwlock) != 0)
        abort();
}

static void lock_c11(long round)
{
    (void)round;
    if (mtx_lock(&c11) != thrd_success)
        abort();
}

static void unlock_c11(void)
{
    if (mtx_unlock(&c11) != thrd_success)
        abort();
}

static void lock_semaphore(long round)
{
    (void)round;
    if (sem_wait(&semaphore) != 0)
        abort();
}

static void unlock_semaphore(void)
{
    if (sem_post(&semaphore) != 0)
        abort();
}

static void make_mutex(int type, int protocol, int robust)
{
    pthread_mutexattr_t attributes;

    if (pthread_mutexattr_init(&attributes) != 0 ||
        pthread_mutexattr_settype(&attributes, type) != 0 ||
        pthread_mutexattr_setprotocol(&attributes, protocol) != 0 ||
        pthread_mutexattr_setrobust(&attributes, robust) != 0 ||
        pthread_mutex_init(&mutex, &attributes) != 0)
        abort();
}

static const struct kind {
    const char *name;
    void (*lock)(long round);
    void (*unlock)(void);
    void *address;
    int type, protocol, robust;
} KINDS[] = {
    {"mutex", lock_mutex, unlock_mutex, &mutex, PTHREAD_MUTEX_NORMAL, 0, 0},
    {"recursive", lock_twice, unlock_twice, &mutex, PTHREAD_MUTEX_RECURSIVE, 0, 0},
    {"errorcheck", lock_mutex, unlock_mutex, &mutex, PTHREAD_MUTEX_ERRORCHECK, 0, 0},
    {"inherits", lock_mutex, unlock_mutex, &mutex, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT, 0},
    {"robust", lock_mutex, unlock_mutex, &mutex, PTHREAD_MUTEX_NORMAL, 0, PTHREAD_MUTEX_ROBUST},
    {"adaptive", lock_mutex, unlock_mutex, &mutex, PTHREAD_MUTEX_ADAPTIVE_NP, 0, 0},
    {"rwlock", lock_rwlock, unlock_rwlock, &rwlock, 0, 0, 0},
    {"c11", lock_c11, unlock_c11, &c11, 0, 0, 0},
    {"semaphore", lock_semaphore, unlock_semaphore, &semaphore, 0, 0, 0},
};

static const struct kind *kind;
static uint64_t end_ns, hold_us;
static long counter;
static _Atomic uint64_t waited_ns, n_taken;

TRUTH_NOINLINE static void take(long round)
{
    kind->lock(round);
    TRUTH_KEEP_FRAME();
}

TRUTH_NOINLINE static void hold(void)
{
    const long before = counter;

    TRUTH_SPIN_US(hold_us);
    counter = before + 1;
    kind->unlock();
    TRUTH_KEEP_FRAME();
}

static void *run(void *argument)
{
    long round = (long)argument;
    uint64_t sum_ns = 0, n = 0;

    for (; truth_clock_ns(CLOCK_MONOTONIC) < end_ns; round++) {
        const uint64_t begin_ns = truth_clock_ns(CLOCK_MONOTONIC);

        take(round);
        sum_ns += truth_clock_ns(CLOCK_MONOTONIC) - begin_ns;
        n++;
        hold();
        TRUTH_SPIN_US(20 + (uint64_t)(round % 7) * 10);
    }
    waited_ns += sum_ns;
    n_taken += n;
    return NULL;
}

int main(int argc, char **argv)
{
    const int n_threads = (int)truth_argument(argc, argv, 2, 4);
    pthread_t threads[MAX_THREADS];

    for (size_t i = 0; argc > 1 && i < sizeof KINDS / sizeof KINDS[0]; i++)
        if (strcmp(argv[1], KINDS[i].name) == 0)
            kind = &KINDS[i];
    if (kind == NULL || mtx_init(&c11, mtx_plain) != thrd_success ||
        sem_init(&semaphore, 0, 1) != 0)
        return 2;
    make_mutex(kind->type, kind->protocol, kind->robust);
    hold_us = (uint64_t)truth_argument(argc, argv, 4, 300);
    (void)truth_calibrate();
    end_ns = truth_clock_ns(CLOCK_MONOTONIC) + (uint64_t)(truth_argument(argc, argv, 3, 2) * 1e9);
    for (long i = 0; i < n_threads && i < MAX_THREADS; i++)
        if (pthread_create(&threads[i], NULL, run, (void *)i) != 0)
            return 2;
    for (int i = 0; i < n_threads; i++)
        (void)pthread_join(threads[i], NULL);
    (void)printf("{\"waited_ns\": %llu, \"n_taken\": %llu, \"lock\": %llu, \"counter\": %ld}\n",
                 (unsigned long long)waited_ns, (unsigned long long)n_taken,
                 (unsigned long long)(uintptr_t)kind->address, counter);
    return 0;
}
