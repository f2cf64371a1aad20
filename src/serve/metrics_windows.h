/* What /metrics says of continuous mode and its sinks. */
#ifndef PP_SERVE_METRICS_WINDOWS_H
#define PP_SERVE_METRICS_WINDOWS_H

#include "base/buffer.h"
#include "serve/service.h"

enum pp_windows_metric {
    PP_METRIC_WINDOWS,
    PP_METRIC_FLIGHTS,
    PP_METRIC_EXPORTS,
    PP_METRIC_EXPORTED_BYTES,
    PP_METRIC_EXPORT_QUEUES,
};

/* Append the lines of one family, which has none where continuous mode is off. */
void pp_metrics_windows_write(struct pp_service *service, enum pp_windows_metric metric,
                              struct pp_buffer *out);

#endif
