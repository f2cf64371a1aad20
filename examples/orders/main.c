/* The service: HTTP for orders on one port, profiles on another, and an end that loses no order.
 *
 * libmicrohttpd moves bytes on a thread of its own.  A request that is complete is suspended and
 * given to a worker, which writes its answer and wakes it. */
#include <arpa/inet.h>
#include <getopt.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pprofc/pprofc.h>
#include <pprofc/serve.h>

#include "call.h"
#include "exchange.h"
#include "orders.h"
#include "pool.h"

enum { MAX_CONNECTIONS = 1000, IDLE_S = 30 };

struct service {
    struct MHD_Daemon *daemon;
    struct pool *pool;
    struct orders *orders;
    const char *inventory; /* "http://host:port" of the other service; "": there is none */
};

struct request {
    struct service *service;
    struct MHD_Connection *connection;
    struct exchange exchange;
    bool is_post;
    int status;   /* 0: not answered yet */
    char *answer; /* JSON */
};

/* ---- a request ---- */

static int reserve(void *context, const char *items)
{
    const struct request *request = context;
    const int status =
        call_service(request->service->inventory, "/api/reserve", &request->exchange.trace, items);

    return status == 200 ? 0 : status == 409 ? 409 : 503;
}

static void answer_request(void *argument)
{
    struct request *request = argument;
    struct orders *orders = request->service->orders;
    const bool has_inventory = request->service->inventory[0] != '\0';
    const char *operation = request->is_post ? "POST /api/orders" : "GET /api/orders";

    trace_enter(&request->exchange.trace, operation);
    request->status = request->is_post
                          ? orders_create(orders, request->exchange.body, request->exchange.n_bytes,
                                          has_inventory ? reserve : NULL, request, &request->answer)
                          : orders_list(orders, &request->answer);
    trace_leave(&request->exchange.trace);
    trace_log(&request->exchange.trace, "orders", operation, request->status,
              exchange_milliseconds(&request->exchange));
    MHD_resume_connection(request->connection);
}

static struct request *begin_request(struct MHD_Connection *connection)
{
    struct request *request = calloc(1, sizeof *request);

    if (request != NULL)
        exchange_begin(&request->exchange, connection);
    return request;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, const struct request *request,
                              int status, const char *why)
{
    char json[100];

    snprintf(json, sizeof json, "{\"error\":\"%s\"}", why);
    return exchange_reply(&request->exchange, connection, status, strdup(json));
}

/* The request is complete: a worker has it until it is resumed. */
static enum MHD_Result hand_over(struct request *request)
{
    MHD_suspend_connection(request->connection);
    if (!pool_submit(request->service->pool, answer_request, request)) {
        request->status = 503;
        request->answer = strdup("{\"error\":\"busy\"}");
        MHD_resume_connection(request->connection);
    }
    return MHD_YES;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *bytes, size_t *n_bytes, void **state)
{
    struct request *request = *state;
    enum MHD_Result result;
    (void)version;

    if (request == NULL) { /* the first of several calls */
        *state = begin_request(connection);
        return *state != NULL ? MHD_YES : MHD_NO;
    }
    if (*n_bytes > 0) {
        result = exchange_add(&request->exchange, bytes, *n_bytes);
        *n_bytes = 0;
        return result;
    }
    if (request->status != 0) {
        result = exchange_reply(&request->exchange, connection, request->status, request->answer);
        request->answer = NULL;
        return result;
    }
    if (strcmp(path, "/api/orders") != 0)
        return refuse(connection, request, 404, "there is only /api/orders");
    request->is_post = strcmp(method, "POST") == 0;
    if (!request->is_post && strcmp(method, "GET") != 0)
        return refuse(connection, request, 405, "GET lists orders, POST makes one");
    if (request->exchange.is_too_large)
        return refuse(connection, request, 413, "an order is at most 64 KiB");
    request->service = context;
    request->connection = connection;
    return hand_over(request);
}

static void on_end(void *context, struct MHD_Connection *connection, void **state,
                   enum MHD_RequestTerminationCode why)
{
    struct request *request = *state;
    (void)context, (void)connection, (void)why;

    if (request == NULL)
        return;
    exchange_end(&request->exchange);
    free(request->answer);
    free(request);
}

/* ---- the service ---- */

