/* Threads that burn a stated CPU time and tell how much it really was. */
#ifndef TESTS_PROGRAMS_THREADS_H
#define TESTS_PROGRAMS_THREADS_H

#include <pthread.h>

#include "truth.h"

struct truth_worker {
    pthread_t thread;
    char name[16];
    double cpu_seconds; /* asked */
    uint64_t cpu_ns;    /* the thread's whole CPU time, as it saw it at its end */
};

__attribute__((unused)) static const char *const truth_worker_roots[] = {"worker_main", "main",
                                                                         NULL};

TRUTH_NOINLINE static void worker_burn(uint64_t us)
{
    TRUTH_SPIN_US(us);
}

TRUTH_NOINLINE static void *worker_main(void *argument)
{
    struct truth_worker *worker = argument;
    const uint64_t end_ns = (uint64_t)(worker->cpu_seconds * 1e9);

    (void)pthread_setname_np(pthread_self(), worker->name);
    do
        worker_burn(1000);
    while (truth_thread_ns() < end_ns);
    worker->cpu_ns = truth_thread_done();
    return NULL;
}

static inline void truth_workers_run(struct truth_worker *workers, int n_workers)
{
    for (int i = 0; i < n_workers; i++)
        if (pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]) != 0)
            abort();
    for (int i = 0; i < n_workers; i++)
        (void)pthread_join(workers[i].thread, NULL);
}

#endif
