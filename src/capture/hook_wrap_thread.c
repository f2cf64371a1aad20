/* For -Wl,--wrap=pthread_create.  In an object of its own: only a program that wraps gets it. */
#include "capture/hook_calls.h"
#include "capture/session.h"
#include "sigsafe/heap_text.h"

int __real_pthread_create(pthread_t *thread_out, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread_out, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument);

/* Our own mention of the function was wrapped too. */
__attribute__((constructor(101))) static void unwrap(void)
{
    if (pp_real_pthread_create == __wrap_pthread_create)
        pp_real_pthread_create = __real_pthread_create;
}

PP_HEAP_TEXT int __wrap_pthread_create(pthread_t *thread_out, const pthread_attr_t *attributes,
                                       void *(*start)(void *), void *argument)
{
    unwrap();
    return pp_hook_pthread_create(thread_out, attributes, start, argument);
}
