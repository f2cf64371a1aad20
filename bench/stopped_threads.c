/* Threads that run and threads that wait.  Those that run add up for how long each was kept from
 * its own code while it had the CPU: by signal handlers, and by the kernel.  Arguments: how many
 * run, how many wait.  Prints a line when all are there, and for each byte that it reads the sum so
 * far and the longest since the last, in nanoseconds. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LEAST_NS = 2000 }; /* two readings of the clock are not so far apart */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static _Atomic int n_there;
static _Atomic long stopped_ns, longest_ns;

/* The thread's CPU time: other threads' turns are not in it. */
static long cpu_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1000000000L + now.tv_nsec;
}

static void *run(void *unused)
{
    long before_ns = cpu_ns();

    (void)unused;
    atomic_fetch_add(&n_there, 1);
    for (;;) {
        const long now_ns = cpu_ns(), gap_ns = now_ns - before_ns;

        before_ns = now_ns;
        if (gap_ns < LEAST_NS)
            continue;
        atomic_fetch_add(&stopped_ns, gap_ns);
        if (gap_ns > atomic_load(&longest_ns))
            atomic_store(&longest_ns, gap_ns);
    }
    return NULL;
}

static void *wait_on(void *unused)
{
    (void)pthread_mutex_lock(&mutex);
    atomic_fetch_add(&n_there, 1);
    for (;;)
        (void)pthread_cond_wait(&condition, &mutex);
    return unused;
}

int main(int argc, char **argv)
{
    const int n_running = argc > 1 ? atoi(argv[1]) : 2, n_waiting = argc > 2 ? atoi(argv[2]) : 98;
    pthread_t thread;
    char byte;

    for (int i = 0; i < n_running + n_waiting; i++)
        if (pthread_create(&thread, NULL, i < n_running ? run : wait_on, NULL) != 0)
            return 1;
    while (atomic_load(&n_there) < n_running + n_waiting)
        (void)usleep(10000);
    (void)puts("all there");
    (void)fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) == 1) {
        printf("%ld %ld\n", atomic_load(&stopped_ns), atomic_exchange(&longest_ns, 0));
        (void)fflush(stdout);
    }
    return 0;
}
