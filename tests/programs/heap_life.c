/* Takes memory in every walk of a program's life, by take() and give() alone, and counts what they
 * do: before main, in threads and after their end (key destructors, four rounds), in signal
 * handlers, around forks.  heap_life.cpp is the same by new and delete.  Arguments: threads (8),
 * rounds each (200). */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heap_life.h"

enum { MAX_THREADS = 8192, N_KEPT = 10 };

static unsigned long long n_taken, n_given, taken_bytes, given_bytes, n_errors;
static pthread_key_t key;
static int n_rounds = 200;
static pid_t main_pid;
static unsigned long long main_taken, main_given; /* from main's beginning to its end */

static void add(unsigned long long *sum, unsigned long long more)
{
    (void)__atomic_fetch_add(sum, more, __ATOMIC_RELAXED);
}

/* The first word says how large the object is, the last byte that it is whole. */
__attribute__((noinline)) static void *take(size_t n_bytes)
{
    unsigned char *object = (unsigned char *)heap_life_take(n_bytes);

    memcpy(object, &n_bytes, sizeof n_bytes);
    object[n_bytes - 1] = 0x5A;
    add(&n_taken, 1);
    add(&taken_bytes, n_bytes);
    return object;
}

__attribute__((noinline)) static void give(void *object)
{
    size_t n_bytes;

    memcpy(&n_bytes, object, sizeof n_bytes);
    if (((unsigned char *)object)[n_bytes - 1] != 0x5A)
        add(&n_errors, 1);
    add(&n_given, 1);
    add(&given_bytes, n_bytes);
    heap_life_give(object, n_bytes);
}

static size_t size_of(int i)
{
    return 9 + (size_t)(i * 7919 % 5000);
}

static void churn(int n)
{
    void *kept[N_KEPT];

    for (int i = 0; i < N_KEPT; i++)
        kept[i] = take(size_of(i));
    for (int i = 0; i < n; i++) {
        give(kept[i % N_KEPT]);
        kept[i % N_KEPT] = take(size_of(i));
    }
    for (int i = 0; i < N_KEPT; i++)
        give(kept[i]);
}

/* ---- before main, and behind it ---- */

static void *early;

__attribute__((constructor)) static void before_main(void)
{
    early = take(77);
    churn(20);
}

__attribute__((destructor)) static void after_main(void)
{
    char line[400];
    int n;

    if (main_pid != getpid())
        return;
    churn(20);
    give(early);
    n = snprintf(line, sizeof line,
                 "{\"n_taken\": %llu, \"n_given\": %llu, \"taken_bytes\": %llu, "
                 "\"given_bytes\": %llu, \"main_taken\": %llu, \"main_given\": %llu, "
                 "\"n_errors\": %llu}\n",
                 n_taken, n_given, taken_bytes, given_bytes, main_taken, main_given, n_errors);
    if (write(1, line, (size_t)n) != n)
        _exit(2);
}

/* ---- threads ---- */

/* A thread's value: how many rounds of destructors are still to come. */
static void end_of_thread(void *value)
{
    const uintptr_t left = *(uintptr_t *)((char *)value + 16);

    give(value);
    churn(5);
    if (left == 0)
        return;
    value = take(40);
    *(uintptr_t *)((char *)value + 16) = left - 1;
    (void)pthread_setspecific(key, value);
}

static void *live(void *argument)
{
    void *value = take(40);

    *(uintptr_t *)((char *)value + 16) = 3;
    (void)pthread_setspecific(key, value);
    churn(n_rounds);
    return argument;
}

static void have_threads(int n_threads)
{
    static pthread_t threads[MAX_THREADS];
    pthread_attr_t attributes;
    int n = 0;

    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, 256 * 1024);
    for (int i = 0; i < n_threads; i++) {
        if (pthread_create(&threads[n], &attributes, live, NULL) == 0)
            n++;
        else
            add(&n_errors, 1);
        if (n == 16 || i == n_threads - 1)
            while (n > 0)
                (void)pthread_join(threads[--n], NULL);
    }
}

/* ---- signals and forks ---- */

static void on_signal(int signo)
{
    (void)signo;
    churn(10);
}

static void have_signals(void)
{
    (void)signal(SIGUSR1, on_signal);
    for (int i = 0; i < 50; i++)
        (void)raise(SIGUSR1);
}

/* What a child takes is in no recording of its parent's. */
static void fork_children(void)
{
    const unsigned long long before[4] = {n_taken, n_given, taken_bytes, given_bytes};
    int status;

    for (int i = 0; i < 5; i++) {
        void *from_parent = take(100);
        const pid_t child = fork();
        if (child == 0) {
            churn(50);
            give(from_parent);
            if (n_given - before[1] != 61 + (unsigned)i)
                add(&n_errors, 1);
            _exit(n_errors == 0 ? 0 : 1);
        }
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
            add(&n_errors, 1);
        give(from_parent);
    }
}

int main(int argc, char **argv)
{
    const int n_threads = argc > 1 ? atoi(argv[1]) : 8;
    void *kept[3];

    main_pid = getpid();
    main_taken = -n_taken;
    main_given = -n_given;
    n_rounds = argc > 2 ? atoi(argv[2]) : 200;
    if (n_threads > MAX_THREADS || pthread_key_create(&key, end_of_thread) != 0)
        return 2;
    churn(1000);
    have_threads(n_threads);
    have_signals();
    fork_children();
    for (int i = 0; i < 3; i++)
        kept[i] = take(1000);
    (void)kept;
    main_taken += n_taken;
    main_given += n_given;
    return n_errors == 0 ? 0 : 1;
}
