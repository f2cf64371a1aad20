/* wait_pool SECONDS: four threads worker-1 .. worker-4 wait for work at one condition, in take();
 * what they take they do under one lock, guard, in work(): of the four that get some every 20 ms
 * three wait for it.  main sleeps meanwhile. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NOINLINE __attribute__((noinline))

enum { N_WORKERS = 4, TURN_MS = 50 };

static pthread_mutex_t queue = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t has_work = PTHREAD_COND_INITIALIZER;
pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static int n_jobs;

static void pause_ms(long ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    (void)nanosleep(&time, NULL);
}

NOINLINE static void take(void)
{
    (void)pthread_mutex_lock(&queue);
    while (n_jobs == 0)
        (void)pthread_cond_wait(&has_work, &queue);
    n_jobs--;
    (void)pthread_mutex_unlock(&queue);
}

NOINLINE static void work(void)
{
    (void)pthread_mutex_lock(&guard);
    pause_ms(1);
    (void)pthread_mutex_unlock(&guard);
}

static void *worker(void *name)
{
    (void)pthread_setname_np(pthread_self(), name);
    for (;;) {
        take();
        work();
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static char names[N_WORKERS][16];
    const int n_turns = argc > 1 ? atoi(argv[1]) * 1000 / TURN_MS : 20;
    pthread_t thread;

    for (int i = 0; i < N_WORKERS; i++) {
        (void)snprintf(names[i], sizeof names[i], "worker-%d", i + 1);
        if (pthread_create(&thread, NULL, worker, names[i]) != 0)
            return 1;
    }
    for (int i = 0; i < n_turns; i++) {
        (void)pthread_mutex_lock(&queue);
        n_jobs = N_WORKERS;
        (void)pthread_cond_broadcast(&has_work);
        (void)pthread_mutex_unlock(&queue);
        pause_ms(TURN_MS);
    }
    return 0;
}
