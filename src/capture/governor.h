/* Keeps the profiler within its budget (PPROFC_BUDGET): measures what it costs, asks budget.h, and
 * changes the rate and the heap's interval.  The helper thread's.  (capture/governor.c) */
#ifndef PP_CAPTURE_GOVERNOR_H
#define PP_CAPTURE_GOVERNOR_H

#include <stdint.h>

#include "capture/session.h"

/* As the session begins; without a budget nothing is done, now and later. */
void pp_governor_begin(struct pp_session *session);

/* The rate where 'wanted_hz' is wanted. */
double pp_governor_rate(const struct pp_session *session, double wanted_hz);

/* At each turn, when the accounts are up to date. */
void pp_governor_turn(struct pp_session *session, uint64_t now_ns);

#endif
