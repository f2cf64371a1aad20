/* What is known of the program's threads when their memory is looked at. */
#ifndef PP_CAPTURE_LEAK_THREADS_H
#define PP_CAPTURE_LEAK_THREADS_H

#include <stdint.h>

#include "capture/leak_scan.h"

struct pp_session;

/* Threads that ran when they were looked at or since; and of how many of them nobody knows what
 * their registers held. */
struct pp_leak_threads {
    uint32_t n_ran, n_unseen;
    uint64_t held_since_ns; /* CLOCK_MONOTONIC; 0: none was held */
};

/* For how long threads that run would be held now, by what they have waited for a processor so far:
 * the last of them comes when it gets its turn. */
uint64_t pp_leak_threads_predict_ns(struct pp_session *session);

/* Before the child is made: of threads that wait, the part of their stacks that is not in use is to
 * be skipped, and the arguments of their system calls are roots.  Those that run are held, where
 * perf events can reach them: for 'hold_ns' at most they are waited for.  Held ones stay so until
 * pp_leak_threads_release(). */
void pp_leak_threads_look(struct pp_session *session, struct pp_leak_scan *scan, uint64_t hold_ns,
                          struct pp_leak_threads *threads_out);

/* After it: let them go on. */
void pp_leak_threads_release(struct pp_session *session);

/* And threads that have run meanwhile keep all of their stacks. */
void pp_leak_threads_check(struct pp_leak_scan *scan, struct pp_leak_threads *threads);

#endif
