/* Finds the thread context that the program's tracing SDK publishes (sigsafe/thread_context.h). */
#ifndef PP_CAPTURE_THREAD_CONTEXT_H
#define PP_CAPTURE_THREAD_CONTEXT_H

/* Look for it among what is loaded now.  Calls dlsym: a thread of the application's, no handler.
 * Only where it lies at the same place in every thread, as it does in the program and in libraries
 * that were loaded with it. */
void pp_thread_context_find(void);

/* The calling thread was there before the session, as the first one is: it has one, too.  Threads
 * that pthread_create's hook has seen the birth of have theirs by themselves; of others nothing is
 * read. */
void pp_thread_context_begin_here(void);

#endif
