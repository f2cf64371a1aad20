/* One request and its answer. */
#include "exchange.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_BODY_BYTES = 64 * 1024 };

void exchange_begin(struct exchange *exchange, struct MHD_Connection *connection)
{
    *exchange = (struct exchange){.body = NULL};
    clock_gettime(CLOCK_MONOTONIC, &exchange->begin);
    trace_begin(&exchange->trace,
                MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "traceparent"),
                MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "tracestate"));
}

void exchange_end(struct exchange *exchange)
{
    free(exchange->body);
}

enum MHD_Result exchange_add(struct exchange *exchange, const char *bytes, size_t n_bytes)
{
    char *body;

    if (exchange->is_too_large || exchange->n_bytes + n_bytes > MAX_BODY_BYTES) {
        exchange->is_too_large = true;
        return MHD_YES;
    }
    body = realloc(exchange->body, exchange->n_bytes + n_bytes);
    if (body == NULL)
        return MHD_NO;
    memcpy(body + exchange->n_bytes, bytes, n_bytes);
    exchange->body = body;
    exchange->n_bytes += n_bytes;
    return MHD_YES;
}

double exchange_milliseconds(const struct exchange *exchange)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - exchange->begin.tv_sec) * 1e3 +
           (double)(now.tv_nsec - exchange->begin.tv_nsec) / 1e6;
}

enum MHD_Result exchange_reply(const struct exchange *exchange, struct MHD_Connection *connection,
                               int status, char *json)
{
    static char no_memory[] = "{\"error\":\"no memory\"}";
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(json != NULL ? json : no_memory), json != NULL ? json : no_memory,
        json != NULL ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    char traceparent[TRACEPARENT_BYTES];
    enum MHD_Result result;

    if (response == NULL) {
        free(json);
        return MHD_NO;
    }
    trace_header(&exchange->trace, traceparent);
    MHD_add_response_header(response, "traceparent", traceparent);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    if (status == 503) /* or its client would ask again at once */
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    result = MHD_queue_response(connection, json != NULL ? (unsigned)status : 500, response);
    MHD_destroy_response(response);
    return result;
}
