/* Parameters and small answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "serve/http.h"

/* %XX is decoded; '+' is a blank in a query only. */
static void escapes_are_decoded(void **state)
{
    static const struct {
        const char *text, *path, *query;
    } cases[] = {
        {"a%20b+c", "a b+c", "a b c"}, {"%2F%2f", "//", "//"}, {"", "", ""}, {"%c3%A9", "é", "é"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[32];
        (void)strcpy(text, cases[i].text);
        assert_true(pp_http_decode(text, false));
        assert_string_equal(text, cases[i].path);
        (void)strcpy(text, cases[i].text);
        assert_true(pp_http_decode(text, true));
        assert_string_equal(text, cases[i].query);
    }
}

/* A NUL, and an escape that is none or is cut off, are refused. */
static void broken_escapes_are_refused(void **state)
{
    static const char *const cases[] = {"%", "%1", "%zz", "a%0", "%00", "x%g1"};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[16];
        (void)strcpy(text, cases[i]);
        assert_false(pp_http_decode(text, true));
    }
}

/* Names and values are parted at the first '='; empty parts are nothing; the first of a name
 * counts. */
static void queries_are_split(void **state)
{
    struct pp_http_pair pairs[PP_HTTP_MAX_PARAMETERS];
    struct pp_http_request request = {.query = pairs};
    char query[] = "&seconds=5&&block=a%2Cb=c&debug&seconds=7&";
    const int n = pp_http_split_query(query, pairs);

    (void)state;
    assert_int_equal(n, 4);
    request.n_query = (size_t)n;
    assert_string_equal(pp_http_parameter(&request, "seconds"), "5");
    assert_string_equal(pp_http_parameter(&request, "block"), "a,b=c");
    assert_string_equal(pp_http_parameter(&request, "debug"), "");
    assert_null(pp_http_parameter(&request, "second"));
}

/* More parameters than there is room for, and broken ones, are an error, not a cut. */
static void queries_have_a_limit(void **state)
{
    struct pp_http_pair pairs[PP_HTTP_MAX_PARAMETERS];
    char many[4 * PP_HTTP_MAX_PARAMETERS + 8] = "", broken[] = "a=1&b=%";

    (void)state;
    for (int i = 0; i < PP_HTTP_MAX_PARAMETERS; i++)
        (void)strcat(many, "a=1&");
    assert_int_equal(pp_http_split_query(many, pairs), PP_HTTP_MAX_PARAMETERS);
    many[0] = '\0';
    for (int i = 0; i <= PP_HTTP_MAX_PARAMETERS; i++)
        (void)strcat(many, "a=1&");
    assert_int_equal(pp_http_split_query(many, pairs), -EINVAL);
    assert_int_equal(pp_http_split_query(broken, pairs), -EINVAL);
}

/* An answer that was begun and turns out to be an error holds nothing but the sentence. */
static void an_error_replaces_what_was_begun(void **state)
{
    struct pp_http_answer answer = {.status = 200, .file_name = "profile"};

    (void)state;
    pp_buffer_text(&answer.body, "half a profile");
    pp_http_error(&answer, 500, "no %s", "memory");
    assert_int_equal(answer.status, 500);
    assert_true(answer.is_error);
    assert_string_equal(answer.file_name, "");
    assert_int_equal(answer.body.n_bytes, strlen("no memory\n"));
    assert_memory_equal(answer.body.bytes, "no memory\n", answer.body.n_bytes);
    pp_http_answer_done(&answer);
}

/* Texts with quotes are valid JSON. */
static void status_is_json(void **state)
{
    static const char wanted[] = "{\"status\":\"error\",\"message\":\"a \\\"b\\\"\"}\n";
    struct pp_http_answer answer = {.status = 0};

    (void)state;
    pp_http_status_json(&answer, 404, "a \"%s\"", "b");
    assert_int_equal(answer.body.n_bytes, strlen(wanted));
    assert_memory_equal(answer.body.bytes, wanted, answer.body.n_bytes);
    pp_http_answer_done(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_are_decoded),
        cmocka_unit_test(broken_escapes_are_refused),
        cmocka_unit_test(queries_are_split),
        cmocka_unit_test(queries_have_a_limit),
        cmocka_unit_test(an_error_replaces_what_was_begun),
        cmocka_unit_test(status_is_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
