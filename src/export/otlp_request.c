/* Source: OpenTelemetry's "OTLP Specification 1.x", "OTLP/HTTP", "OTLP/gRPC"; gRPC's "HTTP to gRPC
 * Status Code Mapping". */
#include "export/otlp_request.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/gzip.h"
#include "export/grpc.h"
#include "export/otlp_reply.h"
#include "export/otlp_to_json.h"
#include "export/pairs.h"

enum { OWN_HEADERS = 8, URL_BYTES = 160 };

static const char user_agent[] = "User-Agent: OTel-OTLP-Exporter-c/" PP_VERSION;

/* ---- the body ---- */

/* False when there is no memory. */
static bool make_body(enum pp_signal signal, const struct pp_otlp_signal *settings,
                      const struct pp_buffer *message, struct pp_buffer *body)
{
    pp_autobuffer struct pp_buffer json = PP_BUFFER_INIT, packed = PP_BUFFER_INIT;
    const struct pp_buffer *content = message;

    if (settings->protocol == PP_OTLP_HTTP_JSON) {
        if (pp_otlp_to_json(signal, message->bytes, message->n_bytes, &json) != 0)
            return false;
        content = &json;
    }
    if (settings->is_gzipped) {
        if (pp_gzip_deflate(content->bytes, content->n_bytes, &packed, NULL) != 0)
            return false;
        content = &packed;
    }
    if (settings->protocol == PP_OTLP_GRPC)
        pp_grpc_put_frame(body, content->bytes, content->n_bytes, settings->is_gzipped);
    else
        pp_buffer_append(body, content->bytes, content->n_bytes);
    return !body->failed;
}

static void make_headers(const struct pp_otlp_signal *settings, char *grpc_timeout, size_t capacity,
                         const char **headers)
{
    const bool is_grpc = settings->protocol == PP_OTLP_GRPC;
    size_t n = 0;

    headers[n++] = user_agent;
    if (is_grpc) {
        (void)snprintf(grpc_timeout, capacity, "grpc-timeout: %ldm", settings->timeout_ms);
        headers[n++] = "Content-Type: application/grpc";
        headers[n++] = "TE: trailers";
        if (settings->timeout_ms > 0) /* of eight digits at most */
            headers[n++] = settings->timeout_ms < 100000000 ? grpc_timeout : "grpc-timeout: 99999S";
        if (settings->is_gzipped)
            headers[n++] = "grpc-encoding: gzip";
    } else {
        headers[n++] = settings->protocol == PP_OTLP_HTTP_JSON
                           ? "Content-Type: application/json"
                           : "Content-Type: application/x-protobuf";
        if (settings->is_gzipped)
            headers[n++] = "Content-Encoding: gzip";
    }
    for (size_t i = 0; settings->headers[i] != NULL; i++)
        headers[n++] = settings->headers[i];
    headers[n] = NULL;
}

/* ---- the answer ---- */

static int grpc_status_of_http(long status)
{
    switch (status) {
    case 400:
        return PP_GRPC_INTERNAL;
    case 403:
        return PP_GRPC_PERMISSION_DENIED;
    case 404:
        return PP_GRPC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return PP_GRPC_UNAVAILABLE;
    default:
        return PP_GRPC_UNKNOWN;
    }
}

static void take_partial(const struct pp_otlp_reply *partial, struct pp_outcome *outcome)
{
    outcome->n_rejected = partial->n_rejected;
    if (partial->n_rejected > 0)
        (void)snprintf(outcome->text, sizeof outcome->text,
                       "%" PRId64 " of its items were rejected%s%s", partial->n_rejected,
                       partial->message[0] != '\0' ? ": " : "", partial->message);
    else if (partial->message[0] != '\0')
        (void)snprintf(outcome->text, sizeof outcome->text, "the server warns: %s",
                       partial->message);
}

