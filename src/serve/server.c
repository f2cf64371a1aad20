/* The server's threads: one that moves bytes, and one a request that is being answered.
 *
 * A request that is complete is suspended and handed to a thread; when that has the answer, the
 * connection is resumed and the mover sends it.  Only the mover touches libmicrohttpd's
 * connections, but for resuming, which is made for other threads. */
#include "serve/server.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/print.h"
#include "serve/exchange.h"
#include "serve/http_library.h"
#include "serve/threads.h"

enum {
    MAX_ANSWERS = 64, /* at a time; those that wait for samples are half as many (service.c) */
    MAX_CONNECTIONS = 512,
    /* For the headers, several times what exchange.c lets through: libmicrohttpd's own answers to
     * what is larger are pages of HTML. */
    CONNECTION_BYTES = 64 * 1024,
    IDLE_SECONDS = 20,
    TICK_MS = 500,
};

struct pp_server {
    struct pp_service *service;
    struct pp_listener listener;
    struct pp_access access;
    struct MHD_Daemon *daemon;
    pthread_t mover, ticker;
    bool has_mover, has_ticker;
    int wake, stop; /* eventfds: the mover is to look; the ticker is to end */
    _Atomic bool is_stopping, has_ended;
    pthread_mutex_t lock;
    pthread_cond_t all_answered;
    uint32_t n_answers;
    struct pp_connections connections;
    char complaint[160]; /* libmicrohttpd's first one while it starts */
};

static void signal_event(int fd)
{
    const uint64_t one = 1;

    if (fd >= 0 && write(fd, &one, sizeof one) < 0)
        return; /* it is signalled already */
}

/* ---- answering ---- */

static bool is_gone(void *context)
{
    const struct pp_exchange *exchange = context;
    struct pollfd look = {exchange->socket, POLLRDHUP, 0};

    /* Not by reading: a next request, or what TLS says at its end, may stand before the end. */
    return atomic_load(&exchange->server->is_stopping) || poll(&look, 1, 0) > 0;
}

static bool is_ending(void *context)
{
    const struct pp_exchange *exchange = context;

    return atomic_load(&exchange->server->is_stopping);
}

static void end_answer(struct pp_server *server)
{
    (void)pthread_mutex_lock(&server->lock);
    server->n_answers--;
    (void)pthread_cond_broadcast(&server->all_answered);
    (void)pthread_mutex_unlock(&server->lock);
}

static void *answer_main(void *argument)
{
    struct pp_exchange *exchange = argument;
    struct pp_server *server = exchange->server;

    pp_serve_thread_leave_profiles();
    pp_service_answer(server->service, &exchange->request, &exchange->answer);
    pp_exchange_hold_answer(exchange);
    atomic_store(&exchange->is_answered, true);
    /* From here on the exchange is the mover's. */
    pp_http_library()->resume(exchange->connection);
    /* libmicrohttpd's own wake-up is not in the set that the mover polls. */
    signal_event(server->wake);
    end_answer(server);
    return NULL;
}

static bool begin_answer(struct pp_server *server)
{
    bool has_room;

    (void)pthread_mutex_lock(&server->lock);
    has_room = server->n_answers < MAX_ANSWERS && !atomic_load(&server->is_stopping);
    server->n_answers += has_room;
    (void)pthread_mutex_unlock(&server->lock);
    return has_room;
}

static enum MHD_Result hand_over(struct pp_exchange *exchange)
{
    struct pp_server *server = exchange->server;

    exchange->request.is_gone = is_gone;
    exchange->request.is_ending = is_ending;
    exchange->request.is_gone_context = exchange;
    if (!begin_answer(server)) {
        pp_http_error(&exchange->answer, 503, "%d requests are being answered; try again",
                      MAX_ANSWERS);
        return pp_exchange_send(exchange);
    }
    pp_http_library()->suspend(exchange->connection);
    if (pp_serve_thread_start(NULL, true, answer_main, exchange) == 0)
        return MHD_YES;
    end_answer(server);
    pp_http_error(&exchange->answer, 503, "no thread for the answer; try again");
    atomic_store(&exchange->is_answered, true);
    pp_http_library()->resume(exchange->connection);
    return MHD_YES;
}

/* ---- what libmicrohttpd calls ---- */

static bool is_refused(struct pp_exchange *exchange)
{
    struct MHD_Connection *connection = exchange->connection;
    int status = 403;
    const char *why = pp_access_refusal(
        &exchange->server->access,
        pp_http_library()->value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST),
        pp_http_library()->value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION),
        &status);

    if (why == NULL)
        return false;
    pp_http_error(&exchange->answer, status, "%s", why);
    return true;
}

