/* What the allocator says of itself: how much of what it has taken from the kernel is in use. */
#ifndef PP_CAPTURE_ALLOCATOR_H
#define PP_CAPTURE_ALLOCATOR_H

#include <stdbool.h>

#include "recording/layout.h"

/* Ask it, and write its figures into 'heap'.  Takes the allocator's locks, one after the other, and
 * reads what is mapped: from a thread of the application's that is not in a signal handler, or from
 * the helper when somebody outside has asked. */
void pp_allocator_measure(struct pp_rec_heap *heap);

/* Whether the calling thread is in a signal handler, which may have come upon the allocator with a
 * lock held. */
bool pp_allocator_is_barred(void);

#endif
