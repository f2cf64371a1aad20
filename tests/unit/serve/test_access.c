/* Who may ask. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "serve/access.h"
#include "serve/address.h"

/* Without a token: localhost and addresses, with or without a port; no other name. */
static void own_hosts_pass(void **state)
{
    static const char *const own[] = {"localhost", "LOCALHOST:80", "127.0.0.1",  "127.0.0.1:6060",
                                      "[::1]:1",   "[::1]",        "10.1.2.3:80"};
    static const char *const others[] = {"evil.example",
                                         "localhost.evil.example",
                                         "127.0.0.1.evil.example:80",
                                         "",
                                         ":80",
                                         "[::1",
                                         "[evil]:80",
                                         "1.2.3",
                                         "127.0.0.1.:80"};
    const struct pp_access access = {.is_local = false};
    int status = 0;

    (void)state;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        assert_null(pp_access_refusal(&access, own[i], NULL, &status));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_non_null(pp_access_refusal(&access, others[i], NULL, &status));
        assert_int_equal(status, 403);
    }
    assert_non_null(pp_access_refusal(&access, NULL, NULL, &status));
    assert_int_equal(status, 400);
}

/* No page of a browser gets to a unix socket. */
static void unix_sockets_ask_for_no_host(void **state)
{
    const struct pp_access access = {.is_local = true};
    int status = 0;

    (void)state;
    assert_null(pp_access_refusal(&access, "anything", NULL, &status));
}

/* With a token: that one and no other, whatever its length; the scheme in any case. */
static void tokens_are_compared(void **state)
{
    static const char *const wrong[] = {
        "Bearer 0123456789abcdeF",  "Bearer 0123456789abcde", "Bearer ",
        "Bearer 0123456789abcdef0", "Basic 0123456789abcdef", "0123456789abcdef"};
    struct pp_access access = {.is_local = false};
    int status = 0;

    (void)state;
    (void)strcpy(access.token, "0123456789abcdef");
    assert_null(pp_access_refusal(&access, "evil.example", "Bearer 0123456789abcdef", &status));
    assert_null(pp_access_refusal(&access, NULL, "bearer 0123456789abcdef", &status));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_non_null(pp_access_refusal(&access, "localhost", wrong[i], &status));
        assert_int_equal(status, 401);
    }
    assert_non_null(pp_access_refusal(&access, "localhost", NULL, &status));
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* The first line without what surrounds it; a short, empty or missing one is refused. */
static void tokens_are_read(void **state)
{
    static const char *const refused[] = {"", "short\n", "\n0123456789abcdef\n"};
    char path[] = "/tmp/pprofc-token.XXXXXX";
    struct pp_access access = {.is_local = false};
    struct pprofc_error err;

    (void)state;
    assert_int_equal(close(mkstemp(path)), 0);
    write_file(path, "0123456789abcdef \r\nmore\n");
    assert_int_equal(pp_access_read_token(&access, path, &err), 0);
    assert_string_equal(access.token, "0123456789abcdef");
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        write_file(path, refused[i]);
        assert_true(pp_access_read_token(&access, path, &err) < 0);
    }
    assert_int_equal(unlink(path), 0);
    assert_true(pp_access_read_token(&access, path, &err) < 0);
}

/* What people type as an address, and what of it is loopback. */
static void addresses_are_understood(void **state)
{
    static const char *const good[] = {"127.0.0.1:0", ":0", "localhost:0"};
    static const char *const bad[] = {
        "",      "127.0.0.1",      "127.0.0.1:", "127.0.0.1:x", "nowhere.invalid:0",
        "unix:", "127.0.0.1:99999"};
    struct pp_listener listener;
    struct pprofc_error err;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(pp_listen(good[i], false, &listener, &err), 0);
        assert_true(listener.is_loopback);
        assert_null(strstr(listener.url, ":0/"));
        pp_listener_close(&listener);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_true(pp_listen(bad[i], false, &listener, &err) < 0);
    assert_int_equal(pp_listen("0.0.0.0:0", false, &listener, &err), 0);
    assert_false(listener.is_loopback);
    pp_listener_close(&listener);
}

/* A socket that nobody listens at makes way; one that is in use, and a file, do not. */
static void left_over_sockets_make_way(void **state)
{
    char folder[] = "/tmp/pprofc-socket.XXXXXX", path[64], address[80];
    struct pp_listener first, second;
    struct pprofc_error err;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/s", folder);
    (void)snprintf(address, sizeof address, "unix:%s", path);
    assert_int_equal(pp_listen(address, false, &first, &err), 0);
    assert_true(pp_listen(address, false, &second, &err) < 0);
    (void)close(first.fd); /* as when its process was killed */
    assert_int_equal(pp_listen(address, false, &second, &err), 0);
    pp_listener_close(&second);
    assert_int_not_equal(access(path, F_OK), 0);
    write_file(path, "mine");
    assert_true(pp_listen(address, false, &first, &err) < 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_hosts_pass),           cmocka_unit_test(unix_sockets_ask_for_no_host),
        cmocka_unit_test(tokens_are_compared),      cmocka_unit_test(tokens_are_read),
        cmocka_unit_test(addresses_are_understood), cmocka_unit_test(left_over_sockets_make_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
