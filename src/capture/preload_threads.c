/* Interposed: pthread_create. */
#include <pthread.h>

#include "capture/hook_calls.h"

#pragma GCC visibility push(default)
int pthread_create(pthread_t *thread_out, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *argument);
#pragma GCC visibility pop

int pthread_create(pthread_t *thread_out, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *argument)
{
    pp_hooks_find_real(); /* a library's constructor may come before ours */
    return pp_hook_pthread_create(thread_out, attributes, start, argument);
}
