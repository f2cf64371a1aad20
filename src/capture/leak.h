/* Looking for objects that nothing leads to, on request: in a copy of the process that fork()
 * makes, so that the program goes on meanwhile.  What it costs the program is the copying of its
 * page tables, which is predicted first, and a fault for each page that it writes until the child
 * has ended.  All of it is the helper thread's. */
#ifndef PP_CAPTURE_LEAK_H
#define PP_CAPTURE_LEAK_H

#include <stdint.h>

struct pp_session;

/* Put into the recording how long the program would be paused.  -ENODATA when the heap is not
 * profiled. */
int pp_leak_predict(struct pp_session *session);

/* Begin a scan, or look whether the one under way has ended: -EINPROGRESS until then, 0 when its
 * results are in the recording.  'limit_ms' 0: 100; UINT32_MAX: any.  -E2BIG when the pause would
 * be longer, -ENODATA when the heap is not profiled, -EAGAIN or -ENOMEM when there can be no child,
 * -EIO when memory cannot be read, -ECHILD when the child was killed. */
int pp_leak_step(struct pp_session *session, uint32_t limit_ms);

/* Begin a scan that pp_leak_tend() ends.  Its number, above 0 (see PP_REQUEST_LEAK_LOOK); -EBUSY
 * while one is under way, else errors as above. */
int pp_leak_begin(struct pp_session *session, uint32_t limit_ms);

/* At each of the helper's turns: whether such a scan has ended. */
void pp_leak_tend(struct pp_session *session);

/* When to look next (CLOCK_MONOTONIC); UINT64_MAX when none is under way. */
uint64_t pp_leak_due_ns(const struct pp_session *session);

/* The session ends: give up a scan under way, and make one if that was asked for. */
void pp_leak_end(struct pp_session *session);

#endif
