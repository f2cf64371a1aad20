/* The sampler: for threads that have neither a perf event nor a CPU timer, and for rates above the
 * kernel's tick where perf events are refused. */
#ifndef PP_CAPTURE_SAMPLER_H
#define PP_CAPTURE_SAMPLER_H

#include <stdint.h>

#include "capture/session.h"

/* Some thread's source is the sampler's: begin to look. */
void pp_sampler_begin(struct pp_session *session);

/* Look when it is time to; gives when that is next (CLOCK_MONOTONIC), UINT64_MAX: never. */
uint64_t pp_sampler_tend(struct pp_session *session);

#endif
