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

#include <pprofc/pprofc.h>
#include <pprofc/serve.h>

#include "exchange.h"

enum { N_SHELVES = 20000, N_PRODUCTS = 100, N_THREADS = 4 };

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

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *bytes, size_t *n_bytes, void **state)
{
    struct exchange *request = *state;
    enum MHD_Result result;
    int status = 404;
    (void)context, (void)version;

    if (request == NULL) { /* the first of several calls */
        *state = request = malloc(sizeof *request);
        if (request == NULL)
            return MHD_NO;
        exchange_begin(request, connection);
        return MHD_YES;
    }
    if (*n_bytes > 0) {
        result = exchange_add(request, bytes, *n_bytes);
        *n_bytes = 0;
        return result;
    }
    trace_enter(&request->trace, "POST /api/reserve");
    if (request->is_too_large)
        status = 413;
    else if (strcmp(path, "/api/reserve") == 0 && strcmp(method, "POST") == 0)
        status = reserve_items(request->body != NULL ? request->body : "", request->n_bytes);
    trace_leave(&request->trace);
    trace_log(&request->trace, "inventory", "POST /api/reserve", status,
              exchange_milliseconds(request));
    return exchange_reply(request, connection, status, strdup("{}"));
}

static void on_end(void *context, struct MHD_Connection *connection, void **state,
                   enum MHD_RequestTerminationCode why)
{
    struct exchange *request = *state;
    (void)context, (void)connection, (void)why;

    if (request == NULL)
        return;
    exchange_end(request);
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
