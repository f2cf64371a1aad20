/* Threads that have queued for a CPU when they end: two at a time share one, each after a sleep
 * that passes libc by, so that its switches say nothing.  Argument: rounds (10). */
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>

#include "truth.h"

enum { N_THREADS = 2, WORK_US = 60000 };

static void *run(void *unused)
{
    const struct timespec moment = {.tv_nsec = 1000000};

    (void)pthread_setname_np(pthread_self(), "ends");
    (void)syscall(SYS_nanosleep, &moment, NULL);
    TRUTH_SPIN_US(WORK_US);
    return unused;
}

int main(int argc, char **argv)
{
    const int n_rounds = (int)truth_argument(argc, argv, 1, 10);
    pthread_t threads[N_THREADS];
    cpu_set_t one;

    (void)truth_calibrate();
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0)
        return 1;
    for (int round = 0; round < n_rounds; round++) {
        for (int i = 0; i < N_THREADS; i++)
            if (pthread_create(&threads[i], NULL, run, NULL) != 0)
                return 1;
        for (int i = 0; i < N_THREADS; i++)
            (void)pthread_join(threads[i], NULL);
    }
    return 0;
}
