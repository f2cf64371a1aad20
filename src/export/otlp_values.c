/* KeyValues. */
#include "export/otlp_values.h"

#include <string.h>

#include "base/utf8.h"
#include "formats/otlp_tables.h"
#include "formats/wire.h"

/* Keys come from outside, too. */
static void put_clean(struct pp_buffer *out, uint32_t number, const char *text)
{
    const size_t begun = pp_wire_begin(out, number);

    pp_utf8_append(out, text, strlen(text));
    pp_wire_end(out, begun);
}

static size_t begin(struct pp_buffer *out, uint32_t number, const char *key)
{
    const size_t begun = pp_wire_begin(out, number);

    put_clean(out, PP_OTLP_KV_KEY, key);
    return begun;
}

void pp_otlp_put_text(struct pp_buffer *out, uint32_t number, const char *key, const char *text)
{
    const size_t begun = begin(out, number, key);

    pp_otlp_put_text_value(out, PP_OTLP_KV_VALUE, text, strlen(text));
    pp_wire_end(out, begun);
}

void pp_otlp_put_short_text(struct pp_buffer *out, uint32_t number, const char *key,
                            const char *text, size_t most_bytes)
{
    const size_t begun = begin(out, number, key);
    size_t n_bytes = strlen(text);

    if (n_bytes > most_bytes)
        for (n_bytes = most_bytes; n_bytes > 0 && (text[n_bytes] & 0xc0) == 0x80;)
            n_bytes--;
    pp_otlp_put_text_value(out, PP_OTLP_KV_VALUE, text, n_bytes);
    pp_wire_end(out, begun);
}

void pp_otlp_put_integer(struct pp_buffer *out, uint32_t number, const char *key, int64_t value)
{
    const size_t begun = begin(out, number, key);
    const size_t begun_value = pp_wire_begin(out, PP_OTLP_KV_VALUE);

    pp_wire_put_element(out, PP_OTLP_V_INT, (uint64_t)value);
    pp_wire_end(out, begun_value);
    pp_wire_end(out, begun);
}

void pp_otlp_put_fixed64_field(struct pp_buffer *out, uint32_t number, uint64_t value)
{
    unsigned char bytes[8];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
    pp_wire_put_varint(out, number << 3 | PP_WIRE_I64);
    pp_buffer_append(out, bytes, sizeof bytes);
}

void pp_otlp_put_double_field(struct pp_buffer *out, uint32_t number, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    pp_otlp_put_fixed64_field(out, number, bits);
}

void pp_otlp_put_double(struct pp_buffer *out, uint32_t number, const char *key, double value)
{
    const size_t begun = begin(out, number, key);
    const size_t begun_value = pp_wire_begin(out, PP_OTLP_KV_VALUE);

    pp_otlp_put_double_field(out, PP_OTLP_V_DOUBLE, value);
    pp_wire_end(out, begun_value);
    pp_wire_end(out, begun);
}

void pp_otlp_put_resource(struct pp_buffer *out, uint32_t number,
                          const struct pp_resource *resource)
{
    const size_t begun = pp_wire_begin(out, number);

    for (size_t i = 0; i < resource->n_attributes; i++) {
        const struct pp_attribute *attribute = &resource->attributes[i];
        if (attribute->text != NULL)
            pp_otlp_put_text(out, PP_OTLP_RESOURCE_ATTRIBUTES, attribute->key, attribute->text);
        else
            pp_otlp_put_integer(out, PP_OTLP_RESOURCE_ATTRIBUTES, attribute->key,
                                attribute->number);
    }
    pp_wire_end(out, begun);
    out->failed |= resource->failed;
}

void pp_otlp_put_scope(struct pp_buffer *out, uint32_t number, const char *name)
{
    const size_t begun = pp_wire_begin(out, number);

    pp_wire_put_bytes(out, PP_OTLP_SCOPE_NAME, name, strlen(name));
    pp_wire_put_bytes(out, PP_OTLP_SCOPE_VERSION, PP_VERSION, strlen(PP_VERSION));
    pp_wire_end(out, begun);
}
