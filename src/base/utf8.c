/* Text that comes from anywhere, as valid UTF-8 (Unicode 15, table 3-7: no overlong forms, no
 * surrogates). */
#include "base/utf8.h"

static bool is_tail(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

size_t pp_utf8_length(const char *text, size_t n_bytes)
{
    const unsigned char *b = (const unsigned char *)text;

    if (n_bytes == 0)
        return 0;
    if (b[0] < 0x80)
        return 1;
    if (b[0] < 0xc2 || b[0] > 0xf4 || n_bytes < 2 || !is_tail(b[1]))
        return 0;
    if (b[0] < 0xe0)
        return 2;
    if (n_bytes < 3 || !is_tail(b[2]))
        return 0;
    if (b[0] < 0xf0)
        return (b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xed && b[1] > 0x9f) ? 0 : 3;
    if (n_bytes < 4 || !is_tail(b[3]))
        return 0;
    return (b[0] == 0xf0 && b[1] < 0x90) || (b[0] == 0xf4 && b[1] > 0x8f) ? 0 : 4;
}

size_t pp_utf8_valid_bytes(const char *bytes, size_t n_bytes)
{
    size_t at = 0;

    while (at < n_bytes) {
        const size_t length =
            (unsigned char)bytes[at] < 0x80 ? 1 : pp_utf8_length(bytes + at, n_bytes - at);
        if (length == 0)
            break;
        at += length;
    }
    return at;
}

void pp_utf8_append(struct pp_buffer *out, const char *bytes, size_t n_bytes)
{
    for (;;) {
        const size_t n_valid = pp_utf8_valid_bytes(bytes, n_bytes);
        pp_buffer_append(out, bytes, n_valid);
        if (n_valid == n_bytes)
            return;
        pp_buffer_append(out, "\xef\xbf\xbd", 3);
        bytes += n_valid + 1;
        n_bytes -= n_valid + 1;
    }
}

void pp_utf8_append_code(struct pp_buffer *out, uint32_t code)
{
    char bytes[4];
    size_t n_bytes;

    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        code = 0xfffd;
    if (code < 0x80) {
        bytes[0] = (char)code;
        n_bytes = 1;
    } else if (code < 0x800) {
        bytes[0] = (char)(0xc0 | code >> 6);
        bytes[1] = (char)(0x80 | (code & 0x3f));
        n_bytes = 2;
    } else if (code < 0x10000) {
        bytes[0] = (char)(0xe0 | code >> 12);
        bytes[1] = (char)(0x80 | (code >> 6 & 0x3f));
        bytes[2] = (char)(0x80 | (code & 0x3f));
        n_bytes = 3;
    } else {
        bytes[0] = (char)(0xf0 | code >> 18);
        bytes[1] = (char)(0x80 | (code >> 12 & 0x3f));
        bytes[2] = (char)(0x80 | (code >> 6 & 0x3f));
        bytes[3] = (char)(0x80 | (code & 0x3f));
        n_bytes = 4;
    }
    pp_buffer_append(out, bytes, n_bytes);
}

static uint32_t unit_at(const unsigned char *bytes, size_t at, bool is_big_endian)
{
    return is_big_endian ? (uint32_t)bytes[at] << 8 | bytes[at + 1]
                         : (uint32_t)bytes[at + 1] << 8 | bytes[at];
}

void pp_utf8_append_utf16(struct pp_buffer *out, const void *bytes, size_t n_bytes,
                          bool is_big_endian)
{
    for (size_t at = 0; at + 1 < n_bytes; at += 2) {
        uint32_t code = unit_at(bytes, at, is_big_endian);
        if (code >= 0xd800 && code < 0xdc00 && at + 3 < n_bytes) {
            const uint32_t low = unit_at(bytes, at + 2, is_big_endian);
            if (low >= 0xdc00 && low < 0xe000) {
                code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                at += 2;
            }
        }
        pp_utf8_append_code(out, code);
    }
    if (n_bytes % 2 != 0)
        pp_utf8_append_code(out, 0xfffd);
}
