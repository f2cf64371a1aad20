/* What it has cost to bring a session's samples: the kernel's part, measured in the program. */
#ifndef PP_RECORDING_DELIVERY_COST_H
#define PP_RECORDING_DELIVERY_COST_H

#include <stdbool.h>
#include <stdint.h>

#include "recording/layout.h"

/* Whether it has been measured, which takes 5 s of CPU. */
static inline bool pp_rec_delivery_is_known(const struct pp_rec_header *head)
{
    return head->delivery_ns != 0 || head->delivery_total_ns != 0;
}

/* Of all samples of the session so far, of which 'n_samples' are counted; 0: not known.  Recordings
 * from before the sum was kept count each as one by the session's own way. */
static inline uint64_t pp_rec_delivery_cost_ns(const struct pp_rec_header *head, uint64_t n_samples)
{
    return head->delivery_total_ns != 0 ? head->delivery_total_ns : n_samples * head->delivery_ns;
}

#endif
