/* The protobuf wire format.  Source: protobuf.dev, "Encoding". */
#include "formats/wire.h"

#include <endian.h>
#include <string.h>

enum { MAX_FIELD_NUMBER = (1 << 29) - 1 };

/* Four to eight bytes as one number, which are read from both ends: zeros behind them. */
static uint64_t load_little(const uint8_t *at, size_t n_bytes)
{
    uint32_t first, last;

    memcpy(&first, at, sizeof first);
    memcpy(&last, at + n_bytes - sizeof last, sizeof last);
    return (uint64_t)le32toh(first) | (uint64_t)le32toh(last) << (8 * (n_bytes - sizeof last));
}

/* Up to eight bytes at once: what is behind the first that ends it is cut off, and the sevens of
 * bits move together in three steps. */
static bool read_at_once(struct pp_wire *wire, uint64_t *value_out)
{
    const size_t n_left = (size_t)(wire->end - wire->at), n_bytes = n_left < 8 ? n_left : 8;
    uint64_t word = load_little(wire->at, n_bytes);
    const uint64_t ends = ~word & 0x8080808080808080ULL;
    const size_t n_used = ends == 0 ? 9 : (size_t)__builtin_ctzll(ends) / 8 + 1;

    if (n_used > n_bytes)
        return false;
    word &= ends ^ (ends - 1);
    word = (word & 0x007f007f007f007fULL) | (word & 0x7f007f007f007f00ULL) >> 1;
    word = (word & 0x00003fff00003fffULL) | (word & 0x3fff00003fff0000ULL) >> 2;
    *value_out = (word & 0x000000000fffffffULL) | (word & 0x0fffffff00000000ULL) >> 4;
    wire->at += n_used;
    return true;
}

bool pp_wire_long_varint(struct pp_wire *wire, uint64_t *value_out)
{
    const uint8_t *at = wire->at;
    uint64_t value = 0;

    if (wire->end - at >= 4 && read_at_once(wire, value_out))
        return true;
    for (unsigned shift = 0; at < wire->end && shift < 7 * PP_WIRE_MOST_VARINT_BYTES; shift += 7) {
        const uint8_t byte = *at++;
        if (shift == 63 && byte > 1)
            return false; /* more than 64 bits */
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value_out = value;
            wire->at = at;
            return true;
        }
    }
    return false;
}

static bool read_fixed(struct pp_wire *wire, size_t n_bytes, uint64_t *value_out)
{
    uint64_t value = 0;

    if ((size_t)(wire->end - wire->at) < n_bytes)
        return false;
    for (size_t i = 0; i < n_bytes; i++)
        value |= (uint64_t)wire->at[i] << (8 * i);
    wire->at += n_bytes;
    *value_out = value;
    return true;
}

static bool read_payload(struct pp_wire *wire, struct pp_wire_field *field)
{
    uint64_t n_bytes;

    switch (field->type) {
    case PP_WIRE_VARINT:
        return pp_wire_varint(wire, &field->value);
    case PP_WIRE_I64:
        return read_fixed(wire, 8, &field->value);
    case PP_WIRE_I32:
        return read_fixed(wire, 4, &field->value);
    case PP_WIRE_LEN:
        if (!pp_wire_varint(wire, &n_bytes) || n_bytes > (uint64_t)(wire->end - wire->at))
            return false;
        field->bytes = pp_wire_of(wire->at, n_bytes);
        wire->at += n_bytes;
        return true;
    default:
        return false; /* groups went out of use before pprof was born */
    }
}

int pp_wire_field(struct pp_wire *wire, struct pp_wire_field *field)
{
    const uint8_t *begin = wire->at;
    uint64_t tag;

    if (begin == wire->end)
        return 0;
    if (pp_wire_varint(wire, &tag) && tag >> 3 >= 1 && tag >> 3 <= MAX_FIELD_NUMBER) {
        field->number = (uint32_t)(tag >> 3);
        field->type = (enum pp_wire_type)(tag & 7);
        field->value = 0;
        field->bytes = (struct pp_wire){NULL, NULL};
        if (read_payload(wire, field))
            return 1;
    }
    wire->at = begin;
    return -1;
}

void pp_wire_put_long_varint(struct pp_buffer *out, uint64_t value)
{
    char *room = pp_buffer_room(out, PP_WIRE_MOST_VARINT_BYTES);
    size_t n_bytes = 0;

    if (room == NULL)
        return;
    for (; value >= 0x80; value >>= 7)
        room[n_bytes++] = (char)(value | 0x80);
    room[n_bytes++] = (char)value;
    out->n_bytes += n_bytes;
}

void pp_wire_put_element(struct pp_buffer *out, uint32_t number, uint64_t value)
{
    pp_wire_put_varint(out, number << 3 | PP_WIRE_VARINT);
    pp_wire_put_varint(out, value);
}

void pp_wire_put_integer(struct pp_buffer *out, uint32_t number, uint64_t value)
{
    if (value != 0)
        pp_wire_put_element(out, number, value);
}

void pp_wire_put_fixed64(struct pp_buffer *out, uint32_t number, uint64_t value)
{
    unsigned char bytes[8];

    if (value == 0)
        return;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
    pp_wire_put_varint(out, number << 3 | PP_WIRE_I64);
    pp_buffer_append(out, bytes, sizeof bytes);
}

void pp_wire_put_bytes(struct pp_buffer *out, uint32_t number, const void *bytes, size_t n_bytes)
{
    pp_wire_put_varint(out, number << 3 | PP_WIRE_LEN);
    pp_wire_put_varint(out, n_bytes);
    pp_buffer_append(out, bytes, n_bytes);
}

/* One byte is kept for the length, which suits most messages; longer ones are moved up at their
 * end. */
size_t pp_wire_begin(struct pp_buffer *out, uint32_t number)
{
    pp_wire_put_varint(out, number << 3 | PP_WIRE_LEN);
    pp_buffer_append(out, "", 1);
    return out->n_bytes;
}

void pp_wire_end(struct pp_buffer *out, size_t begin)
{
    const size_t n_bytes = out->n_bytes - begin;
    uint64_t length = n_bytes;
    size_t n_length = 1;

    if (out->failed)
        return;
    for (uint64_t rest = length >> 7; rest != 0; rest >>= 7)
        n_length++;
    if (n_length > 1) {
        if (pp_buffer_room(out, n_length) == NULL)
            return;
        memmove(out->bytes + begin + n_length - 1, out->bytes + begin, n_bytes);
        out->n_bytes += n_length - 1;
    }
    for (size_t i = 0; i < n_length; i++, length >>= 7)
        out->bytes[begin - 1 + i] = (char)(length | (i + 1 < n_length ? 0x80 : 0));
}
