/* Has a pthread_create of its own and calls it by its GOT: no thread comes of it (test_got.c). */
#include <pthread.h>
#include <stddef.h>

int object_call(void);

enum { OWN_ANSWER = 4711 };

/* Weak, so that no compiler takes it for the one that will be called. */
__attribute__((weak)) int pthread_create(pthread_t *thread_out, const pthread_attr_t *attributes,
                                         void *(*start)(void *), void *argument)
{
    (void)thread_out, (void)attributes, (void)start, (void)argument;
    return OWN_ANSWER;
}

static void *same(void *argument)
{
    return argument;
}

int object_call(void)
{
    pthread_t thread = 0;

    return pthread_create(&thread, NULL, same, NULL);
}