static void read_grpc(const char *url, struct pp_http_reply *reply, struct pp_outcome *outcome)
{
    struct pp_otlp_reply said = {.n_rejected = 0};
    int status = reply->grpc_status;
    const uint8_t *message;
    size_t n_bytes;
    double delay_s = -1;
    bool has_retry_info;

    if (status < 0)
        status = grpc_status_of_http(reply->status);
    has_retry_info = pp_grpc_retry_info(reply->grpc_details, &delay_s);
    outcome->verdict = pp_verdict_of_grpc(status, has_retry_info);
    outcome->asked_s = has_retry_info ? delay_s : -1;
    if (outcome->verdict == PP_VERDICT_ACCEPTED) {
        if (pp_grpc_frame(reply->body.bytes, reply->body.n_bytes, &message, &n_bytes))
            pp_otlp_reply_read(message, n_bytes, false, &said);
        take_partial(&said, outcome);
        return;
    }
    pp_percent_decode(reply->grpc_message);
    pp_one_line(reply->grpc_message, strlen(reply->grpc_message), said.message,
                sizeof said.message);
    outcome->is_of_time = pp_is_refusal_of_time(said.message, strlen(said.message));
    if (reply->grpc_status < 0)
        (void)snprintf(outcome->text, sizeof outcome->text,
                       "not accepted: %s answers %ld to gRPC; is that the port for it?", url,
                       reply->status);
    else
        (void)snprintf(outcome->text, sizeof outcome->text,
                       "not accepted: %s answers gRPC status %d%s%s", url, status,
                       said.message[0] != '\0' ? ": " : "", said.message);
}

static void read_http(const char *url, const struct pp_http_reply *reply,
                      struct pp_outcome *outcome)
{
    const bool is_json = strncmp(reply->content_type, "application/json", 16) == 0;
    struct pp_otlp_reply said;

    outcome->verdict = pp_verdict_of_otlp_http(reply->status);
    outcome->asked_s = reply->retry_after_s;
    if (outcome->verdict == PP_VERDICT_ACCEPTED) {
        pp_otlp_reply_read(reply->body.bytes, reply->body.n_bytes, is_json, &said);
        take_partial(&said, outcome);
        return;
    }
    outcome->is_of_time = pp_is_refusal_of_time(reply->body.bytes, reply->body.n_bytes);
    pp_refusal_text(reply, reply->content_type, url, outcome->text, sizeof outcome->text);
}

static void cut_path(char *url)
{
    char *host = strstr(url, "://");

    if (host != NULL)
        host[3 + strcspn(host + 3, "/")] = '\0';
}

void pp_otlp_outcome(const struct pp_otlp_signal *settings, struct pp_http_reply *reply,
                     struct pp_outcome *outcome_out)
{
    char url[URL_BYTES];

    pp_url_for_people(settings->url, url, sizeof url);
    if (settings->protocol == PP_OTLP_GRPC) /* the service's name behind it says nothing */
        cut_path(url);
    outcome_out->asked_s = -1;
    if (reply->status == 0 && reply->grpc_status < 0) {
        outcome_out->verdict = reply->may_be_repeated ? PP_VERDICT_RETRY : PP_VERDICT_REFUSED;
        (void)snprintf(outcome_out->text, sizeof outcome_out->text, "not sent to %s: %.140s", url,
                       reply->why);
    } else if (settings->protocol == PP_OTLP_GRPC) {
        read_grpc(url, reply, outcome_out);
    } else {
        read_http(url, reply, outcome_out);
    }
}

void pp_otlp_request_send(struct pp_http_client *client, enum pp_signal signal,
                          const struct pp_otlp_signal *settings, const struct pp_buffer *message,
                          const atomic_bool *is_cancelled, struct pp_outcome *outcome_out)
{
    pp_autobuffer struct pp_buffer body = PP_BUFFER_INIT;
    const char *headers[OWN_HEADERS + PP_OTLP_MAX_HEADERS + 1];
    char grpc_timeout[40];
    struct pp_http_reply reply;

    if (!make_body(signal, settings, message, &body)) {
        outcome_out->verdict = PP_VERDICT_RETRY;
        (void)snprintf(outcome_out->text, sizeof outcome_out->text, "not sent: out of memory");
        return;
    }
    make_headers(settings, grpc_timeout, sizeof grpc_timeout, headers);
    pp_http_client_post(client,
                        &(struct pp_http_post){.url = settings->url,
                                               .headers = headers,
                                               .body = body.bytes,
                                               .n_body_bytes = body.n_bytes,
                                               .timeout_ms = settings->timeout_ms,
                                               .is_http2 = settings->protocol == PP_OTLP_GRPC,
                                               .tls = settings->tls,
                                               .is_cancelled = is_cancelled},
                        &reply);
    pp_otlp_outcome(settings, &reply, outcome_out);
    outcome_out->n_bytes_sent = body.n_bytes;
    pp_http_reply_done(&reply);
}
