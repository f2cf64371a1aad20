/* pprofc_http_*: this process serves its own recording. */
#include "pprofc/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "pprofc/export.h"
#include "serve/capture_calls.h"
#include "serve/own_service.h"
#include "serve/server.h"

/* What there is of this process's own. */
static struct {
    pthread_mutex_t lock;
    pid_t pid; /* a forked child begins anew */
    bool has_service;
    struct pp_service service;
    struct pp_server *server;
    char url[160];
} own = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A child has the parent's descriptors and memory, but none of its threads. */
static void forget_parent(void)
{
    if (own.pid == getpid())
        return;
    own.has_service = false;
    own.server = NULL;
    own.pid = getpid();
}

/* ---- the service; the lock is held ---- */

/* A session that nobody asked for stands ready, paused: then a request only has to wake it. */
static int have_session(struct pprofc_error *err)
{
    struct pprofc_stats stats = {.struct_bytes = sizeof stats};
    int status;

    if (pprofc_start == NULL || pprofc_pause == NULL || pprofc_stats == NULL)
        return pp_fail(
            err, -ENOSYS, 0,
            "this program has no capture library: link it as pkg-config --libs pprofc says");
    if (pprofc_stats(&stats, NULL) == 0)
        return 0;
    status = pprofc_start(NULL, err);
    return status == 0 ? pprofc_pause(err) : status;
}

static int have_service(struct pprofc_error *err)
{
    char pid[24];
    int status = have_session(err);

    if (status != 0)
        return status;
    /* A session that was stopped and started left its recording: the new one is added. */
    if (own.has_service && pp_service_target(&own.service, NULL) != NULL &&
        pp_served_is_alive(pp_service_target(&own.service, NULL)))
        return 0;
    if (!own.has_service) {
        status = pp_service_init(&own.service, true, err);
        own.has_service = status == 0;
    }
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    return status == 0 ? pp_service_add(&own.service, pid, err) : status;
}

int pp_own_service(struct pp_service **service_out, struct pprofc_error *err)
{
    int status;

    (void)pthread_mutex_lock(&own.lock);
    forget_parent();
    status = have_service(err);
    (void)pthread_mutex_unlock(&own.lock);
    if (status == 0)
        *service_out = &own.service;
    return status;
}

/* ---- serving ---- */

static void log_url(void)
{
    const char *path = getenv("PPROFC_LOG");
    char line[256];
    const int n = snprintf(line, sizeof line, "pprofc: serving at %s/debug/pprof/\n", own.url);
    int fd = STDERR_FILENO;

    if (path != NULL && path[0] != '\0')
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd >= 0 && write(fd, line, (size_t)n) < 0)
        return; /* nobody reads it */
    if (fd > STDERR_FILENO)
        (void)close(fd);
}

static const char *address_of_environment(void)
{
    const char *address = getenv("PPROFC_HTTP");

    return address != NULL && address[0] != '\0' ? address : "127.0.0.1:6060";
}

static int serve(const char *address, struct pprofc_error *err)
{
    const struct pp_secret_files from_environment = {NULL, NULL, NULL};
    struct pp_server_options options = {.is_insecure = false};
    struct pp_listener listener;
    int status;

    forget_parent();
    if (own.server != NULL)
        return pp_fail(err, -EALREADY, 0, "serving already, at %s", own.url);
    status = pp_secrets_read(&from_environment, &options.access, &options.tls, err);
    if (status == 0)
        status = have_service(err);
    if (status == 0)
        status = pp_listen(address != NULL ? address : address_of_environment(),
                           options.tls.certificate != NULL, &listener, err);
    if (status == 0) {
        memcpy(own.url, listener.url, sizeof own.url);
        status = pp_server_start(&own.service, &listener, &options, &own.server, err);
    }
    pp_tls_done(&options.tls);
    if (status == 0)
        log_url();
    return status;
}

static bool is_said(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0';
}

/* PPROFC_HISTORY and PPROFC_EXPORT switch continuous mode on; who has started it before has it. */
static int take_windows(struct pprofc_error *err)
{
    int status = 0;

    if (is_said("PPROFC_HISTORY") || is_said("PPROFC_EXPORT"))
        status = pprofc_continuous_start(NULL, err);
    return status == -EALREADY ? 0 : status;
}

