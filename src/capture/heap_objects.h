/* The objects that are followed, all of them, while threads go on changing what there is. */
#ifndef PP_CAPTURE_HEAP_OBJECTS_H
#define PP_CAPTURE_HEAP_OBJECTS_H

#include "sigsafe/heap_map.h"

/* Call 'visit' with each object and its address, which is what it is known by.  What comes or goes
 * meanwhile may be met, once or twice, or not. */
void pp_heap_each_object(void (*visit)(void *context, uint64_t address,
                                       const struct pp_sig_heap_object *object),
                         void *context);

#endif
