/* What /metrics says of the memory of an allocator. */
#ifndef PP_SERVE_METRICS_HEAP_H
#define PP_SERVE_METRICS_HEAP_H

#include "base/buffer.h"
#include "serve/service.h"

enum pp_heap_metric {
    PP_METRIC_HEAP_OBJECTS,
    PP_METRIC_HEAP_RESIDENT,
    PP_METRIC_HEAP_HELD,
    PP_METRIC_HEAP_RETAINED,
    PP_METRIC_HEAP_EXTERNAL,
    PP_METRIC_HEAP_INTERNAL,
    PP_METRIC_HEAP_FRAGMENTATION,
};

/* Append a process's line of family 'name', whose labels are 'process'; none where its allocator
 * has not been asked, or does not tell. */
void pp_metrics_heap_write(struct pp_served *target, enum pp_heap_metric metric, const char *name,
                           const char *process, struct pp_buffer *out);

#endif