/* A request whose parameters do not fit into libmicrohttpd's memory ends without on_request() and
 * without on_end(): the connection keeps it until one of them comes. */
static void keep_unheard(struct pp_connection *clock, struct pp_exchange *exchange)
{
    if (clock == NULL)
        return;
    pp_exchange_free(clock->unheard);
    clock->unheard = exchange;
}

static void forget_unheard(struct pp_connection *clock)
{
    if (clock != NULL)
        clock->unheard = NULL;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *n_upload_bytes, void **state)
{
    struct pp_exchange *exchange = *state;

    (void)context, (void)url, (void)version, (void)connection;
    if (exchange == NULL) /* no memory for it */
        return MHD_NO;
    if (exchange->state == PP_EXCHANGE_NEW) {
        pp_exchange_set_method(exchange, method);
        exchange->state = PP_EXCHANGE_READING;
        forget_unheard(exchange->clock);
        pp_connection_enter(exchange->clock, PP_CONNECTION_BODY);
        return is_refused(exchange) || !pp_exchange_may_come(exchange) ? pp_exchange_send(exchange)
                                                                       : MHD_YES;
    }
    if (exchange->state == PP_EXCHANGE_ANSWERING)
        return atomic_load(&exchange->is_answered) ? pp_exchange_send(exchange) : MHD_YES;
    if (*n_upload_bytes > 0) {
        pp_exchange_take_body(exchange, upload, *n_upload_bytes);
        *n_upload_bytes = 0;
        return MHD_YES;
    }
    exchange->state = PP_EXCHANGE_ANSWERING;
    pp_connection_enter(exchange->clock, PP_CONNECTION_MAKING);
    return pp_exchange_complete(exchange) ? hand_over(exchange) : pp_exchange_send(exchange);
}

static void *on_target(void *context, const char *target, struct MHD_Connection *connection)
{
    struct pp_server *server = context;
    struct pp_exchange *exchange =
        pp_exchange_new(server, &server->connections, connection, target);

    if (exchange != NULL)
        keep_unheard(exchange->clock, exchange);
    return exchange;
}

static void on_end(void *context, struct MHD_Connection *connection, void **state,
                   enum MHD_RequestTerminationCode code)
{
    struct pp_exchange *exchange = *state;

    (void)context, (void)connection, (void)code;
    if (exchange != NULL) {
        pp_connection_enter(exchange->clock, PP_CONNECTION_HEAD);
        forget_unheard(exchange->clock);
    }
    pp_exchange_free(exchange);
    *state = NULL;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **clock,
                          enum MHD_ConnectionNotificationCode code)
{
    struct pp_server *server = context;
    const union MHD_ConnectionInfo *info =
        pp_http_library()->connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        keep_unheard(*clock, NULL);
        pp_connection_free(*clock);
        *clock = NULL;
    } else if (info != NULL) {
        *clock = pp_connection_new(&server->connections, info->connect_fd);
    }
}

/* What a client did wrong is the client's business; why nothing can be served is ours. */
static void on_complaint(void *context, const char *format, va_list arguments)
{
    struct pp_server *server = context;

    if (server->daemon != NULL || server->complaint[0] != '\0')
        return;
    (void)pp_vprint(server->complaint, sizeof server->complaint, format, arguments);
    server->complaint[strcspn(server->complaint, "\n")] = '\0';
}

/* ---- threads ---- */

static void *mover_main(void *argument)
{
    struct pp_server *server = argument;
    const union MHD_DaemonInfo *info =
        pp_http_library()->daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);

    eventfd_t n_woken;

    pp_serve_thread_leave_profiles();
    while (!atomic_load(&server->has_ended)) {
        struct pollfd waits[] = {{info->epoll_fd, POLLIN, 0}, {server->wake, POLLIN, 0}};
        MHD_UNSIGNED_LONG_LONG timeout_ms = TICK_MS;
        if (pp_http_library()->timeout(server->daemon, &timeout_ms) != MHD_YES ||
            timeout_ms > TICK_MS)
            timeout_ms = TICK_MS;
        (void)poll(waits, 2, (int)timeout_ms);
        if (waits[1].revents != 0)
            (void)eventfd_read(server->wake, &n_woken);
        (void)pp_http_library()->run(server->daemon);
        pp_connections_cut(&server->connections);
    }
    return NULL;
}

