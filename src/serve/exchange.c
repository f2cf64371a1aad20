/* Between libmicrohttpd's view of a request and ours. */
#include "serve/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "serve/http_library.h"
#include "views/flamegraph.h"

struct pp_exchange *pp_exchange_new(struct pp_server *server, struct pp_connections *connections,
                                    struct MHD_Connection *connection, const char *target)
{
    struct pp_exchange *exchange = calloc(1, sizeof *exchange);
    const union MHD_ConnectionInfo *info =
        pp_http_library()->connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *clock =
        pp_http_library()->connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    const char *query = strchr(target, '?');

    if (exchange == NULL)
        return NULL;
    exchange->server = server;
    exchange->connections = connections;
    exchange->clock = clock != NULL ? clock->socket_context : NULL;
    exchange->connection = connection;
    exchange->socket = info != NULL ? info->connect_fd : -1;
    exchange->path = strndup(target, query != NULL ? (size_t)(query - target) : strlen(target));
    exchange->query = strdup(query != NULL ? query + 1 : "");
    exchange->query_text = strdup(query != NULL ? query + 1 : "");
    if (exchange->path != NULL && exchange->query != NULL && exchange->query_text != NULL)
        return exchange;
    pp_exchange_free(exchange);
    return NULL;
}

void pp_exchange_set_method(struct pp_exchange *exchange, const char *method)
{
    exchange->request.method = strcmp(method, "GET") == 0    ? PP_HTTP_GET
                               : strcmp(method, "HEAD") == 0 ? PP_HTTP_HEAD
                               : strcmp(method, "POST") == 0 ? PP_HTTP_POST
                                                             : PP_HTTP_OTHER;
}

void pp_exchange_free(struct pp_exchange *exchange)
{
    if (exchange == NULL)
        return;
    free(exchange->path);
    free(exchange->query);
    free(exchange->query_text);
    pp_connections_let_go(exchange->connections, exchange->held_bytes);
    pp_buffer_done(&exchange->body);
    pp_http_answer_done(&exchange->answer);
    free(exchange);
}

/* ---- what comes ---- */

static enum MHD_Result count_host(void *context, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    (void)kind, (void)value;
    *(int *)context += strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0;
    return MHD_YES;
}

static unsigned long long promised_bytes(struct MHD_Connection *connection)
{
    const char *text =
        pp_http_library()->value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

    return text != NULL ? strtoull(text, NULL, 10) : 0;
}

