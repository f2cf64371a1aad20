/* Source: grpc/grpc, "gRPC over HTTP2"; google/rpc/status.proto and error_details.proto. */
#include "export/grpc.h"

#include <string.h>

#include "formats/wire.h"

enum { FRAME_HEAD_BYTES = 5, STATUS_DETAILS = 3, ANY_TYPE = 1, ANY_VALUE = 2, RETRY_DELAY = 1 };
enum { DURATION_SECONDS = 1, DURATION_NANOS = 2, MOST_DETAILS_BYTES = 1024 };

static const char retry_info_type[] = "google.rpc.RetryInfo";

void pp_grpc_put_frame(struct pp_buffer *out, const void *message, size_t n_bytes,
                       bool is_compressed)
{
    const unsigned char head[FRAME_HEAD_BYTES] = {
        is_compressed ? 1 : 0, (unsigned char)(n_bytes >> 24), (unsigned char)(n_bytes >> 16),
        (unsigned char)(n_bytes >> 8), (unsigned char)n_bytes};

    pp_buffer_append(out, head, sizeof head);
    pp_buffer_append(out, message, n_bytes);
}

bool pp_grpc_frame(const void *bytes, size_t n_bytes, const uint8_t **message_out,
                   size_t *n_message_out)
{
    const uint8_t *head = bytes;
    size_t n_message;

    if (n_bytes < FRAME_HEAD_BYTES || head[0] != 0)
        return false;
    n_message =
        (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | (size_t)head[4];
    if (n_message > n_bytes - FRAME_HEAD_BYTES)
        return false;
    *message_out = head + FRAME_HEAD_BYTES;
    *n_message_out = n_message;
    return true;
}

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c != '\0' ? strchr(digits, c) : NULL;

    return found != NULL ? (int)(found - digits) : -1;
}

/* Number of bytes, up to the first character that is no digit. */
static size_t decode_base64(const char *text, uint8_t *bytes, size_t capacity)
{
    uint32_t bits = 0;
    unsigned n_bits = 0;
    size_t n = 0;

    for (int digit; n < capacity && (digit = base64_digit(*text)) >= 0; text++) {
        bits = bits << 6 | (uint32_t)digit;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            bytes[n++] = (uint8_t)(bits >> n_bits);
        }
    }
    return n;
}

static bool find_message(struct pp_wire message, uint32_t number, struct pp_wire *found_out)
{
    struct pp_wire_field field;

    while (pp_wire_field(&message, &field) == 1) {
        if (field.number == number && field.type == PP_WIRE_LEN) {
            *found_out = field.bytes;
            return true;
        }
    }
    return false;
}

static bool is_retry_info(struct pp_wire any)
{
    const size_t n_type = sizeof retry_info_type - 1;
    struct pp_wire type;

    if (!find_message(any, ANY_TYPE, &type) || (size_t)(type.end - type.at) < n_type)
        return false;
    return memcmp(type.end - n_type, retry_info_type, n_type) == 0;
}

static double seconds_of(struct pp_wire duration)
{
    struct pp_wire_field field;
    double seconds = 0;

    while (pp_wire_field(&duration, &field) == 1) {
        if (field.type == PP_WIRE_VARINT && field.number == DURATION_SECONDS)
            seconds += (double)(int64_t)field.value;
        else if (field.type == PP_WIRE_VARINT && field.number == DURATION_NANOS)
            seconds += (double)(int64_t)field.value / 1e9;
    }
    return seconds > 0 ? seconds : 0;
}

bool pp_grpc_retry_info(const char *details, double *delay_s_out)
{
    uint8_t bytes[MOST_DETAILS_BYTES];
    struct pp_wire status = pp_wire_of(bytes, decode_base64(details, bytes, sizeof bytes));
    struct pp_wire_field field;
    struct pp_wire info, duration;

    while (pp_wire_field(&status, &field) == 1) {
        if (field.number != STATUS_DETAILS || field.type != PP_WIRE_LEN ||
            !is_retry_info(field.bytes))
            continue;
        *delay_s_out = 0;
        if (find_message(field.bytes, ANY_VALUE, &info) &&
            find_message(info, RETRY_DELAY, &duration))
            *delay_s_out = seconds_of(duration);
        return true;
    }
    return false;
}