static void *ticker_main(void *argument)
{
    struct pp_server *server = argument;
    struct pollfd wait = {server->stop, POLLIN, 0};

    pp_serve_thread_leave_profiles();
    while (poll(&wait, 1, TICK_MS) <= 0)
        pp_service_tick(server->service);
    return NULL;
}

/* ---- start and stop ---- */

static struct MHD_Daemon *start_daemon(struct pp_server *server, const struct pp_tls *tls)
{
    const bool is_tls = tls->certificate != NULL && !server->listener.is_unix;
    const struct MHD_OptionItem tls_options[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, tls->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, tls->key},
        {MHD_OPTION_END, 0, NULL},
    };

    return pp_http_library()->start(
        MHD_USE_EPOLL | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
            (is_tls ? MHD_USE_TLS : 0),
        0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_complaint, server,
        MHD_OPTION_LISTEN_SOCKET, server->listener.fd, MHD_OPTION_URI_LOG_CALLBACK, on_target,
        server, MHD_OPTION_NOTIFY_COMPLETED, on_end, server, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, server, MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_BYTES, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_ARRAY,
        is_tls ? tls_options : tls_options + 2, MHD_OPTION_END);
}

static int start_all(struct pp_server *server, const struct pp_tls *tls, struct pprofc_error *err)
{
    int status = 0;

    server->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    server->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->wake < 0 || server->stop < 0)
        return pp_fail(err, -errno, 0, "cannot make an eventfd: %s", strerror(errno));
    if (pp_http_library() == NULL)
        return pp_fail(err, -ENOENT, 0,
                       "cannot serve at %s: there is no libmicrohttpd.so.12 here; install "
                       "libmicrohttpd12",
                       server->listener.url);
    server->daemon = start_daemon(server, tls);
    if (server->daemon == NULL)
        return pp_fail(err, -EINVAL, 0, "cannot serve at %s: %s", server->listener.url,
                       server->complaint[0] != '\0' ? server->complaint : "libmicrohttpd refused");
    status = pp_serve_thread_start(&server->mover, false, mover_main, server);
    server->has_mover = status == 0;
    if (status == 0)
        status = pp_serve_thread_start(&server->ticker, false, ticker_main, server);
    server->has_ticker = status == 0;
    return status == 0 ? 0
                       : pp_fail(err, status, 0, "cannot start the server's threads: %s",
                                 strerror(-status));
}

int pp_server_start(struct pp_service *service, const struct pp_listener *listener,
                    const struct pp_server_options *options, struct pp_server **server_out,
                    struct pprofc_error *err)
{
    struct pp_server *server;
    int status;

    if (!listener->is_loopback && options->access.token[0] == '\0' && !options->is_insecure)
        return pp_fail(err, -EACCES, 0,
                       "%s can be reached from elsewhere: give a token (--token-file, "
                       "PPROFC_TOKEN_FILE), or --insecure",
                       listener->url);
    server = calloc(1, sizeof *server);
    if (server == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory for the HTTP server");
    server->service = service;
    server->listener = *listener;
    server->access = options->access;
    server->access.is_local = listener->is_unix;
    server->wake = server->stop = -1;
    (void)pthread_mutex_init(&server->lock, NULL);
    (void)pthread_cond_init(&server->all_answered, NULL);
    status = start_all(server, &options->tls, err);
    if (status != 0)
        pp_server_stop(server);
    else
        *server_out = server;
    return status;
}

void pp_server_stop(struct pp_server *server)
{
    if (server == NULL)
        return;
    atomic_store(&server->is_stopping, true);
    signal_event(server->stop);
    (void)pthread_mutex_lock(&server->lock);
    while (server->n_answers > 0)
        (void)pthread_cond_wait(&server->all_answered, &server->lock);
    (void)pthread_mutex_unlock(&server->lock);
    atomic_store(&server->has_ended, true);
    signal_event(server->wake);
    if (server->has_mover)
        (void)pthread_join(server->mover, NULL);
    if (server->has_ticker)
        (void)pthread_join(server->ticker, NULL);
    if (server->daemon != NULL) {
        pp_http_library()->stop(server->daemon); /* closes the listening socket too */
        server->listener.fd = -1;
    }
    pp_listener_close(&server->listener);
    if (server->wake >= 0)
        (void)close(server->wake);
    if (server->stop >= 0)
        (void)close(server->stop);
    (void)pthread_cond_destroy(&server->all_answered);
    (void)pthread_mutex_destroy(&server->lock);
    free(server);
}