bool pp_exchange_may_come(struct pp_exchange *exchange)
{
    const union MHD_ConnectionInfo *head = pp_http_library()->connection_info(
        exchange->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    int n_hosts = 0;

    (void)pp_http_library()->each_value(exchange->connection, MHD_HEADER_KIND, count_host,
                                        &n_hosts);
    if (strlen(exchange->path) + strlen(exchange->query_text) > PP_EXCHANGE_MAX_TARGET_BYTES)
        pp_http_error(&exchange->answer, 414,
                      "a path with its parameters has at most %d bytes here",
                      PP_EXCHANGE_MAX_TARGET_BYTES);
    else if (head != NULL && head->header_size > PP_EXCHANGE_MAX_HEADER_BYTES)
        pp_http_error(&exchange->answer, 431, "headers have at most %d bytes here",
                      PP_EXCHANGE_MAX_HEADER_BYTES);
    else if (n_hosts > 1)
        pp_http_error(&exchange->answer, 400, "the request has %d Hosts", n_hosts);
    else if (promised_bytes(exchange->connection) > PP_EXCHANGE_MAX_BODY_BYTES)
        pp_http_error(&exchange->answer, 413, "a body has at most %d bytes here",
                      PP_EXCHANGE_MAX_BODY_BYTES);
    else
        return true;
    return false;
}

static bool hold(struct pp_exchange *exchange, size_t n_bytes)
{
    const bool has_room = pp_connections_hold(exchange->connections, n_bytes);

    exchange->held_bytes += has_room ? n_bytes : 0;
    return has_room;
}

void pp_exchange_take_body(struct pp_exchange *exchange, const char *bytes, size_t n_bytes)
{
    if (exchange->body.n_bytes + n_bytes > PP_EXCHANGE_MAX_BODY_BYTES)
        exchange->is_too_long = true;
    else if (exchange->is_one_too_many || !hold(exchange, n_bytes))
        exchange->is_one_too_many = true;
    else
        pp_buffer_append(&exchange->body, bytes, n_bytes);
}

static void refuse_for_room(struct pp_exchange *exchange)
{
    pp_http_error(&exchange->answer, 503,
                  "answers of %d MiB wait for clients to read them; try again",
                  PP_CONNECTIONS_MAX_HELD_BYTES >> 20);
}

void pp_exchange_hold_answer(struct pp_exchange *exchange)
{
    struct pp_buffer *body = &exchange->answer.body;

    if (hold(exchange, body->n_bytes))
        return;
    pp_buffer_done(body);
    *body = (struct pp_buffer)PP_BUFFER_INIT;
    refuse_for_room(exchange);
}

bool pp_exchange_complete(struct pp_exchange *exchange)
{
    struct pp_http_request *request = &exchange->request;
    int n;

    if (exchange->is_too_long || exchange->body.failed) {
        pp_http_error(&exchange->answer, 413, "a body has at most %d bytes here",
                      PP_EXCHANGE_MAX_BODY_BYTES);
        return false;
    }
    if (exchange->is_one_too_many) {
        refuse_for_room(exchange);
        return false;
    }
    n = pp_http_split_query(exchange->query, exchange->pairs);
    if (n < 0 || !pp_http_decode(exchange->path, false) || exchange->path[0] != '/') {
        pp_http_error(&exchange->answer, 400, "the request's path or parameters are malformed");
        return false;
    }
    request->path = exchange->path;
    request->query = exchange->pairs;
    request->n_query = (size_t)n;
    request->query_text = exchange->query_text;
    request->body = exchange->body.bytes != NULL ? exchange->body.bytes : "";
    request->n_body_bytes = exchange->body.n_bytes;
    return true;
}

/* ---- what goes ---- */

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    (void)pp_http_library()->add_header(response, name, value);
}

static void add_headers(const struct pp_http_answer *answer, struct MHD_Response *response)
{
    char text[512];

    add_header(response, "Content-Type", answer->content_type);
    add_header(response, "X-Content-Type-Options", "nosniff");
    add_header(response, "Cache-Control", "no-store");
    add_header(response, "Referrer-Policy", "no-referrer");
    if (answer->is_error)
        add_header(response, "X-Go-Pprof", "1");
    if (answer->status == 401)
        add_header(response, "WWW-Authenticate", "Bearer");
    if (answer->status == 503)
        add_header(response, "Retry-After", "1");
    if (strncmp(answer->content_type, "image/svg+xml", strlen("image/svg+xml")) == 0)
        (void)snprintf(text, sizeof text,
                       "default-src 'none'; style-src 'unsafe-inline'; script-src %s; "
                       "frame-ancestors 'none'",
                       pp_flamegraph_script_sources());
    else
        (void)snprintf(text, sizeof text,
                       "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
    add_header(response, "Content-Security-Policy", text);
    if (answer->pause[0] != '\0')
        add_header(response, "Pprofc-Pause", answer->pause);
    if (answer->file_name[0] != '\0') {
        (void)snprintf(text, sizeof text, "attachment; filename=\"%s\"", answer->file_name);
        add_header(response, "Content-Disposition", text);
    }
}

enum MHD_Result pp_exchange_send(struct pp_exchange *exchange)
{
    struct pp_http_answer *answer = &exchange->answer;
    struct MHD_Response *response;
    enum MHD_Result result;

    if (answer->body.failed)
        pp_http_error(answer, 500, "no memory for the answer");
    /* The bytes stay the exchange's, which outlives the response: on_end() frees it. */
    response = pp_http_library()->response(answer->body.n_bytes, answer->body.bytes,
                                           MHD_RESPMEM_PERSISTENT);
    if (response == NULL)
        return MHD_NO;
    pp_connection_enter(exchange->clock, PP_CONNECTION_SENDING);
    add_headers(answer, response);
    result = pp_http_library()->queue(exchange->connection, (unsigned)answer->status, response);
    pp_http_library()->destroy(response);
    return result;
}
