/* The second service: it has what orders want, or not.  POST /api/reserve with an order's items;
 * 200, or 409 when something is not in stock.  Its profiles are at a port of their own, as those of
 * the first one. */
#include <arpa/inet.h>
#include <jansson.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <pprofc/pprofc.h>
#include <pprofc/serve.h>

#include "trace.h"

enum { N_SHELVES = 20000, N_PRODUCTS = 100, MAX_BODY_BYTES = 64 * 1024, N_THREADS = 4 };

/* ---- the stock ---- */

static struct shelf {
    char sku[16];
} shelves[N_SHELVES];

static void fill_shelves(void)
{
    for (int i = 0; i < N_SHELVES; i++)
        snprintf(shelves[i].sku, sizeof shelves[i].sku, "P-%03d", i % (N_PRODUCTS + 1));
}

/* How many shelves have it.  All are looked at, one after the other: what a profile of this service
 * shows. */
static __attribute__((noinline)) size_t count_shelves(const char *sku)
{
    size_t n = 0;

    for (int i = 0; i < N_SHELVES; i++)
        n += strcmp(shelves[i].sku, sku) == 0;
    return n;
}

/* Each item must be somewhere. */
static __attribute__((noinline)) int reserve_items(const char *body, size_t n_bytes)
{
    json_error_t error;
    json_t *items = json_loadb(body, n_bytes, 0, &error), *item;
    int status = json_is_array(items) ? 200 : 400;
    size_t i;

    json_array_foreach(items, i, item)
    {
        const char *sku = json_string_value(json_object_get(item, "sku"));
        if (sku == NULL || count_shelves(sku) == 0)
            status = 409;
    }
    json_decref(items);
    return status;
}

/* ---- a request ---- */

struct request {
    struct trace trace;
    struct timespec begin;
    char *body;
    size_t n_bytes;
};

static double milliseconds_since(const struct timespec *begin)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - begin->tv_sec) * 1e3 +
           (double)(now.tv_nsec - begin->tv_nsec) / 1e6;
}

static struct request *begin_request(struct MHD_Connection *connection)
{
    struct request *request = calloc(1, sizeof *request);

    if (request == NULL)
        return NULL;
    clock_gettime(CLOCK_MONOTONIC, &request->begin);
    trace_begin(&request->trace,
                MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "traceparent"),
                MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "tracestate"));
    return request;
}

static enum MHD_Result reply(struct MHD_Connection *connection, const struct request *request,
                             int status)
{
    static char empty[] = "{}";
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(empty), empty, MHD_RESPMEM_PERSISTENT);
    char traceparent[TRACEPARENT_BYTES];
    enum MHD_Result result;

    if (response == NULL)
        return MHD_NO;
    trace_header(&request->trace, traceparent);
    MHD_add_response_header(response, "traceparent", traceparent);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    result = MHD_queue_response(connection, (unsigned)status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *bytes, size_t *n_bytes, void **state)
{
    struct request *request = *state;
    int status = 404;
    char *body;
    (void)context, (void)version;

    if (request == NULL) { /* the first of several calls */
        *state = begin_request(connection);
        return *state != NULL ? MHD_YES : MHD_NO;
    }
    if (*n_bytes > 0) {
        body = request->n_bytes + *n_bytes <= MAX_BODY_BYTES
                   ? realloc(request->body, request->n_bytes + *n_bytes)
                   : NULL;
        if (body == NULL)
            return MHD_NO;
        memcpy(body + request->n_bytes, bytes, *n_bytes);
        request->body = body;
        request->n_bytes += *n_bytes;
        *n_bytes = 0;
        return MHD_YES;
    }
    trace_enter(&request->trace, "POST /api/reserve");
    if (strcmp(path, "/api/reserve") == 0 && strcmp(method, "POST") == 0)
        status = reserve_items(request->body != NULL ? request->body : "", request->n_bytes);
    trace_leave(&request->trace);
    trace_log(&request->trace, "inventory", "POST /api/reserve", status,
              milliseconds_since(&request->begin));
    return reply(connection, request, status);
}

static void on_end(void *context, struct MHD_Connection *connection, void **state,
                   enum MHD_RequestTerminationCode why)
{
    struct request *request = *state;
    (void)context, (void)connection, (void)why;

    if (request != NULL)
        free(request->body);
    free(request);
}

/* ---- the program ---- */

static const char *setting(const char *variable, const char *otherwise)
{
    return getenv(variable) != NULL ? getenv(variable) : otherwise;
}

static struct MHD_Daemon *serve(void)
{
    const char *address = setting("INVENTORY_ADDRESS", "127.0.0.1");
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)atoi(setting("INVENTORY_PORT", "3002")))};
    struct MHD_Daemon *daemon;

    if (inet_pton(AF_INET, address, &at.sin_addr) != 1)
        return NULL;
    daemon = MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, NULL, NULL,
                              on_request, NULL, MHD_OPTION_SOCK_ADDR, &at,
                              MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL,
                              MHD_OPTION_THREAD_POOL_SIZE, (unsigned)N_THREADS, MHD_OPTION_END);
    if (daemon != NULL)
        printf("inventory: serving at http://%s:%u/api/reserve\n", address,
               MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    return daemon;
}

int main(void)
{
    const char *profile = setting("INVENTORY_PROFILE", "127.0.0.1:8081");
    struct MHD_Daemon *daemon;
    struct pprofc_error err;
    sigset_t ends;
    int signo;

    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    json_object_seed(0);
    fill_shelves();
    daemon = serve();
    if (daemon == NULL) {
        fprintf(stderr, "inventory: cannot serve at INVENTORY_ADDRESS and INVENTORY_PORT\n");
        return 1;
    }
    if (strcmp(profile, "off") != 0 && pprofc_http_serve(profile, &err) != 0)
        fprintf(stderr, "inventory: no profiles: %s\n", err.message);
    sigwait(&ends, &signo);
    pprofc_http_stop(NULL);
    MHD_stop_daemon(daemon);
    if (!pprofc_is_switched_on) /* else it ends with us, and leaves its file */
        pprofc_stop(NULL, NULL);
    return 0;
}
