/* Threads of the server's own: they take no signals and are in no profile. */
#ifndef PP_SERVE_THREADS_H
#define PP_SERVE_THREADS_H

#include <pthread.h>
#include <stdbool.h>

/* 'thread_out' may be NULL. */
int pp_serve_thread_start(pthread_t *thread_out, bool is_detached, void *(*run)(void *),
                          void *argument);

/* What serves a program is no part of what it does: each such thread begins with this. */
void pp_serve_thread_leave_profiles(void);

#endif
