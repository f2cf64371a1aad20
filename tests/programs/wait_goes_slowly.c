/* Threads that the kernel still lists for a while after their function has returned: a destructor
 * of thread-specific data makes another thread, whose birth the helper is woken for, and works.
 * Arguments: threads (8), whether the work lasts longer than the helper's turns (0).  Prints of
 * each, whose name is slow-N, its CPU time when the function returned, in nanoseconds.
 */
#include <pthread.h>

#include "truth.h"

enum { MAX_THREADS = 32, WORK_US = 40000, LATE_WORK_US = 3000, LATE_WORK_LONG_US = 250000 };

static uint64_t used_ns[MAX_THREADS];
static pthread_key_t key;
static int is_long;

static void sleep_ms(long ms)
{
    const struct timespec time = {.tv_nsec = ms * 1000000};

    (void)nanosleep(&time, NULL);
}

static void *be_born(void *unused)
{
    return unused;
}

static void go_slowly(void *unused)
{
    pthread_t other;

    (void)unused;
    if (pthread_create(&other, NULL, be_born, NULL) == 0)
        (void)pthread_join(other, NULL);
    sleep_ms(3);
    TRUTH_SPIN_US(is_long ? LATE_WORK_LONG_US : LATE_WORK_US);
}

static void *run(void *argument)
{
    const long number = (long)argument;
    char name[16];

    (void)snprintf(name, sizeof name, "slow-%ld", number);
    (void)pthread_setname_np(pthread_self(), name);
    (void)pthread_setspecific(key, &used_ns[number]);
    TRUTH_SPIN_US(WORK_US);
    sleep_ms(5);
    used_ns[number] = truth_thread_ns();
    return NULL;
}

int main(int argc, char **argv)
{
    const int n_threads = (int)truth_argument(argc, argv, 1, 8);
    pthread_t thread;

    is_long = (int)truth_argument(argc, argv, 2, 0);
    (void)truth_calibrate();
    if (n_threads > MAX_THREADS || pthread_key_create(&key, go_slowly) != 0)
        return 2;
    for (long i = 0; i < n_threads; i++) {
        if (pthread_create(&thread, NULL, run, (void *)i) != 0)
            return 2;
        (void)pthread_join(thread, NULL);
    }
    (void)printf("{");
    for (int i = 0; i < n_threads; i++)
        (void)printf("%s\"slow-%d\": %llu", i == 0 ? "" : ", ", i, (unsigned long long)used_ns[i]);
    (void)printf("}\n");
    return 0;
}
