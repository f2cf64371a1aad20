/* `pprofc run --http ADDR` and `--continuous`: what is recorded is served, and windows of it are
 * taken, while the program runs. */
#ifndef PP_CLI_RUN_HTTP_H
#define PP_CLI_RUN_HTTP_H

#include "cli/run_files.h"
#include "serve/continuous.h"
#include "serve/server.h"

struct pp_run_http {
    bool is_on; /* an address is served at */
    bool has_service;
    struct pp_listener listener;
    struct pp_server_options options;
    struct pp_service service;
    struct pp_server *server;
    struct pp_continuous *continuous;
    struct pp_continuous_options windows;
    char url[160];
};

/* Take the address, before the program starts: it may not be free.  No thread begins yet. */
int pp_run_http_open(struct pp_run_http *http, const char *address, struct pprofc_error *err);

/* Serve, where an address was taken, and take the windows that are asked for; the program runs. */
int pp_run_http_start(struct pp_run_http *http, const struct pp_continuous_options *windows,
                      struct pprofc_error *err);

/* Serve also what was found since the last look. */
void pp_run_http_look(struct pp_run_http *http, struct pp_run_files *files);

/* Before the recordings are ended and written. */
void pp_run_http_stop(struct pp_run_http *http);

#endif
