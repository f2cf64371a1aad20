/* One POST after another over libcurl, for the exporters: never a redirect followed (credentials go
 * where the user said), no proxy before a loopback address, answers limited.  A client is used by
 * one thread at a time. */
#ifndef PP_EXPORT_HTTP_CLIENT_H
#define PP_EXPORT_HTTP_CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

struct pp_http_client;

/* Files in PEM form; NULL: the system's certificates, none of ours. */
struct pp_http_tls {
    const char *ca_file, *certificate_file, *key_file;
};

struct pp_http_post {
    const char *url;            /* http:// or https:// */
    const char *const *headers; /* "Name: value", NULL-terminated */
    const void *body;
    size_t n_body_bytes;
    long timeout_ms; /* of all of it; 0: no limit */
    bool is_http2;   /* by prior knowledge without TLS: what gRPC speaks */
    struct pp_http_tls tls;
    const atomic_bool *is_cancelled; /* looked at while it runs; NULL: never */
};

struct pp_http_reply {
    long status;          /* 0: there was no answer, see 'why' */
    bool may_be_repeated; /* no answer because of the network, not of what was asked for */
    char why[256];
    struct pp_buffer body; /* of an answer larger than 4 MiB the beginning */
    char content_type[64];
    char location[256];      /* where a redirect leads */
    double retry_after_s;    /* negative: not said */
    int grpc_status;         /* negative: not said */
    char grpc_message[256];  /* as it came: percent-encoded */
    char grpc_details[1024]; /* grpc-status-details-bin, likewise base64 */
};

/* -ENOENT without libcurl, in words that say what to install; -ENOMEM. */
int pp_http_client_new(struct pp_http_client **client_out, struct pprofc_error *err);
void pp_http_client_free(struct pp_http_client *client);

/* Send it.  Whatever comes of it is in 'reply_out', which pp_http_reply_done() empties. */
void pp_http_client_post(struct pp_http_client *client, const struct pp_http_post *post,
                         struct pp_http_reply *reply_out);
void pp_http_reply_done(struct pp_http_reply *reply);

/* Whether the host of 'url' is this machine by its name or address. */
bool pp_url_is_loopback(const char *url);

/* The address without a name and password in it, for messages. */
void pp_url_for_people(const char *url, char *text, size_t capacity);

#endif
