/* Bytes as text. */
#ifndef PP_BASE_BASE64_H
#define PP_BASE_BASE64_H

#include "base/buffer.h"

/* Append 'n_bytes' as RFC 4648's base64, padded. */
void pp_base64_append(struct pp_buffer *out, const void *bytes, size_t n_bytes);

#endif
