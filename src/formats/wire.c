/* The protobuf wire format.  Source: protobuf.dev, "Encoding". */
#include "formats/wire.h"

#include <string.h>

enum { MAX_VARINT_BYTES = 10, MAX_FIELD_NUMBER = (1 << 29) - 1 };

bool pp_wire_long_varint(struct pp_wire *wire, uint64_t *value_out)
{
    const uint8_t *at = wire->at;
    uint64_t value = 0;

    for (unsigned shift = 0; at < wire->end && shift < 7 * MAX_VARINT_BYTES; shift += 7) {
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
    char *room = pp_buffer_room(out, MAX_VARINT_BYTES);
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
