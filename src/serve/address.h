/* Where to listen: "127.0.0.1:6060", ":6060", "[::1]:6060", "localhost:0", "unix:PATH". */
#ifndef PP_SERVE_ADDRESS_H
#define PP_SERVE_ADDRESS_H

#include <stdbool.h>

#include "base/error.h"

struct pp_listener {
    int fd;
    bool is_unix, is_loopback; /* unix sockets are both */
    char url[160];             /* "http://127.0.0.1:6060", "https://..", "unix:PATH" */
    char path[108];            /* of a unix socket, to be removed at the end */
};

/* Listen at 'text'; port 0 takes a free one, no host means loopback.  'is_tls' is for the URL. */
int pp_listen(const char *text, bool is_tls, struct pp_listener *listener_out,
              struct pprofc_error *err);
void pp_listener_close(struct pp_listener *listener);

#endif
