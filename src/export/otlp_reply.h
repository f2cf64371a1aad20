/* What a collector says behind its status: in protobuf, JSON or plain text. */
#ifndef PP_EXPORT_OTLP_REPLY_H
#define PP_EXPORT_OTLP_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pp_otlp_reply {
    int64_t n_rejected; /* items of what was accepted in part */
    char message[400];  /* of the refusal, or about what was rejected; printable */
};

/* Of an accepted request: an Export..ServiceResponse.  A partial success that is there but empty is
 * a whole one.  What cannot be read says nothing. */
void pp_otlp_reply_read(const void *bytes, size_t n_bytes, bool is_json,
                        struct pp_otlp_reply *reply_out);

/* Of a refused one: a google.rpc.Status, or any text. */
void pp_otlp_refusal_read(const void *bytes, size_t n_bytes, const char *content_type,
                          struct pp_otlp_reply *reply_out);

/* Whether these are words of a server that does not take a profile's time: too long ago, or still
 * to come. */
bool pp_is_refusal_of_time(const void *bytes, size_t n_bytes);

/* What to do about a refusal of HTTP, in parentheses and with a blank before; "" for the others. */
const char *pp_hint_of_status(long status);

struct pp_http_reply;

/* What to tell of a refusal: "not accepted: URL answers 413: too large". */
void pp_refusal_text(const struct pp_http_reply *reply, const char *content_type, const char *url,
                     char *text, size_t n_bytes);

/* The beginning of 'bytes' as one line of printable text. */
void pp_one_line(const void *bytes, size_t n_bytes, char *line, size_t capacity);

#endif
