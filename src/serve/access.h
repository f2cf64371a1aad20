/* Who may ask: loopback and unix sockets by default, a token elsewhere. */
#ifndef PP_SERVE_ACCESS_H
#define PP_SERVE_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { PP_TOKEN_MAX_BYTES = 512, PP_TOKEN_LEAST_BYTES = 16 };

struct pp_access {
    char token[PP_TOKEN_MAX_BYTES]; /* "": none is asked for */
    bool is_local;                  /* a unix socket: no browser gets there */
};

/* Read the token from 'path': the first line, without what surrounds it. */
int pp_access_read_token(struct pp_access *access, const char *path, struct pprofc_error *err);

/* Why a request may not be answered, or NULL.  'host' and 'authorization' are the headers, NULL
 * where they are missing; '*status_out' is 401, 403 or 400. A page elsewhere can make a browser ask
 * us under a name of its own: without a token only names that mean this machine are answered. */
const char *pp_access_refusal(const struct pp_access *access, const char *host,
                              const char *authorization, int *status_out);

#endif
