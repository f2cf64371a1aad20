/* The protobuf wire format: the primitives that pprof and OTLP need.  Every read is
 * bounds-checked, and a reader stands on the byte it could not read. */
#ifndef PP_FORMATS_WIRE_H
#define PP_FORMATS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum { PP_WIRE_MOST_VARINT_BYTES = 10 };

enum pp_wire_type { PP_WIRE_VARINT = 0, PP_WIRE_I64 = 1, PP_WIRE_LEN = 2, PP_WIRE_I32 = 5 };

/* A run of bytes being read. */
struct pp_wire {
    const uint8_t *at, *end;
};

struct pp_wire_field {
    uint32_t number;
    enum pp_wire_type type;
    uint64_t value;       /* of VARINT, I64 and I32 */
    struct pp_wire bytes; /* of LEN */
};

static inline struct pp_wire pp_wire_of(const void *bytes, size_t n_bytes)
{
    return (struct pp_wire){bytes, (const uint8_t *)bytes + n_bytes};
}

bool pp_wire_long_varint(struct pp_wire *wire, uint64_t *value_out);

/* Most varints of a profile are one to three bytes long. */
static inline bool pp_wire_varint(struct pp_wire *wire, uint64_t *value_out)
{
    const uint8_t *at = wire->at;

    if (wire->end - at >= 3) {
        if (at[0] < 0x80) {
            *value_out = at[0];
            wire->at = at + 1;
            return true;
        }
        if (at[1] < 0x80) {
            *value_out = (uint64_t)(at[0] & 0x7f) | (uint64_t)at[1] << 7;
            wire->at = at + 2;
            return true;
        }
        if (at[2] < 0x80) {
            *value_out =
                (uint64_t)(at[0] & 0x7f) | (uint64_t)(at[1] & 0x7f) << 7 | (uint64_t)at[2] << 14;
            wire->at = at + 3;
            return true;
        }
    }
    return pp_wire_long_varint(wire, value_out);
}

/* The next field.  1, 0 at the end, or -1 when it is malformed; 'wire' then stands where the field
 * began. */
int pp_wire_field(struct pp_wire *wire, struct pp_wire_field *field_out);

/* ---- writing; failures are remembered by the buffer ---- */
void pp_wire_put_long_varint(struct pp_buffer *out, uint64_t value);

static inline void pp_wire_put_varint(struct pp_buffer *out, uint64_t value)
{
    char *at;

    if (out->capacity - out->n_bytes < PP_WIRE_MOST_VARINT_BYTES) {
        pp_wire_put_long_varint(out, value);
        return;
    }
    at = out->bytes + out->n_bytes;
    for (; value >= 0x80; value >>= 7)
        *at++ = (char)(value | 0x80);
    *at++ = (char)value;
    out->n_bytes = (size_t)(at - out->bytes);
}

void pp_wire_put_integer(struct pp_buffer *out, uint32_t number,
                         uint64_t value); /* nothing for 0: the default */
void pp_wire_put_fixed64(struct pp_buffer *out, uint32_t number, uint64_t value); /* likewise */
void pp_wire_put_element(struct pp_buffer *out, uint32_t number,
                         uint64_t value); /* of a repeated field: 0 too */
void pp_wire_put_bytes(struct pp_buffer *out, uint32_t number, const void *bytes, size_t n_bytes);

/* Begin a LEN field whose length is not known yet; end it with what begin returned. */
size_t pp_wire_begin(struct pp_buffer *out, uint32_t number);
void pp_wire_end(struct pp_buffer *out, size_t begin);

#endif
