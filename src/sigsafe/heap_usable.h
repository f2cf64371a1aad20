/* Counting usable bytes, exactly: what the allocator really gave for each call, by its own
 * malloc_usable_size().
 *
 * It costs a look at each object when it comes and when it goes, so it is done on request only: by
 * calls that are put between ours and the allocator's, in their tables.  Without the request
 * nothing of it is on the way. */
#ifndef PP_SIGSAFE_HEAP_USABLE_H
#define PP_SIGSAFE_HEAP_USABLE_H

#include "sigsafe/heap_calls.h"
#include "sigsafe/sigsafe.h"

/* Begin and end to count; the helper's, or of a child that was just forked.  Calls that are under
 * way go on as they began. */
PP_SIG void pp_sig_heap_usable_begin(void);
PP_SIG void pp_sig_heap_usable_end(void);

/* The allocator's own calls, whether or not something is counted in front of them. */
PP_SIG const struct pp_sig_allocator *pp_sig_allocator_itself(void);

#endif
