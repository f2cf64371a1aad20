/* Profiles as OTLP metrics: counts since a start, and what is hot now. */
#ifndef PP_EXPORT_OTLP_METRICS_H
#define PP_EXPORT_OTLP_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "export/resource.h"
#include "export/sink.h"

enum { PP_MAX_COUNTERS = 40, PP_MAX_SERIES = 64, PP_CAUSE_BYTES = 40, PP_KIND_BYTES = 16 };

struct pp_counter {
    int metric; /* which: an index of the table in otlp_metrics.c */
    char cause[PP_CAUSE_BYTES];
    int64_t value;
};

/* What was counted of one kind in one process. */
struct pp_metric_series {
    int32_t pid;
    char kind[PP_KIND_BYTES];
    uint64_t start_ns, used_ns, sent_ns; /* CLOCK_REALTIME; 0: not in use */
    struct pp_counter counters[PP_MAX_COUNTERS];
    size_t n_counters;
};

struct pp_metric_store {
    struct pp_metric_series series[PP_MAX_SERIES];
};

/* Count a window.  Its series, which lives as long as the store. */
struct pp_metric_series *pp_metrics_count(struct pp_metric_store *store,
                                          const struct pp_export_window *window);

/* What became of windows that a sink was given before this one. */
struct pp_sent {
    uint64_t start_ns; /* when it was made */
    struct pp_sink_facts facts;
};

/* Append an ExportMetricsServiceRequest: the counts of 'series', what is true of the window, and
 * 'sent', unless it is NULL or all is 0.
 * Nothing, when nothing is known. */
void pp_otlp_metrics_put(struct pp_buffer *out, const struct pp_resource *resource,
                         const struct pp_metric_series *series,
                         const struct pp_export_window *window, const struct pp_sent *sent);

#endif
