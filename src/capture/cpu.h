/* CPU sampling: how long until a thread's next sample. */
#ifndef PP_CAPTURE_CPU_H
#define PP_CAPTURE_CPU_H

#include <stdint.h>

#include "capture/session.h"

/* From 0 to below 1. */
double pp_cpu_random_share(struct pp_session *session);

/* A time around a mean: uniform from 0.5 to 1.5 of it. */
uint64_t pp_cpu_draw(struct pp_session *session, double mean_ns);

/* A period around the mean asked for, times the session's scale. */
uint64_t pp_cpu_draw_period(struct pp_session *session, struct pp_watch *watch);

/* When it is due: draw new periods for threads that have taken some samples since theirs was drawn,
 * and correct the scale. */
void pp_cpu_jitter(struct pp_session *session, uint64_t now_ns);

/* How long until that is due; 0: now. */
uint64_t pp_cpu_redraw_due_in_ns(const struct pp_session *session, uint64_t now_ns);

/* A new mean rate for all threads, at once. */
void pp_cpu_set_rate(struct pp_session *session, double rate_hz);

#endif
