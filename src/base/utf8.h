/* Text that comes from anywhere, as valid UTF-8. */
#ifndef PP_BASE_UTF8_H
#define PP_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* Length in bytes of the character at 'bytes' (1 to 4), or 0 when it is not valid UTF-8 there. */
size_t pp_utf8_length(const char *bytes, size_t n_bytes);

/* How many of the first bytes are valid UTF-8. */
size_t pp_utf8_valid_bytes(const char *bytes, size_t n_bytes);

/* Append 'bytes' with U+FFFD in the place of each byte that is not valid UTF-8. */
void pp_utf8_append(struct pp_buffer *out, const char *bytes, size_t n_bytes);

/* Append a code point; what is none (a surrogate, above 10FFFF) becomes U+FFFD. */
void pp_utf8_append_code(struct pp_buffer *out, uint32_t code);

/* Append UTF-16 text (without its byte order mark) as UTF-8. */
void pp_utf8_append_utf16(struct pp_buffer *out, const void *bytes, size_t n_bytes,
                          bool is_big_endian);

#endif
