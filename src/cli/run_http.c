/* The server of a run. */
#include "cli/run_http.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

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

int pp_run_http_start(struct pp_run_http *http, struct pprofc_error *err)
{
    int status;

    if (!http->is_on)
        return 0;
    status = pp_service_init(&http->service, false, err);
    if (status == 0)
        status =
            pp_server_start(&http->service, &http->listener, &http->options, &http->server, err);
    pp_tls_done(&http->options.tls);
    if (status == 0) {
        pp_say("serving at %s/debug/pprof/", http->url);
        return 0;
    }
    http->is_on = false;
    return status;
}

void pp_run_http_look(struct pp_run_http *http, struct pp_run_files *files)
{
    for (size_t i = 0; http->is_on && i < files->n_files; i++) {
        struct pp_run_file *file = &files->files[i];
        char pid[24];
        if (file->is_served || (file->path[0] == '\0' && file->pid <= 0))
            continue;
        (void)snprintf(pid, sizeof pid, "%d", (int)file->pid); /* it has no name for us */
        file->is_served =
            pp_service_add(&http->service, file->path[0] != '\0' ? file->path : pid, NULL) == 0;
    }
}

void pp_run_http_stop(struct pp_run_http *http)
{
    if (!http->is_on)
        return;
    pp_server_stop(http->server);
    pp_service_done(&http->service);
    http->is_on = false;
}
