/* Texts in /metrics. */
#ifndef PP_SERVE_METRICS_TEXT_H
#define PP_SERVE_METRICS_TEXT_H

#include "base/buffer.h"

/* A label's value: what would end it is escaped, what is no UTF-8 becomes '?', and it
 * ends after 120 bytes. */
void pp_metrics_append_value(struct pp_buffer *out, const char *text);

#endif
