/* A look at all threads: where each one stands, whether it runs or waits. */
#ifndef PP_CAPTURE_STACKS_H
#define PP_CAPTURE_STACKS_H

#include <stdint.h>

#include "capture/session.h"

/* Put the stack of every thread into the recording, but for the helper's and those that are
 * ignored.  Gives the look's number, by which its events are known.  The helper thread's. */
int32_t pp_stacks_take(struct pp_session *session);

#endif
