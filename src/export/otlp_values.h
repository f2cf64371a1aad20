/* KeyValues, as the messages of metrics, traces and resources have them. */
#ifndef PP_EXPORT_OTLP_VALUES_H
#define PP_EXPORT_OTLP_VALUES_H

#include <stdint.h>

#include "base/buffer.h"
#include "export/resource.h"

/* Each appends one as field 'number'; what is no UTF-8 in a text becomes U+FFFD. */
void pp_otlp_put_text(struct pp_buffer *out, uint32_t number, const char *key, const char *text);
void pp_otlp_put_integer(struct pp_buffer *out, uint32_t number, const char *key, int64_t value);
void pp_otlp_put_double(struct pp_buffer *out, uint32_t number, const char *key, double value);

/* A double, or 64 bits, as field 'number', also when it is 0: members of a oneof say so. */
void pp_otlp_put_double_field(struct pp_buffer *out, uint32_t number, double value);
void pp_otlp_put_fixed64_field(struct pp_buffer *out, uint32_t number, uint64_t value);

/* A name cut to 'most_bytes', between two characters of UTF-8. */
void pp_otlp_put_short_text(struct pp_buffer *out, uint32_t number, const char *key,
                            const char *text, size_t most_bytes);

/* A Resource as field 'number'; the scope that the metrics or spans behind it are in. */
void pp_otlp_put_resource(struct pp_buffer *out, uint32_t number,
                          const struct pp_resource *resource);
void pp_otlp_put_scope(struct pp_buffer *out, uint32_t number, const char *name);

#endif
