/* Slow clients are cut off: by shutting the socket down, which libmicrohttpd notices. */
#include "serve/connections.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct pp_connection *pp_connection_new(struct pp_connections *connections, int socket)
{
    struct pp_connection *connection = calloc(1, sizeof *connection);

    if (connection == NULL)
        return NULL;
    connection->socket = socket;
    connection->next = connections->first;
    connection->link = &connections->first;
    if (connection->next != NULL)
        connection->next->link = &connection->next;
    connections->first = connection;
    pp_connection_enter(connection, PP_CONNECTION_HEAD);
    return connection;
}

void pp_connection_free(struct pp_connection *connection)
{
    if (connection == NULL)
        return;
    *connection->link = connection->next;
    if (connection->next != NULL)
        connection->next->link = connection->link;
    free(connection);
}

void pp_connection_enter(struct pp_connection *connection, enum pp_connection_phase phase)
{
    if (connection == NULL)
        return;
    connection->phase = phase;
    connection->has_ended = false;
    connection->since_ms = now_ms();
}

static void cut(struct pp_connection *connection)
{
    connection->is_cut = true;
    (void)shutdown(connection->socket, SHUT_RDWR);
}

static bool is_overdue(const struct pp_connection *connection, int64_t at_ms)
{
    static const int limits_s[] = {[PP_CONNECTION_HEAD] = PP_CONNECTION_HEAD_SECONDS,
                                   [PP_CONNECTION_BODY] = PP_CONNECTION_BODY_SECONDS,
                                   [PP_CONNECTION_SENDING] = PP_CONNECTION_SEND_SECONDS};

    return connection->phase != PP_CONNECTION_MAKING &&
           at_ms - connection->since_ms > limits_s[connection->phase] * INT64_C(1000);
}

/* The client has ended its side and all that it sent was read: the rest of its request cannot come.
 */
static bool is_at_end(const struct pp_connection *connection)
{
    struct pollfd look = {connection->socket, POLLRDHUP, 0};
    int n_waiting = 0;

    return poll(&look, 1, 0) > 0 && ioctl(connection->socket, FIONREAD, &n_waiting) == 0 &&
           n_waiting == 0;
}

/* libmicrohttpd does not see an end that came together with bytes: it reads those and waits for
 * the next event.  Cut at the second look in one phase, between which it has worked off what it
 * had read. */
static void cut_ended(struct pp_connections *connections, int64_t at_ms)
{
    if (at_ms - connections->looked_ms < PP_CONNECTION_LOOK_MS)
        return;
    connections->looked_ms = at_ms;
    for (struct pp_connection *one = connections->first; one != NULL; one = one->next) {
        const bool was_at_end = one->has_ended;
        if (one->is_cut || (one->phase != PP_CONNECTION_HEAD && one->phase != PP_CONNECTION_BODY))
            continue;
        one->has_ended = is_at_end(one);
        if (was_at_end && one->has_ended)
            cut(one);
    }
}

/* Of those that hold a body or an answer the one that has done so for longest. */
static struct pp_connection *slowest(const struct pp_connections *connections, int64_t at_ms)
{
    struct pp_connection *found = NULL;

    for (struct pp_connection *one = connections->first; one != NULL; one = one->next)
        if (!one->is_cut &&
            (one->phase == PP_CONNECTION_BODY || one->phase == PP_CONNECTION_SENDING) &&
            at_ms - one->since_ms > PP_CONNECTION_ROOM_SECONDS * INT64_C(1000) &&
            (found == NULL || one->since_ms < found->since_ms))
            found = one;
    return found;
}

void pp_connections_cut(struct pp_connections *connections)
{
    const int64_t at_ms = now_ms();
    struct pp_connection *one;

    for (one = connections->first; one != NULL; one = one->next)
        if (!one->is_cut && is_overdue(one, at_ms))
            cut(one);
    cut_ended(connections, at_ms);
    /* One at a time: what it held is given back before the next look. */
    if (atomic_load(&connections->held_bytes) <= PP_CONNECTIONS_MAX_HELD_BYTES / 2)
        return;
    one = slowest(connections, at_ms);
    if (one != NULL)
        cut(one);
}

/* What is larger than the limit is let through when it is alone. */
bool pp_connections_hold(struct pp_connections *connections, size_t n_bytes)
{
    size_t held = atomic_load(&connections->held_bytes);

    do {
        if (held > 0 && held + n_bytes > PP_CONNECTIONS_MAX_HELD_BYTES)
            return false;
    } while (!atomic_compare_exchange_weak(&connections->held_bytes, &held, held + n_bytes));
    return true;
}

void pp_connections_let_go(struct pp_connections *connections, size_t n_bytes)
{
    (void)atomic_fetch_sub(&connections->held_bytes, n_bytes);
}
