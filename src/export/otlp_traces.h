/* A window as a span, "profile:OPERATION". */
#ifndef PP_EXPORT_OTLP_TRACES_H
#define PP_EXPORT_OTLP_TRACES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "export/resource.h"
#include "export/sink.h"

enum { PP_WINDOW_ID_BYTES = 16 };

struct pp_trace_context {
    uint8_t trace_id[16], span_id[8];
};

/* W3C's "00-TRACE-SPAN-FLAGS"; false when it is none. */
bool pp_traceparent_read(const char *header, struct pp_trace_context *context_out);

/* Append an ExportTraceServiceRequest.  The same 'id' gives the same span; it is a child of the
 * window's context where there is one, else a trace of its own; spans that samples were taken in
 * are its links. */
void pp_otlp_span_put(struct pp_buffer *out, const struct pp_resource *resource,
                      const struct pp_export_window *window, const uint8_t id[PP_WINDOW_ID_BYTES]);

#endif
