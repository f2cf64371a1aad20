/* Writing JSON (RFC 8259). */
#include "base/json_writer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* ---- strings ---- */

static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

/* One character that needs care; returns its length in bytes. */
static size_t put_special(struct pp_buffer *out, const char *bytes, size_t n_bytes)
{
    const unsigned char byte = (unsigned char)bytes[0];
    const size_t length = pp_utf8_length(bytes, n_bytes);

    if (byte == '"' || byte == '\\')
        pp_buffer_printf(out, "\\%c", byte);
    else if (byte < 0x20 || byte == 0x7f)
        pp_buffer_printf(out, "\\u%04x", byte);
    else if (length == 0)
        pp_buffer_append(out, "\xef\xbf\xbd", 3);
    else if (length == 3 && memcmp(bytes, "\xe2\x80", 2) == 0 &&
             (bytes[2] == '\xa8' || bytes[2] == '\xa9'))
        pp_buffer_printf(out, "\\u20%02x",
                         bytes[2] == '\xa8' ? 0x28 : 0x29); /* ends a line in old JavaScript */
    else
        pp_buffer_append(out, bytes, length);
    return length == 0 ? 1 : length;
}

static void put_string(struct pp_buffer *out, const char *bytes, size_t n_bytes)
{
    size_t at = 0;

    pp_buffer_append(out, "\"", 1);
    while (at < n_bytes) {
        size_t end = at;
        while (end < n_bytes && is_plain((unsigned char)bytes[end]))
            end++;
        pp_buffer_append(out, bytes + at, end - at);
        at = end;
        if (at < n_bytes)
            at += put_special(out, bytes + at, n_bytes - at);
    }
    pp_buffer_append(out, "\"", 1);
}

/* ---- structure ---- */

static void begin_value(struct pp_json *json, const char *key)
{
    if (json->needs_comma)
        pp_buffer_append(json->out, ",", 1);
    json->needs_comma = true;
    if (key == NULL)
        return;
    put_string(json->out, key, strlen(key));
    pp_buffer_append(json->out, ":", 1);
}

static void begin(struct pp_json *json, const char *key, const char *bracket)
{
    begin_value(json, key);
    pp_buffer_append(json->out, bracket, 1);
    json->needs_comma = false;
}

static void end(struct pp_json *json, const char *bracket)
{
    pp_buffer_append(json->out, bracket, 1);
    json->needs_comma = true;
}

void pp_json_begin_object(struct pp_json *json, const char *key)
{
    begin(json, key, "{");
}

void pp_json_end_object(struct pp_json *json)
{
    end(json, "}");
}

void pp_json_begin_array(struct pp_json *json, const char *key)
{
    begin(json, key, "[");
}

void pp_json_end_array(struct pp_json *json)
{
    end(json, "]");
}

/* ---- values ---- */

void pp_json_bytes(struct pp_json *json, const char *key, const char *bytes, size_t n_bytes)
{
    begin_value(json, key);
    put_string(json->out, bytes, n_bytes);
}

void pp_json_text(struct pp_json *json, const char *key, const char *text)
{
    pp_json_bytes(json, key, text, strlen(text));
}

/* By hand: a table of stacks is nothing but integers, and printf is five times as slow. */
void pp_json_integer(struct pp_json *json, const char *key, int64_t number)
{
    uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
    char digits[24];
    size_t at = sizeof digits;

    begin_value(json, key);
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (number < 0)
        digits[--at] = '-';
    pp_buffer_append(json->out, digits + at, sizeof digits - at);
}

void pp_json_fraction(struct pp_json *json, const char *key, double number)
{
    int64_t scaled;

    if (!isfinite(number) || fabs(number) > 9e14) {
        pp_json_null(json, key);
        return;
    }
    scaled = llround(number * 1e4);
    begin_value(json, key);
    pp_buffer_printf(json->out, "%s%" PRId64 ".%04" PRId64, scaled < 0 ? "-" : "",
                     (scaled < 0 ? -scaled : scaled) / 10000,
                     (scaled < 0 ? -scaled : scaled) % 10000);
}

static void put_digits(struct pp_json *json, const char *key, int n_digits, double number)
{
    begin_value(json, key);
    pp_buffer_printf(json->out, "%.*g", n_digits, number);
}

void pp_json_number(struct pp_json *json, const char *key, double number)
{
    if (isfinite(number))
        put_digits(json, key, 6, number);
    else
        pp_json_null(json, key);
}

void pp_json_double(struct pp_json *json, const char *key, double number)
{
    if (isfinite(number))
        put_digits(json, key, 17, number);
    else if (isnan(number))
        pp_json_text(json, key, "NaN");
    else
        pp_json_text(json, key, number > 0 ? "Infinity" : "-Infinity");
}

void pp_json_bool(struct pp_json *json, const char *key, bool value)
{
    begin_value(json, key);
    pp_buffer_text(json->out, value ? "true" : "false");
}

void pp_json_null(struct pp_json *json, const char *key)
{
    begin_value(json, key);
    pp_buffer_text(json->out, "null");
}
