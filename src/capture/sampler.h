/* The sampler: for threads that have neither a perf event nor a CPU timer, and for rates above the
 * kernel's tick where perf events are refused. */
#ifndef PP_CAPTURE_SAMPLER_H
#define PP_CAPTURE_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/session.h"

/* Some thread's source is the sampler's: begin to look. */
void pp_sampler_begin(struct pp_session *session);

/* Look when it is time to; gives when that is next (CLOCK_MONOTONIC), UINT64_MAX: never. */
uint64_t pp_sampler_tend(struct pp_session *session);

/* Send a thread the sampler's signal, marked with 'hint' (pp_sig_thread_hint). */
bool pp_sampler_signal(int32_t tid, uint64_t hint);

#endif
