/* Writing and reading the extra field. */
#include "export/window_file.h"

#include <errno.h>
#include <string.h>

#include "formats/wire.h"

enum { HEAD_BYTES = 10, FLAGS_AT = 3, HAS_EXTRA = 4, MAX_EXTRA_BYTES = 65535, SUBFIELD_BYTES = 4 };
enum { R_ID = 1, R_KIND = 2, R_BEGIN = 3, R_END = 4, R_FIRST_PART = 16 };

static void put_record(const struct pp_window_record *record, struct pp_buffer *out)
{
    pp_wire_put_bytes(out, R_ID, record->id, sizeof record->id);
    pp_wire_put_bytes(out, R_KIND, record->kind, strlen(record->kind));
    pp_wire_put_integer(out, R_BEGIN, record->begin_ns);
    pp_wire_put_integer(out, R_END, record->end_ns);
    for (uint32_t i = 0; i < PP_WINDOW_PARTS; i++)
        if (record->parts[i].n_bytes > 0)
            pp_wire_put_bytes(out, R_FIRST_PART + i, record->parts[i].bytes,
                              record->parts[i].n_bytes);
}

static void put_16(struct pp_buffer *out, size_t number)
{
    const unsigned char bytes[2] = {(unsigned char)number, (unsigned char)(number >> 8)};

    pp_buffer_append(out, bytes, sizeof bytes);
}

int pp_window_file_make(const struct pp_window_record *record, const void *gz, size_t n_bytes,
                        struct pp_buffer *out, struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer extra = PP_BUFFER_INIT;
    const uint8_t *member = gz;
    const size_t at = out->n_bytes;

    if (n_bytes < HEAD_BYTES || member[0] != 0x1f || member[1] != 0x8b || member[FLAGS_AT] != 0)
        return pp_fail(err, -EINVAL, 0, "a window to be sent is no plain gzip member");
    put_record(record, &extra);
    if (extra.n_bytes > MAX_EXTRA_BYTES - SUBFIELD_BYTES)
        return pp_fail(
            err, -E2BIG, 0,
            "what is to be sent with a window takes %zu bytes, more than the 64 KiB there "
            "is room for; shorten OTEL_RESOURCE_ATTRIBUTES",
            extra.n_bytes);
    pp_buffer_append(out, member, HEAD_BYTES);
    if (!out->failed)
        out->bytes[at + FLAGS_AT] = HAS_EXTRA;
    put_16(out, extra.n_bytes + SUBFIELD_BYTES);
    pp_buffer_append(out, "PP", 2);
    put_16(out, extra.n_bytes);
    pp_buffer_append(out, extra.bytes, extra.n_bytes);
    pp_buffer_append(out, member + HEAD_BYTES, n_bytes - HEAD_BYTES);
    return out->failed || extra.failed
               ? pp_fail(err, -ENOMEM, 0, "no memory for a window to be sent")
               : 0;
}

/* ---- reading ---- */

static bool find_subfield(const uint8_t *bytes, size_t n_bytes, struct pp_wire *found_out)
{
    size_t n_extra, at = HEAD_BYTES + 2, end;

    if (n_bytes < at || bytes[0] != 0x1f || bytes[1] != 0x8b || (bytes[FLAGS_AT] & HAS_EXTRA) == 0)
        return false;
    n_extra = (size_t)bytes[HEAD_BYTES] | (size_t)bytes[HEAD_BYTES + 1] << 8;
    if (n_extra > n_bytes - at)
        return false;
    for (end = at + n_extra; end - at >= SUBFIELD_BYTES;) {
        const size_t n = (size_t)bytes[at + 2] | (size_t)bytes[at + 3] << 8;
        if (n > end - at - SUBFIELD_BYTES)
            return false;
        if (bytes[at] == 'P' && bytes[at + 1] == 'P') {
            *found_out = pp_wire_of(bytes + at + SUBFIELD_BYTES, n);
            return true;
        }
        at += SUBFIELD_BYTES + n;
    }
    return false;
}

static bool take_field(struct pp_window_record *record, const struct pp_wire_field *field)
{
    const size_t n_bytes = (size_t)(field->bytes.end - field->bytes.at);

    if (field->type == PP_WIRE_VARINT) {
        if (field->number == R_BEGIN)
            record->begin_ns = field->value;
        else if (field->number == R_END)
            record->end_ns = field->value;
        return true;
    }
    if (field->type != PP_WIRE_LEN)
        return true;
    if (field->number == R_ID) {
        if (n_bytes != sizeof record->id)
            return false;
        memcpy(record->id, field->bytes.at, n_bytes);
    } else if (field->number == R_KIND) {
        if (n_bytes >= sizeof record->kind)
            return false;
        memcpy(record->kind, field->bytes.at, n_bytes);
        record->kind[n_bytes] = '\0';
    } else if (field->number >= R_FIRST_PART && field->number < R_FIRST_PART + PP_WINDOW_PARTS) {
        record->parts[field->number - R_FIRST_PART] =
            (struct pp_window_part){field->bytes.at, n_bytes};
    }
    return true;
}

int pp_window_file_read(const void *bytes, size_t n_bytes, struct pp_window_record *record_out)
{
    struct pp_window_record record = {.begin_ns = 0};
    struct pp_wire_field field;
    struct pp_wire wire;
    int rc;

    if (!find_subfield(bytes, n_bytes, &wire))
        return -EBADMSG;
    while ((rc = pp_wire_field(&wire, &field)) == 1)
        if (!take_field(&record, &field))
            return -EBADMSG;
    if (rc < 0 || record.kind[0] == '\0')
        return -EBADMSG;
    *record_out = record;
    return 0;
}
