/* What can happen to a delivery while it is in use. */
#ifndef PP_CAPTURE_DELIVERY_WATCH_H
#define PP_CAPTURE_DELIVERY_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/session.h"

/* A debugger may have come or gone, the program may have taken our signal by a way that no hook
 * sees: deliver in another way then, or put our handler back.  'was_stopped': the helper woke much
 * too late, as after a debugger's stop. */
void pp_delivery_watch(struct pp_session *session, uint64_t now_ns, bool was_stopped);

/* Threads that use CPU time and get no samples since they block our signal: give them another one,
 * or mark them and book their time as [unsampled]. */
void pp_delivery_look_at_masks(struct pp_session *session);

/* Whether thread 'tid' blocks 'signo' now. */
bool pp_delivery_is_blocked(int32_t tid, int signo);

#endif