static bool service_start(struct service *service, const char *host, int port, unsigned n_workers)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
        return false;
    service->pool = pool_new(n_workers, MAX_CONNECTIONS);
    if (service->pool == NULL || service->orders == NULL)
        return false;
    service->daemon = MHD_start_daemon(
        MHD_USE_AUTO_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        on_request, service, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_NOTIFY_COMPLETED, on_end,
        NULL, MHD_OPTION_CONNECTION_LIMIT, MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
        MHD_OPTION_END);
    if (service->daemon == NULL)
        return false;
    printf("orders: serving at http://%s:%u/api/orders with %u workers\n", host,
           MHD_get_daemon_info(service->daemon, MHD_DAEMON_INFO_BIND_PORT)->port, n_workers);
    fflush(stdout);
    return true;
}

/* No new connections, then answers for what was taken, then the end. */
static void service_stop(struct service *service)
{
    if (service->daemon != NULL)
        MHD_quiesce_daemon(service->daemon);
    if (service->pool != NULL)
        pool_close(service->pool);
    if (service->daemon != NULL)
        MHD_stop_daemon(service->daemon);
    pool_free(service->pool);
    orders_free(service->orders);
}

/* This is all that profiling takes.  A service that cannot be profiled still serves. */
static void serve_profiles(const char *address)
{
    struct pprofc_error err;

    if (strcmp(address, "off") != 0 && pprofc_http_serve(address, &err) != 0)
        fprintf(stderr, "orders: no profiles: %s\n", err.message);
}

/* ---- the program ---- */

enum { PORT, PROFILE, WORKERS, PAYMENT_MS, PARSE_ONCE, ADDRESS, INVENTORY, N_SETTINGS };

static const struct {
    const char *variable, *otherwise;
} settings[N_SETTINGS] = {{"ORDERS_PORT", "3000"},    {"ORDERS_PROFILE", "127.0.0.1:8080"},
                          {"ORDERS_WORKERS", "16"},   {"ORDERS_PAYMENT_MS", "50"},
                          {"ORDERS_PARSE_ONCE", "0"}, {"ORDERS_ADDRESS", "127.0.0.1"},
                          {"ORDERS_INVENTORY", ""}};

static void read_settings(int argc, char **argv, const char *values[N_SETTINGS])
{
    static const struct option options[] = {{"port", required_argument, NULL, PORT},
                                            {"profile", required_argument, NULL, PROFILE},
                                            {"workers", required_argument, NULL, WORKERS},
                                            {"payment-ms", required_argument, NULL, PAYMENT_MS},
                                            {"parse-once", no_argument, NULL, PARSE_ONCE},
                                            {"address", required_argument, NULL, ADDRESS},
                                            {"inventory", required_argument, NULL, INVENTORY},
                                            {NULL, 0, NULL, 0}};

    for (int i = 0; i < N_SETTINGS; i++)
        values[i] =
            getenv(settings[i].variable) ? getenv(settings[i].variable) : settings[i].otherwise;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == '?') {
            fputs(
                "usage: orders [--port N] [--profile ADDRESS|off] [--workers N] [--payment-ms N]"
                " [--parse-once] [--address A] [--inventory URL]\nor ORDERS_PORT and so on in the environment\n",
                stderr);
            exit(2);
        }
        values[c] = optarg != NULL ? optarg : "1";
    }
}

int main(int argc, char **argv)
{
    const char *values[N_SETTINGS];
    struct service service = {0};
    sigset_t ends;
    int signo, status = 0;

    read_settings(argc, argv, values);
    /* Before any thread is made, so that none of them takes these. */
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);

    service.orders = orders_new((unsigned)atoi(values[PAYMENT_MS]), atoi(values[PARSE_ONCE]) != 0);
    service.inventory = values[INVENTORY];
    if (service_start(&service, values[ADDRESS], atoi(values[PORT]),
                      (unsigned)atoi(values[WORKERS]))) {
        serve_profiles(values[PROFILE]);
        sigwait(&ends, &signo);
        pprofc_http_stop(NULL); /* a client that waits for a profile does not hold us up */
    } else {
        fprintf(stderr, "orders: cannot serve at port %s\n", values[PORT]);
        status = 1;
    }
    service_stop(&service);
    if (!pprofc_is_switched_on) /* else it ends with us, and leaves its file */
        pprofc_stop(NULL, NULL);
    return status;
}
