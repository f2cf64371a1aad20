/* What the program holds of what it asked its allocator for. */
#ifndef PP_CAPTURE_HEAP_LIVE_H
#define PP_CAPTURE_HEAP_LIVE_H

#include "recording/layout.h"

/* Sum it up over the sites, into the header's heap: at the moment when the allocator is asked for
 * its own figures, which it is compared with. */
void pp_heap_live_measure(struct pp_rec_header *header);

#endif
