/* An allocator's own figures, and what they say of fragmentation. */
#include "serve/metrics_heap.h"

#include "formats/recording_heap.h"
#include "profile/fragmentation.h"

/* Bytes; -1: not known. */
static int64_t figure(enum pp_heap_metric metric, const struct pp_heap_memory *memory,
                      const struct pp_fragmentation *made)
{
    switch (metric) {
    case PP_METRIC_HEAP_OBJECTS:
        return made->in_objects;
    case PP_METRIC_HEAP_RESIDENT:
        return memory->resident_bytes;
    case PP_METRIC_HEAP_HELD:
        return memory->held_bytes;
    case PP_METRIC_HEAP_RETAINED:
        return made->retained;
    case PP_METRIC_HEAP_EXTERNAL:
        return made->external;
    case PP_METRIC_HEAP_INTERNAL:
        return made->internal;
    default:
        return -1;
    }
}

void pp_metrics_heap_write(struct pp_served *target, enum pp_heap_metric metric, const char *name,
                           const char *process, struct pp_buffer *out)
{
    struct pp_fragmentation made;
    struct pp_heap_memory memory;
    int64_t n_bytes;

    if (!pp_served_has_heap(target) || !pp_recorded_memory(pp_served_header(target), &memory) ||
        !pp_fragmentation_make(&memory, &made))
        return;
    n_bytes = figure(metric, &memory, &made);
    if (metric == PP_METRIC_HEAP_FRAGMENTATION)
        pp_buffer_printf(out, "%s{%s} %.4f\n", name, process, made.ratio);
    else if (n_bytes >= 0)
        pp_buffer_printf(out, "%s{%s} %lld\n", name, process, (long long)n_bytes);
}
