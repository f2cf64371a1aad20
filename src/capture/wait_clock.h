/* The clock of waits: the CPU's time stamp counter where the kernel trusts it, too. */
#ifndef PP_CAPTURE_WAIT_CLOCK_H
#define PP_CAPTURE_WAIT_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Choose it and set pp_sig_wait_clock for a mean of 'interval_ns' between events, and of
 * 'lock_interval_ns' for locks.  Takes a millisecond the first time where it measures the counter.
 * PPROFC_WAIT_CLOCK=monotonic takes the other one, for tests. */
void pp_wait_clock_begin(uint64_t interval_ns, uint64_t lock_interval_ns);

/* Measure again, over all that has gone by since. */
void pp_wait_clock_tend(void);

#endif
