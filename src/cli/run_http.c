/* The server of a run, and its windows. */
#include "cli/run_http.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/continuous_options.h"
#include "cli/messages.h"

int pp_run_http_open(struct pp_run_http *http, const char *address, struct pprofc_error *err)
{
    const struct pp_secret_files from_environment = {NULL, NULL, NULL};
    struct pp_server_options *options = &http->options;
    int status;

    memset(http, 0, sizeof *http);
    status = pp_secrets_read(&from_environment, &options->access, &options->tls, err);
    if (status == 0)
        status = pp_listen(address, options->tls.certificate != NULL, &http->listener, err);
    if (status == 0 && !http->listener.is_loopback && options->access.token[0] == '\0') {
        status = pp_fail(err, -EACCES, 0,
                         "--http %s can be reached from elsewhere: set PPROFC_TOKEN_FILE", address);
        pp_listener_close(&http->listener);
    }
    if (status != 0)
        return status;
    memcpy(http->url, http->listener.url, sizeof http->url);
    http->is_on = true;
    return 0;
}

static int start_server(struct pp_run_http *http, struct pprofc_error *err)
{
    const int status =
        pp_server_start(&http->service, &http->listener, &http->options, &http->server, err);

    http->is_on = status == 0;
    if (status == 0)
        pp_say("serving at %s/debug/pprof/", http->url);
    return status;
}

/* The program runs, and is served without them. */
static void start_windows(struct pp_run_http *http)
{
    struct pprofc_error err;

    if (pp_continuous_start(&http->service, &http->windows, &http->continuous, &err) == 0)
        pp_continuous_say_begin(&http->windows);
    else
        pp_complain("%s", err.message);
}

int pp_run_http_start(struct pp_run_http *http, const struct pp_continuous_options *windows,
                      struct pprofc_error *err)
{
    int status;

    if (!http->is_on && !windows->is_on)
        return 0;
    http->windows = *windows;
    status = pp_service_init(&http->service, false, err);
    http->has_service = status == 0;
    if (status == 0 && windows->is_on) /* first: who asks at once shall find them */
        start_windows(http);
    if (status == 0 && http->is_on)
        status = start_server(http, err);
    pp_tls_done(&http->options.tls);
    return status;
}

void pp_run_http_look(struct pp_run_http *http, struct pp_run_files *files)
{
    for (size_t i = 0; http->has_service && i < files->n_files; i++) {
        struct pp_run_file *file = &files->files[i];
        char pid[24];
        if (file->is_served || (file->path[0] == '\0' && file->pid <= 0))
            continue;
        (void)snprintf(pid, sizeof pid, "%d", (int)file->pid); /* it has no name for us */
        file->is_served =
            pp_service_add(&http->service, file->path[0] != '\0' ? file->path : pid, NULL) == 0;
        if (file->is_served && http->continuous != NULL)
            pp_continuous_look_at_new(http->continuous);
    }
}

void pp_run_http_stop(struct pp_run_http *http)
{
    struct pp_continuous_facts facts;

    if (!http->has_service)
        return;
    pp_server_stop(http->server);
    if (http->continuous != NULL) {
        pp_continuous_finish(http->continuous, &facts);
        pp_continuous_say_end(&http->windows, &facts);
    }
    pp_service_done(&http->service);
    http->continuous = NULL;
    http->server = NULL;
    http->has_service = http->is_on = false;
}
