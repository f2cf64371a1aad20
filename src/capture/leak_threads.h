/* What is known of the program's threads when their memory is looked at. */
#ifndef PP_CAPTURE_LEAK_THREADS_H
#define PP_CAPTURE_LEAK_THREADS_H

#include <stdint.h>

#include "capture/leak_scan.h"

struct pp_session;

/* Before the child is made: of threads that wait, the part of their stacks that is not in use is to
 * be skipped, and the arguments of their system calls are roots.  Returns how many run, or tell
 * nothing. */
uint32_t pp_leak_threads_look(struct pp_session *session, struct pp_leak_scan *scan);

/* After it: threads that have run meanwhile keep all of their stacks.  Returns how many. */
uint32_t pp_leak_threads_check(struct pp_leak_scan *scan);

#endif
