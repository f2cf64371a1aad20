/* How the server's threads are made. */
#include "serve/threads.h"

#include <signal.h>

#include "serve/capture_calls.h"

enum { STACK_BYTES = 512 * 1024 };

void pp_serve_thread_leave_profiles(void)
{
    if (pprofc_thread_ignore != NULL)
        (void)pprofc_thread_ignore(NULL);
}

int pp_serve_thread_start(pthread_t *thread_out, bool is_detached, void *(*run)(void *),
                          void *argument)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;
    int status = pthread_attr_init(&attributes);

    if (status != 0)
        return -status;
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    if (is_detached)
        (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    /* Signals are for the program's own threads. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    status = pthread_create(&thread, &attributes, run, argument);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    if (status == 0 && thread_out != NULL)
        *thread_out = thread;
    return -status;
}
