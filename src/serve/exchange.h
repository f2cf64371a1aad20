/* One request and its answer, from the first header to the last byte. */
#ifndef PP_SERVE_EXCHANGE_H
#define PP_SERVE_EXCHANGE_H

#include <microhttpd.h>
#include <stdatomic.h>

#include "serve/connections.h"
#include "serve/http.h"
#include "serve/server.h"

enum pp_exchange_state { PP_EXCHANGE_NEW, PP_EXCHANGE_READING, PP_EXCHANGE_ANSWERING };

enum {
    PP_EXCHANGE_MAX_BODY_BYTES = 2 << 20, /* addresses of a large profile for /symbol */
    PP_EXCHANGE_MAX_TARGET_BYTES = 8 * 1024,
    PP_EXCHANGE_MAX_HEADER_BYTES = 16 * 1024,
};

struct pp_exchange {
    struct pp_server *server;
    struct MHD_Connection *connection;
    struct pp_connection *clock; /* of the connection; NULL where there was no memory for it */
    struct pp_connections *connections;
    size_t held_bytes; /* of theirs, by the body and the answer */
    int socket;
    enum pp_exchange_state state; /* the mover's */
    struct pp_http_request request;
    char *path, *query, *query_text; /* owned; what the request points into */
    struct pp_http_pair pairs[PP_HTTP_MAX_PARAMETERS];
    struct pp_buffer body;
    bool is_too_long, is_one_too_many; /* the body; all bodies and answers there are */
    struct pp_http_answer answer;
    _Atomic bool is_answered;
};

/* A request for 'target', the path and query as they came.  NULL when there is no memory. */
struct pp_exchange *pp_exchange_new(struct pp_server *server, struct pp_connections *connections,
                                    struct MHD_Connection *connection, const char *target);
void pp_exchange_set_method(struct pp_exchange *exchange, const char *method);
void pp_exchange_free(struct pp_exchange *exchange);

/* Whether the headers are such that the rest may come; false after an answer of 400, 413, 414 or
 * 431. */
bool pp_exchange_may_come(struct pp_exchange *exchange);

/* Take a piece of the body. */
void pp_exchange_take_body(struct pp_exchange *exchange, const char *bytes, size_t n_bytes);

/* The answer is made: it is held until it is sent, or becomes a 503 when too much is held. */
void pp_exchange_hold_answer(struct pp_exchange *exchange);

/* Split the query and point the request at everything; false after an answer of 400 or 413. */
bool pp_exchange_complete(struct pp_exchange *exchange);

/* Send the answer. */
enum MHD_Result pp_exchange_send(struct pp_exchange *exchange);

#endif
