/* The exact counts of a program that becomes another one. */
#ifndef PP_CAPTURE_HEAP_EXEC_H
#define PP_CAPTURE_HEAP_EXEC_H

#include <stdbool.h>

#include "recording/layout.h"

struct pp_session;

/* Before exec(), which ends the helper too: bring the recording's counts up to now, and say there
 * that they are exact, where no other thread allocates.  In a process of its own memory (not after
 * vfork()); from a signal handler too. */
void pp_heap_before_exec(struct pp_session *session);

/* It has failed: the program goes on, and the helper counts again. */
void pp_heap_after_exec(struct pp_session *session);

/* Whether such counts stand in the header: the helper leaves them alone. */
bool pp_heap_is_settled(const struct pp_rec_header *header);

#endif
