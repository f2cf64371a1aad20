/* Calls pthread_create by an entry of its own: built in several ways and loaded by test_got.c. */
#include <pthread.h>
#include <stddef.h>

int object_call(void);

static void *same(void *argument)
{
    return argument;
}

int object_call(void)
{
    void *result = NULL;
    pthread_t thread;

    if (pthread_create(&thread, NULL, same, &result) != 0 || pthread_join(thread, &result) != 0)
        return -1;
    return result == &result ? 0 : -1;
}
