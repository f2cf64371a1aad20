/* One export request over OTLP's three transports, and what its answer means. */
#ifndef PP_EXPORT_OTLP_REQUEST_H
#define PP_EXPORT_OTLP_REQUEST_H

#include "export/otlp_settings.h"
#include "export/uploader.h"

/* Send 'message', an export request of 'signal' in protobuf, as 'settings' say. */
void pp_otlp_request_send(struct pp_http_client *client, enum pp_signal signal,
                          const struct pp_otlp_signal *settings, const struct pp_buffer *message,
                          const atomic_bool *is_cancelled, struct pp_outcome *outcome_out);

/* What an answer means; for tests without a network. */
void pp_otlp_outcome(const struct pp_otlp_signal *settings, struct pp_http_reply *reply,
                     struct pp_outcome *outcome_out);

#endif
