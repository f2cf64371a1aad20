/* Threads that wait for a condition for ever.  Prints a line when all do.  Argument: how many. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int n_waiting;

static void *wait_on(void *unused)
{
    (void)pthread_mutex_lock(&mutex);
    n_waiting++;
    for (;;)
        (void)pthread_cond_wait(&condition, &mutex);
    return unused;
}

int main(int argc, char **argv)
{
    const int n_threads = argc > 1 ? atoi(argv[1]) : 2000;
    pthread_attr_t attributes;
    pthread_t thread;
    int n = 0;

    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, 64 * 1024);
    for (int i = 0; i < n_threads; i++)
        if (pthread_create(&thread, &attributes, wait_on, NULL) != 0)
            return 1;
    while (n < n_threads) {
        (void)usleep(10000);
        (void)pthread_mutex_lock(&mutex);
        n = n_waiting;
        (void)pthread_mutex_unlock(&mutex);
    }
    (void)puts("all wait");
    (void)fflush(stdout);
    (void)pause();
    return 0;
}
