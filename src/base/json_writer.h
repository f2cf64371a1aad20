/* Writing JSON, piece by piece, into a buffer: commas and escapes are its business, the nesting is
 * the caller's. What it writes is always valid JSON in valid UTF-8, whatever bytes the names have.
 */
#ifndef PP_BASE_JSON_WRITER_H
#define PP_BASE_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct pp_json {
    struct pp_buffer *out;
    bool needs_comma; /* something stands before in this object or array */
};

/* 'key' names the member when the surrounding thing is an object, and is NULL in an array. */
void pp_json_begin_object(struct pp_json *json, const char *key);
void pp_json_end_object(struct pp_json *json);
void pp_json_begin_array(struct pp_json *json, const char *key);
void pp_json_end_array(struct pp_json *json);

void pp_json_text(struct pp_json *json, const char *key, const char *text);
void pp_json_bytes(struct pp_json *json, const char *key, const char *bytes, size_t n_bytes);
void pp_json_integer(struct pp_json *json, const char *key, int64_t number);
void pp_json_fraction(struct pp_json *json, const char *key,
                      double number); /* four decimals; not finite: null */
void pp_json_number(struct pp_json *json, const char *key,
                    double number); /* six digits, however small; not finite: null */
/* All 17 digits that a double may need; what is not finite as protobuf's JSON has it: "NaN". */
void pp_json_double(struct pp_json *json, const char *key, double number);
void pp_json_bool(struct pp_json *json, const char *key, bool value);
void pp_json_null(struct pp_json *json, const char *key);

#endif
