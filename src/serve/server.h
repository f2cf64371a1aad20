/* Our own HTTP server: libmicrohttpd moves the bytes on one thread, and each request is answered by
 * a thread of its own, at most so many at a time.  Slow clients hold a connection and nothing else.
 */
#ifndef PP_SERVE_SERVER_H
#define PP_SERVE_SERVER_H

#include "serve/access.h"
#include "serve/address.h"
#include "serve/secrets.h"
#include "serve/service.h"

struct pp_server;

struct pp_server_options {
    struct pp_access access;
    struct pp_tls tls; /* not for unix sockets */
    bool is_insecure;  /* another address than loopback without a token */
};

/* Serve 'service' at 'listener', which the server takes over.  -EACCES for an address that anybody
 * reaches without a token. */
int pp_server_start(struct pp_service *service, const struct pp_listener *listener,
                    const struct pp_server_options *options, struct pp_server **server_out,
                    struct pprofc_error *err);

/* End all requests, the waiting ones at once, and give everything back. */
void pp_server_stop(struct pp_server *server);

#endif
