/* OTLP's JSON made of its protobuf: one encoder makes both. */
#ifndef PP_EXPORT_OTLP_TO_JSON_H
#define PP_EXPORT_OTLP_TO_JSON_H

#include "base/buffer.h"
#include "export/otlp_settings.h"

/* Append the export request of 'signal' in 'bytes' as JSON: names in camel case, ids hexadecimal,
 * 64 bits in quotes.  Fields that no message of ours has are left out.  -EBADMSG for what is no
 * such message; -ENOMEM. */
int pp_otlp_to_json(enum pp_signal signal, const void *bytes, size_t n_bytes,
                    struct pp_buffer *out);

#endif
