/* Numbers as people read them, and as files spell them. */
#ifndef PP_BASE_NUMBERS_H
#define PP_BASE_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PP_NUMBER_TEXT_BYTES = 40 }; /* enough for every text below with its NUL */

/* Each fills 'text' and returns it. */
const char *pp_count_text(int64_t count, char text[PP_NUMBER_TEXT_BYTES]); /* "1 229" */
const char *pp_duration_text(double time_ns,
                             char text[PP_NUMBER_TEXT_BYTES]); /* "12.28 s", "3.1 ms" */
const char *pp_bytes_text(double n_bytes, char text[PP_NUMBER_TEXT_BYTES]); /* "41 KiB" */

/* A value of a sample type, by its unit: "nanoseconds" to "seconds", "bytes", anything else is a
 * count. */
const char *pp_value_text(int64_t value, const char *unit, char text[PP_NUMBER_TEXT_BYTES]);

/* 100 * part / whole, and 0 when there is no whole. */
double pp_percent(int64_t part, int64_t whole);

/* The decimal number that is all of 'bytes' ("42", "-7"); false when there is anything else or it
 * does not fit. */
bool pp_parse_int64(const char *bytes, size_t n_bytes, int64_t *value_out);

#endif
