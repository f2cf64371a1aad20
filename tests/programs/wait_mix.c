/* Threads that wait and work in known ways: of five threads one sleeps, one polls, one contends for
 * a mutex, one is busy, and one does a bit of all.  Arguments: threads (4), seconds (2).  Prints of
 * each thread, whose name is mix-N, how long it has lived at least and at most, in nanoseconds. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>

#include "truth.h"

enum { MAX_THREADS = 256, N_ROLES = 5 };

static struct {
    uint64_t made_ns, begin_ns, end_ns, joined_ns;
} lived[MAX_THREADS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t end_ns;

static void sleep_us(long us)
{
    const struct timespec time = {.tv_nsec = us * 1000};

    (void)nanosleep(&time, NULL);
}

static void by_sleep(long round)
{
    sleep_us(200 + round % 17 * 1000);
}

static void by_poll(long round)
{
    (void)poll(NULL, 0, (int)(1 + round % 9));
}

static void by_mutex(long round)
{
    (void)pthread_mutex_lock(&mutex);
    if (round % 3 == 0)
        sleep_us(500 + round % 7 * 300);
    else
        TRUTH_SPIN_US(200);
    (void)pthread_mutex_unlock(&mutex);
    TRUTH_SPIN_US(50);
}

static void by_work(long round)
{
    TRUTH_SPIN_US(500 + (uint64_t)(round % 5) * 100);
}

static void by_all(long round)
{
    by_sleep(round % 4);
    by_poll(round % 3);
    by_mutex(round);
    by_work(round);
}

static void *run(void *argument)
{
    static void (*const roles[N_ROLES])(long round) = {by_sleep, by_poll, by_mutex, by_work,
                                                       by_all};
    const long number = (long)argument;
    char name[16];

    lived[number].begin_ns = truth_clock_ns(CLOCK_MONOTONIC);
    (void)snprintf(name, sizeof name, "mix-%ld", number);
    (void)pthread_setname_np(pthread_self(), name);
    for (long round = 0; truth_clock_ns(CLOCK_MONOTONIC) < end_ns; round++)
        roles[number % N_ROLES](round);
    lived[number].end_ns = truth_clock_ns(CLOCK_MONOTONIC);
    return NULL;
}

int main(int argc, char **argv)
{
    const int n_threads = (int)truth_argument(argc, argv, 1, 4);
    pthread_t threads[MAX_THREADS];

    (void)truth_calibrate();
    end_ns = truth_clock_ns(CLOCK_MONOTONIC) + (uint64_t)(truth_argument(argc, argv, 2, 2) * 1e9);
    for (long i = 0; i < n_threads && i < MAX_THREADS; i++) {
        lived[i].made_ns = truth_clock_ns(CLOCK_MONOTONIC);
        if (pthread_create(&threads[i], NULL, run, (void *)i) != 0)
            return 2;
    }
    for (int i = 0; i < n_threads; i++) {
        (void)pthread_join(threads[i], NULL);
        lived[i].joined_ns = truth_clock_ns(CLOCK_MONOTONIC);
    }
    (void)printf("{");
    for (int i = 0; i < n_threads; i++)
        (void)printf("%s\"mix-%d\": [%llu, %llu]", i == 0 ? "" : ", ", i,
                     (unsigned long long)(lived[i].end_ns - lived[i].begin_ns),
                     (unsigned long long)(lived[i].joined_ns - lived[i].made_ns));
    (void)printf("}\n");
    return 0;
}
