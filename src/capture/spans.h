/* Spans of traces, as threads begin and end them. */
#ifndef PP_CAPTURE_SPANS_H
#define PP_CAPTURE_SPANS_H

#include <stdint.h>

#include "sigsafe/spans.h"

struct pp_session;

/* Begin one in this thread, within the one that it is in.  'name' is a text of capture/labels.h, 0:
 * none.  -ENOMEM, -ENOSPC when there are too many. */
int pp_span_begin(struct pp_sig_thread *thread, const uint8_t trace_id[16],
                  const uint8_t span_id[8], uint32_t name);

/* End the thread's, into 'ended_out'; wall time and the thread's CPU time beside.  -ESRCH when it
 * is in none that it has begun. */
struct pp_span_times {
    uint64_t wall_ns, own_cpu_ns;
};
int pp_span_end(struct pp_sig_thread *thread, struct pp_sig_span *ended_out,
                struct pp_span_times *times_out);

/* Let the thread be in another span, which was some thread's 'span', or in none (0, or one that has
 * ended). */
void pp_span_move(struct pp_sig_thread *thread, uint64_t key);

/* Room for spans in the session's recording: for some, and for many once there are any.  The
 * helper's. */
void pp_spans_publish(struct pp_session *session);

/* In a child after fork. */
void pp_spans_forget_parent(void);

#endif
