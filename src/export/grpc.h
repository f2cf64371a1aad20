/* gRPC's unary calls, as bytes: the frame around a message, and what trailers say. */
#ifndef PP_EXPORT_GRPC_H
#define PP_EXPORT_GRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* Append 'message' with its frame. */
void pp_grpc_put_frame(struct pp_buffer *out, const void *message, size_t n_bytes,
                       bool is_compressed);

/* The message of an answer; false when there is no whole, uncompressed one. */
bool pp_grpc_frame(const void *bytes, size_t n_bytes, const uint8_t **message_out,
                   size_t *n_message_out);

/* The retry_delay of the google.rpc.RetryInfo in grpc-status-details-bin (base64, padded or not);
 * false when there is none. */
bool pp_grpc_retry_info(const char *details, double *delay_s_out);

#endif
