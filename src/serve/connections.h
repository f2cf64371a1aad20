/* Every connection's clock: a request arrives whole, and its answer is taken, in good time.
 * libmicrohttpd knows idle connections only, and a byte a second is not idle.
 *
 * All of this is the mover's alone, but for the count of bytes that connections hold. */
#ifndef PP_SERVE_CONNECTIONS_H
#define PP_SERVE_CONNECTIONS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PP_CONNECTION_HEAD_SECONDS = 10, /* from the connection, or the answer before, to the headers */
    PP_CONNECTION_BODY_SECONDS = 20,
    PP_CONNECTION_SEND_SECONDS = 120,
    PP_CONNECTION_LOOK_MS = 250, /* between looks for those whose client has ended its side */
    /* Who takes longer than this to send or read may be cut off to make room for others. */
    PP_CONNECTION_ROOM_SECONDS = 2,
    /* Of bodies and answers that are on their way. */
    PP_CONNECTIONS_MAX_HELD_BYTES = 64 << 20,
};

enum pp_connection_phase {
    PP_CONNECTION_HEAD,
    PP_CONNECTION_BODY,
    PP_CONNECTION_MAKING, /* the answer: its time is what the client asked for */
    PP_CONNECTION_SENDING,
};

struct pp_exchange;

struct pp_connection {
    struct pp_connection *next, **link;
    int socket;
    enum pp_connection_phase phase;
    int64_t since_ms;
    bool is_cut;
    bool has_ended;              /* at the last look: all was read, and nothing can come any more */
    struct pp_exchange *unheard; /* begun, and so far nobody was asked to answer it; server.c's */
};

struct pp_connections {
    struct pp_connection *first;
    int64_t looked_ms;
    _Atomic size_t held_bytes;
};

/* A connection that begins; NULL when there is no memory: it has no limit of ours then. */
struct pp_connection *pp_connection_new(struct pp_connections *connections, int socket);
void pp_connection_free(struct pp_connection *connection);
void pp_connection_enter(struct pp_connection *connection, enum pp_connection_phase phase);

/* End those that are overdue, those whose client has ended its side within a request or between
 * two, and the slowest ones while more than half of what may be held is held. */
void pp_connections_cut(struct pp_connections *connections);

/* 'n_bytes' more are held, for any thread; false, and nothing is, when that is too much. */
bool pp_connections_hold(struct pp_connections *connections, size_t n_bytes);
void pp_connections_let_go(struct pp_connections *connections, size_t n_bytes);

#endif
