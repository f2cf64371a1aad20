/* A library that makes threads. */
#include <pthread.h>

int make_and_join(void *(*start)(void *), void *argument);

int make_and_join(void *(*start)(void *), void *argument)
{
    pthread_t thread;

    return pthread_create(&thread, NULL, start, argument) != 0 ? -1 : pthread_join(thread, NULL);
}
