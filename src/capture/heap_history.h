/* How each site's memory in use went, and how old it is. */
#ifndef PP_CAPTURE_HEAP_HISTORY_H
#define PP_CAPTURE_HEAP_HISTORY_H

#include <stdint.h>

struct pp_session;

/* Add a point when one is due: every 100 ms at first, then seldomer, so that the points that there
 * are always reach back to the beginning. */
void pp_heap_history_tend(struct pp_session *session, uint64_t now_ns);

/* The last point, whenever it comes. */
void pp_heap_history_last(struct pp_session *session);

/* Look at all objects that are followed: each site's oldest, and their mean birth. */
void pp_heap_history_ages(struct pp_session *session);

#endif
