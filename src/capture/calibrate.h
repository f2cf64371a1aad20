/* What it costs to deliver one sample: the kernel's timer interrupt, the signal and the return from
 * it. */
#ifndef PP_CAPTURE_CALIBRATE_H
#define PP_CAPTURE_CALIBRATE_H

#include <stdint.h>

#include "capture/delivery.h"

/* Measure it on the calling thread (the helper) with an event of its own: how long a loop stands
 * still for a sample, the median of 25, some 3 ms in all; of CPU timers, which come with a tick
 * that is there anyway, and of the sampler what a signal costs.  Nanoseconds a sample, or 0 when it
 * could not be measured. */
uint64_t pp_calibrate_delivery(enum pp_rec_delivery delivery);

#endif