int pprofc_http_serve(const char *address, struct pprofc_error *err)
{
    int status;

    (void)pthread_mutex_lock(&own.lock);
    status = serve(address, err);
    (void)pthread_mutex_unlock(&own.lock);
    if (status != 0)
        return status;
    status = take_windows(err);
    if (status != 0)
        (void)pprofc_http_stop(NULL); /* all of it, or nothing */
    return status;
}

int pprofc_http_url(char *url, size_t capacity, struct pprofc_error *err)
{
    int status = 0;

    (void)pthread_mutex_lock(&own.lock);
    forget_parent();
    if (own.server == NULL)
        status = pp_fail(err, -ESRCH, 0, "nothing is served");
    else if (strlen(own.url) >= capacity)
        status = pp_fail(err, -ENOSPC, 0, "%s needs %zu bytes", own.url, strlen(own.url) + 1);
    else
        (void)snprintf(url, capacity, "%s", own.url);
    (void)pthread_mutex_unlock(&own.lock);
    return status;
}

int pprofc_http_stop(struct pprofc_error *err)
{
    int status = 0;

    (void)pthread_mutex_lock(&own.lock);
    forget_parent();
    if (own.server == NULL)
        status = pp_fail(err, -ESRCH, 0, "nothing is served");
    pp_server_stop(own.server);
    own.server = NULL;
    (void)pthread_mutex_unlock(&own.lock);
    return status;
}

/* ---- one request ---- */

static enum pp_http_method method_of(const char *method)
{
    if (strcmp(method, "GET") == 0)
        return PP_HTTP_GET;
    if (strcmp(method, "HEAD") == 0)
        return PP_HTTP_HEAD;
    return strcmp(method, "POST") == 0 ? PP_HTTP_POST : PP_HTTP_OTHER;
}

static int answer(const struct pprofc_http_request *request, struct pp_http_answer *out)
{
    struct pp_http_pair pairs[PP_HTTP_MAX_PARAMETERS];
    const char *mark = strchr(request->target, '?');
    pp_autofree char *path = strndup(
        request->target, mark != NULL ? (size_t)(mark - request->target) : strlen(request->target));
    pp_autofree char *query = strdup(mark != NULL ? mark + 1 : "");
    struct pp_http_request ours = {.method = method_of(request->method),
                                   .path = path,
                                   .query = pairs,
                                   .query_text = mark != NULL ? mark + 1 : "",
                                   .body = request->body != NULL ? request->body : "",
                                   .n_body_bytes = request->n_body_bytes};
    int n;

    if (path == NULL || query == NULL)
        return -ENOMEM;
    n = pp_http_split_query(query, pairs);
    if (n < 0 || !pp_http_decode(path, false)) {
        pp_http_error(out, 400, "the request's path or parameters are malformed");
        return 0;
    }
    ours.n_query = (size_t)n;
    pp_service_tick(&own.service); /* no thread of ours does it without a server */
    pp_service_answer(&own.service, &ours, out);
    return out->body.failed ? -ENOMEM : 0;
}

int pprofc_http_handle(const struct pprofc_http_request *request,
                       struct pprofc_http_response *response_out, struct pprofc_error *err)
{
    struct pp_http_answer *out;
    int status;

    if (request->struct_bytes != sizeof *request)
        return pp_fail(err, -EINVAL, 0,
                       "request.struct_bytes is %zu, not %zu: begin with PPROFC_HTTP_REQUEST_INIT",
                       request->struct_bytes, sizeof *request);
    (void)pthread_mutex_lock(&own.lock);
    forget_parent();
    status = have_service(err);
    (void)pthread_mutex_unlock(&own.lock);
    if (status != 0)
        return status;
    out = calloc(1, sizeof *out);
    if (out == NULL || answer(request, out) != 0) {
        if (out != NULL)
            pp_http_answer_done(out);
        free(out);
        return pp_fail(err, -ENOMEM, 0, "no memory for the answer");
    }
    memset(response_out, 0, sizeof *response_out);
    response_out->status = out->status;
    response_out->content_type = out->content_type;
    response_out->is_error = out->is_error;
    response_out->body = out->body.bytes;
    response_out->n_body_bytes = out->body.n_bytes;
    response_out->owner = out;
    if (out->file_name[0] != '\0')
        (void)snprintf(response_out->disposition, sizeof response_out->disposition,
                       "attachment; filename=\"%s\"", out->file_name);
    return 0;
}

void pprofc_http_response_free(struct pprofc_http_response *response)
{
    if (response == NULL || response->owner == NULL)
        return;
    pp_http_answer_done(response->owner);
    free(response->owner);
    response->owner = NULL;
}
