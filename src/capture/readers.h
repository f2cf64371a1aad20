/* Readers of the recording, in any process: what they want of the sampler, and which are gone.
 * (capture/readers.c) */
#ifndef PP_CAPTURE_READERS_H
#define PP_CAPTURE_READERS_H

#include <stdbool.h>
#include <stdint.h>

#include "recording/layout.h"

/* Free the slots of readers that are gone: killed, or, where their number means nothing here, with
 * a lease that ran out a minute ago.  'now_ns' is CLOCK_MONOTONIC.  The helper's. */
void pp_readers_forget_gone(struct pp_rec_header *header, uint64_t now_ns);

/* The highest rate that a reader wants, by a lease that holds; 0: none wants any. */
uint64_t pp_readers_want_millihertz(const struct pp_rec_header *header, uint64_t now_ns);

/* The lowest segment sequence that a reader has not yet taken; UINT64_MAX without one. */
uint64_t pp_readers_need_from(struct pp_rec_header *header);

#endif
