/* A thread that sleeps for 5 ms at a time and then waits for a CPU for much longer: it has the
 * kernel's idle policy, and of other threads there are two that work for each CPU.  All of them
 * stop after the given seconds (2). */
#include <pthread.h>
#include <sched.h>

#include "truth.h"

enum { MAX_WORKERS = 64 };

static uint64_t end_ns;

static void *work(void *unused)
{
    (void)pthread_setname_np(pthread_self(), "worker");
    while (truth_clock_ns(CLOCK_MONOTONIC) < end_ns)
        TRUTH_SPIN_US(1000);
    return unused;
}

static void *sleep_and_starve(void *unused)
{
    const struct sched_param none = {0};
    const struct timespec moment = {.tv_nsec = 5000000};

    (void)pthread_setname_np(pthread_self(), "starved");
    (void)sched_setscheduler(0, SCHED_IDLE, &none);
    while (truth_clock_ns(CLOCK_MONOTONIC) < end_ns)
        (void)nanosleep(&moment, NULL);
    return unused;
}

int main(int argc, char **argv)
{
    const int n_cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
    const int n_workers = 2 * n_cpus < MAX_WORKERS ? 2 * n_cpus : MAX_WORKERS;
    pthread_t threads[MAX_WORKERS], starved;

    (void)truth_calibrate();
    end_ns = truth_clock_ns(CLOCK_MONOTONIC) + (uint64_t)(1e9 * truth_argument(argc, argv, 1, 2));
    if (pthread_create(&starved, NULL, sleep_and_starve, NULL) != 0)
        return 1;
    for (int i = 0; i < n_workers; i++)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            return 1;
    for (int i = 0; i < n_workers; i++)
        (void)pthread_join(threads[i], NULL);
    (void)pthread_join(starved, NULL);
    return 0;
}
