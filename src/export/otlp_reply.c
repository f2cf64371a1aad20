/* Reading answers; nothing in them is trusted. */
#include "export/otlp_reply.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json_reader.h"
#include "base/utf8.h"
#include "export/http_client.h"
#include "formats/wire.h"

enum { RESPONSE_PARTIAL = 1, PARTIAL_REJECTED = 1, PARTIAL_MESSAGE = 2, STATUS_MESSAGE = 2 };

void pp_one_line(const void *bytes, size_t n_bytes, char *line, size_t capacity)
{
    const char *text = bytes;
    size_t n = 0;

    for (size_t i = 0; i < n_bytes;) {
        size_t n_char = pp_utf8_length(text + i, n_bytes - i);
        const bool is_printable =
            n_char > 1 || (n_char == 1 && (unsigned char)text[i] >= ' ' && text[i] != 0x7f);
        if (n_char == 0)
            n_char = 1;
        if (n + n_char >= capacity)
            break;
        if (is_printable)
            memcpy(line + n, text + i, n_char);
        else
            memset(line + n, ' ', n_char);
        n += n_char;
        i += n_char;
    }
    while (n > 0 && line[n - 1] == ' ')
        n--;
    line[n] = '\0';
}

bool pp_is_refusal_of_time(const void *bytes, size_t n_bytes)
{
    /* Pyroscope's; those of stores of metrics, which others have taken over. */
    static const char *const words[] = {"ingestion window", "too old", "too far behind",
                                        "too far in the past", "too far in the future"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (n_bytes > 0 && memmem(bytes, n_bytes, words[i], strlen(words[i])) != NULL)
            return true;
    return false;
}

const char *pp_hint_of_status(long status)
{
    switch (status) {
    case 401:
    case 403:
        return " (check the credentials: headers, token)";
    case 404:
    case 405:
        return " (check the address, and that the server takes this there)";
    case 413:
        return " (raise the server's limit for requests, or send shorter windows)";
    default:
        return "";
    }
}

/* ---- protobuf ---- */

static void take_message(struct pp_wire bytes, struct pp_otlp_reply *reply)
{
    pp_one_line(bytes.at, (size_t)(bytes.end - bytes.at), reply->message, sizeof reply->message);
}

static void read_partial(struct pp_wire partial, struct pp_otlp_reply *reply)
{
    struct pp_wire_field field;

    while (pp_wire_field(&partial, &field) == 1) {
        if (field.number == PARTIAL_REJECTED && field.type == PP_WIRE_VARINT)
            reply->n_rejected = (int64_t)field.value;
        else if (field.number == PARTIAL_MESSAGE && field.type == PP_WIRE_LEN)
            take_message(field.bytes, reply);
    }
}

static void read_response(struct pp_wire response, struct pp_otlp_reply *reply)
{
    struct pp_wire_field field;

    while (pp_wire_field(&response, &field) == 1)
        if (field.number == RESPONSE_PARTIAL && field.type == PP_WIRE_LEN)
            read_partial(field.bytes, reply);
}

/* False when it is no Status. */
static bool read_status(struct pp_wire status, struct pp_otlp_reply *reply)
{
    struct pp_wire_field field;
    bool has_message = false;
    int rc;

    while ((rc = pp_wire_field(&status, &field)) == 1) {
        if (field.number != STATUS_MESSAGE || field.type != PP_WIRE_LEN)
            continue;
        take_message(field.bytes, reply);
        has_message = true;
    }
    return rc == 0 && has_message;
}

/* ---- JSON ---- */

static void read_json_message(struct pp_json_reader *json, struct pp_otlp_reply *reply)
{
    struct pp_json_string text;

    if (pp_json_read_string(json, &text))
        pp_one_line(text.bytes, text.n_bytes, reply->message, sizeof reply->message);
}

/* rejectedSpans, rejectedDataPoints, rejectedProfiles. */
static void read_json_partial(struct pp_json_reader *json, struct pp_otlp_reply *reply)
{
    struct pp_json_string key;

    if (pp_json_peek(json) != PP_JSON_OBJECT || !pp_json_read_object(json)) {
        (void)pp_json_skip(json);
        return;
    }
    while (pp_json_next_key(json, &key)) {
        if (pp_json_is(key, "errorMessage"))
            read_json_message(json, reply);
        else if (key.n_bytes > 8 && memcmp(key.bytes, "rejected", 8) == 0)
            (void)pp_json_read_int64(json, &reply->n_rejected);
        else
            (void)pp_json_skip(json);
    }
}

/* 'partialSuccess' of a response; 'message' of a status. */
static bool read_json(const void *bytes, size_t n_bytes, struct pp_otlp_reply *reply)
{
    struct pp_json_reader json;
    struct pp_json_string key;
    bool is_good;

    pp_json_reader_init(&json, bytes, n_bytes);
    if (pp_json_read_object(&json)) {
        while (pp_json_next_key(&json, &key)) {
            if (pp_json_is(key, "partialSuccess"))
                read_json_partial(&json, reply);
            else if (pp_json_is(key, "message"))
                read_json_message(&json, reply);
            else
                (void)pp_json_skip(&json);
        }
    }
    is_good = json.problem == NULL;
    pp_json_reader_done(&json);
    return is_good;
}

void pp_otlp_reply_read(const void *bytes, size_t n_bytes, bool is_json,
                        struct pp_otlp_reply *reply_out)
{
    *reply_out = (struct pp_otlp_reply){.n_rejected = 0};
    if (is_json)
        (void)read_json(bytes, n_bytes, reply_out);
    else
        read_response(pp_wire_of(bytes, n_bytes), reply_out);
    if (reply_out->n_rejected < 0)
        reply_out->n_rejected = 0;
}

void pp_otlp_refusal_read(const void *bytes, size_t n_bytes, const char *content_type,
                          struct pp_otlp_reply *reply_out)
{
    *reply_out = (struct pp_otlp_reply){.n_rejected = 0};
    if (strncasecmp(content_type, "application/json", 16) == 0 &&
        read_json(bytes, n_bytes, reply_out) && reply_out->message[0] != '\0')
        return;
    if (strncasecmp(content_type, "application/x-protobuf", 22) == 0 &&
        read_status(pp_wire_of(bytes, n_bytes), reply_out))
        return;
    pp_one_line(bytes, n_bytes, reply_out->message, sizeof reply_out->message);
}

void pp_refusal_text(const struct pp_http_reply *reply, const char *content_type, const char *url,
                     char *text, size_t n_bytes)
{
    struct pp_otlp_reply said;

    pp_otlp_refusal_read(reply->body.bytes, reply->body.n_bytes, content_type, &said);
    if (reply->location[0] != '\0')
        (void)snprintf(said.message, sizeof said.message, "it is at %.150s; give that address",
                       reply->location);
    (void)snprintf(text, n_bytes, "not accepted: %s answers %ld%s%s%s", url, reply->status,
                   said.message[0] != '\0' ? ": " : "", said.message,
                   pp_hint_of_status(reply->status));
}
