/* Text as people and XML readers can bear it. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "views/flamegraph_parts.h"

/* The code point that starts at 'bytes' and its length, or length 0 when that is not UTF-8 (cut,
 * overlong, surrogates, beyond U+10FFFF). */
static uint32_t decode(const unsigned char *bytes, size_t n_bytes, size_t *length_out)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length, i;
    uint32_t code;

    *length_out = 0;
    if (bytes[0] < 0x80) {
        *length_out = 1;
        return bytes[0];
    }
    length = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;
    if (bytes[0] < 0xc2 || bytes[0] > 0xf4 || length > n_bytes)
        return 0;
    code = bytes[0] & (0x7fu >> length);
    for (i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (bytes[i] & 0x3f);
    }
    if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    *length_out = length;
    return code;
}

/* Not to be shown as itself: it would not be seen, would reorder what is around it, or is not
 * allowed in XML. */
static bool is_hidden(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xad || code == 0x61c ||
           (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2060 && code <= 0x206f) || code == 0xfeff ||
           (code >= 0xfdd0 && code <= 0xfdef) || (code & 0xfffe) == 0xfffe ||
           (code >= 0xe0000 && code <= 0xe0fff);
}

void pp_flame_clean(struct pp_buffer *text, const char *bytes, size_t n_bytes, size_t max_bytes)
{
    const size_t start = text->n_bytes;
    size_t i = 0, length;

    while (i < n_bytes) {
        const unsigned char *at = (const unsigned char *)bytes + i;
        const uint32_t code = decode(at, n_bytes - i, &length);
        if (text->n_bytes - start >= max_bytes) {
            pp_buffer_text(text, "…");
            return;
        }
        if (length == 0 || code < 0x20 || code == 0x7f) {
            pp_buffer_printf(text, "\\x%02X", at[0]);
            length = 1;
        } else if (is_hidden(code)) {
            pp_buffer_printf(text, "\\u{%04X}", code);
        } else {
            pp_buffer_append(text, at, length);
        }
        i += length;
        if (text->failed)
            return;
    }
}

/* Copy 'text' but for the bytes that have something else to stand for them. */
static void escape(struct pp_buffer *out, const char *text, size_t n_bytes,
                   const char *(*stands_for)(char))
{
    size_t from = 0, i;

    for (i = 0; i < n_bytes; i++) {
        const char *instead = stands_for(text[i]);
        if (instead == NULL)
            continue;
        pp_buffer_append(out, text + from, i - from);
        pp_buffer_append(out, instead, strlen(instead));
        from = i + 1;
    }
    pp_buffer_append(out, text + from, n_bytes - from);
}

static const char *in_xml(char c)
{
    switch (c) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* '<', '>' and '&' are written as JSON escapes, so that JSON inside XML needs no escaping of its
 * own and no name can end the element it stands in. */
static const char *in_json(char c)
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '<':
        return "\\u003c";
    case '>':
        return "\\u003e";
    case '&':
        return "\\u0026";
    default:
        return NULL;
    }
}

void pp_flame_xml(struct pp_buffer *out, const char *text, size_t n_bytes)
{
    escape(out, text, n_bytes, in_xml);
}

void pp_flame_json(struct pp_buffer *out, const char *text, size_t n_bytes)
{
    escape(out, text, n_bytes, in_json);
}

void pp_flame_number(struct pp_buffer *out, int64_t number)
{
    char digits[24];
    const int n_digits = snprintf(digits, sizeof digits, "%lld", (long long)number);
    int i;

    for (i = 0; i < n_digits; i++) {
        if (i > 0 && (n_digits - i) % 3 == 0 && digits[i - 1] != '-')
            pp_buffer_append(out, " ", 1);
        pp_buffer_append(out, &digits[i], 1);
    }
}

static void scaled(struct pp_buffer *out, double value, const char *unit)
{
    pp_buffer_printf(out, "%.*f %s", value < 10 ? 2 : value < 100 ? 1 : 0, value, unit);
}

static void nanoseconds(struct pp_buffer *out, double ns)
{
    if (ns < 1e3)
        pp_buffer_printf(out, "%.0f ns", ns);
    else if (ns < 1e6)
        scaled(out, ns / 1e3, "µs");
    else if (ns < 1e9)
        scaled(out, ns / 1e6, "ms");
    else if (ns < 3600e9)
        scaled(out, ns / 1e9, "s");
    else
        scaled(out, ns / 3600e9, "h");
}

static void binary_bytes(struct pp_buffer *out, double n_bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t i = 0;

    if (n_bytes < 1024) {
        pp_buffer_printf(out, "%.0f B", n_bytes);
        return;
    }
    for (n_bytes /= 1024; n_bytes >= 1024 && i < 5; i++)
        n_bytes /= 1024;
    scaled(out, n_bytes, units[i]);
}

void pp_flame_value(struct pp_buffer *out, int64_t value, const char *unit)
{
    if (strcmp(unit, "nanoseconds") == 0)
        nanoseconds(out, (double)value);
    else if (strcmp(unit, "bytes") == 0)
        binary_bytes(out, (double)value);
    else
        pp_flame_number(out, value);
}

void pp_flame_date(struct pp_buffer *out, int64_t time_ns)
{
    const time_t seconds = (time_t)(time_ns / 1000000000);
    struct tm utc;
    char text[64];

    if (gmtime_r(&seconds, &utc) != NULL &&
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &utc) > 0)
        pp_buffer_text(out, text);
}

const char *pp_flame_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}
