/* Preloaded: a second thread that sleeps.  libc's malloc, free and stdio take locks from then on,
 * which a program of one thread never does: a part of what profiling costs such a program. */
#include <pthread.h>
#include <stddef.h>
#include <unistd.h>

static void *sleep_for_ever(void *argument)
{
    for (;;)
        (void)pause();
    return argument;
}

__attribute__((constructor)) static void begin(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, sleep_for_ever, NULL) == 0)
        (void)pthread_detach(thread);
}
