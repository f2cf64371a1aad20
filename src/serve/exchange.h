/* One request and its answer, from the first header to the last byte. */
#ifndef PP_SERVE_EXCHANGE_H
#define PP_SERVE_EXCHANGE_H

#include <microhttpd.h>
#include <stdatomic.h>

#include "serve/http.h"
#include "serve/server.h"

enum pp_exchange_state { PP_EXCHANGE_NEW, PP_EXCHANGE_READING, PP_EXCHANGE_ANSWERING };

enum { PP_EXCHANGE_MAX_BODY_BYTES = 2 << 20 }; /* addresses of a large profile for /symbol */

struct pp_exchange {
    struct pp_server *server;
    struct MHD_Connection *connection;
    int socket;
    enum pp_exchange_state state; /* the mover's */
    struct pp_http_request request;
    char *path, *query, *query_text; /* owned; what the request points into */
    struct pp_http_pair pairs[PP_HTTP_MAX_PARAMETERS];
    struct pp_buffer body;
    bool is_too_long;
    struct pp_http_answer answer;
    _Atomic bool is_answered;
};

/* A request for 'target', the path and query as they came.  NULL when there is no memory. */
struct pp_exchange *pp_exchange_new(struct pp_server *server, struct MHD_Connection *connection,
                                    const char *target);
void pp_exchange_set_method(struct pp_exchange *exchange, const char *method);
void pp_exchange_free(struct pp_exchange *exchange);

/* Split the query and point the request at everything; false after an answer of 400 or 413. */
bool pp_exchange_complete(struct pp_exchange *exchange);

/* Send the answer. */
enum MHD_Result pp_exchange_send(struct pp_exchange *exchange);

#endif
