/* A comparison for programs. */
#ifndef PP_FORMATS_DIFF_JSON_H
#define PP_FORMATS_DIFF_JSON_H

#include "base/buffer.h"
#include "base/json_writer.h"
#include "profile/diff.h"

/* Append the comparison as one JSON object: both sides, how it was judged, every function in the
 * diff's order. */
void pp_diff_json_write(const struct pp_diff *diff, struct pp_buffer *out);

/* Its members, into an object that is open. */
void pp_diff_json_members(const struct pp_diff *diff, struct pp_json *json);

/* Two numbers as an array, full precision; null where a number is none. */
void pp_diff_json_interval(struct pp_json *json, const char *key,
                           const struct pp_interval *interval);

#endif
