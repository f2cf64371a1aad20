/* What slow clients may hold, and that they are cut off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "serve/connections.h"

struct pair {
    struct pp_connection *connection;
    int ours, theirs;
};

static struct pair make_pair(struct pp_connections *connections, enum pp_connection_phase phase,
                             int seconds_ago)
{
    struct pair pair;
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    pair.ours = ends[0];
    pair.theirs = ends[1];
    pair.connection = pp_connection_new(connections, ends[0]);
    assert_non_null(pair.connection);
    pp_connection_enter(pair.connection, phase);
    pair.connection->since_ms -= seconds_ago * INT64_C(1000);
    return pair;
}

static void end_pair(struct pair *pair)
{
    pp_connection_free(pair->connection);
    (void)close(pair->ours);
    (void)close(pair->theirs);
}

static bool is_cut(const struct pair *pair)
{
    char byte;

    return read(pair->theirs, &byte, 1) == 0;
}

/* Each phase has its time; making an answer takes what the client asked for. */
static void overdue_ones_are_cut(void **state)
{
    static const struct {
        enum pp_connection_phase phase;
        int seconds_ago;
        bool is_cut;
    } cases[] = {{PP_CONNECTION_HEAD, PP_CONNECTION_HEAD_SECONDS - 1, false},
                 {PP_CONNECTION_HEAD, PP_CONNECTION_HEAD_SECONDS + 1, true},
                 {PP_CONNECTION_BODY, PP_CONNECTION_BODY_SECONDS - 1, false},
                 {PP_CONNECTION_BODY, PP_CONNECTION_BODY_SECONDS + 1, true},
                 {PP_CONNECTION_SENDING, PP_CONNECTION_SEND_SECONDS - 1, false},
                 {PP_CONNECTION_SENDING, PP_CONNECTION_SEND_SECONDS + 1, true},
                 {PP_CONNECTION_MAKING, 100000, false}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pp_connections connections = {.first = NULL};
        struct pair pair = make_pair(&connections, cases[i].phase, cases[i].seconds_ago);
        pp_connections_cut(&connections);
        assert_int_equal(is_cut(&pair), cases[i].is_cut);
        end_pair(&pair);
        assert_null(connections.first);
    }
}

/* 64 MiB in all, but for one that is larger and alone. */
static void what_is_held_is_bounded(void **state)
{
    struct pp_connections connections = {.first = NULL};
    const size_t half = PP_CONNECTIONS_MAX_HELD_BYTES / 2;

    (void)state;
    assert_true(pp_connections_hold(&connections, 3 * half));
    assert_false(pp_connections_hold(&connections, 1));
    pp_connections_let_go(&connections, 3 * half);
    assert_true(pp_connections_hold(&connections, half));
    assert_true(pp_connections_hold(&connections, half));
    assert_false(pp_connections_hold(&connections, 1));
}

/* With more than half of it held the slowest goes first, and none that has just begun. */
static void slowest_makes_room(void **state)
{
    struct pp_connections connections = {.first = NULL};
    struct pair slow = make_pair(&connections, PP_CONNECTION_SENDING, 9);
    struct pair slower = make_pair(&connections, PP_CONNECTION_BODY, 15);
    struct pair quick = make_pair(&connections, PP_CONNECTION_SENDING, 1);
    struct pair waiting = make_pair(&connections, PP_CONNECTION_MAKING, 100);

    (void)state;
    pp_connections_cut(&connections);
    assert_false(is_cut(&slower));
    assert_true(pp_connections_hold(&connections, PP_CONNECTIONS_MAX_HELD_BYTES / 2 + 1));
    pp_connections_cut(&connections);
    assert_true(is_cut(&slower));
    assert_false(is_cut(&slow));
    pp_connections_cut(&connections);
    assert_true(is_cut(&slow));
    pp_connections_cut(&connections);
    assert_false(is_cut(&quick));
    assert_false(is_cut(&waiting));
    end_pair(&slow);
    end_pair(&waiting);
    end_pair(&slower);
    end_pair(&quick);
    assert_null(connections.first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overdue_ones_are_cut),
        cmocka_unit_test(what_is_held_is_bounded),
        cmocka_unit_test(slowest_makes_room),
    };

    return cmocka_run_group_tests_name("serve/connections", tests, NULL, NULL);
}
