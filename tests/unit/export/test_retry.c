/* What is tried again, and when: by the tables of the specification, and a clock that stands still.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "export/retry.h"

/* Of all statuses of HTTP only 429, 502, 503 and 504 are tried again. */
static void test_otlp_http(void **state)
{
    (void)state;
    for (long status = 100; status < 600; status++) {
        const enum pp_verdict verdict = pp_verdict_of_otlp_http(status);
        if (status >= 200 && status < 300)
            assert_int_equal(verdict, PP_VERDICT_ACCEPTED);
        else if (status == 429 || (status >= 502 && status <= 504))
            assert_int_equal(verdict, PP_VERDICT_RETRY);
        else
            assert_int_equal(verdict, PP_VERDICT_REFUSED);
    }
}

/* gRPC's list, and RESOURCE_EXHAUSTED only where the server says when. */
static void test_grpc(void **state)
{
    (void)state;
    for (int status = 0; status < 20; status++) {
        const bool is_retried = status == 1 || status == 4 || status == 10 || status == 11 ||
                                status == 14 || status == 15;
        const enum pp_verdict wanted = status == 0  ? PP_VERDICT_ACCEPTED
                                       : is_retried ? PP_VERDICT_RETRY
                                                    : PP_VERDICT_REFUSED;
        assert_int_equal(pp_verdict_of_grpc(status, false), wanted);
        assert_int_equal(pp_verdict_of_grpc(status, true), status == 8 ? PP_VERDICT_RETRY : wanted);
    }
}

/* Pyroscope's 422 may be a storage that is not ready; its words tell what never will be taken. */
static void test_pyroscope(void **state)
{
    static const char NOT_READY[] = "{\"code\":\"unknown\",\"message\":\"service is unavailable\"}";
    static const char BAD[] = "parsing IngestInput-pprof failed invalid_argument: proto: wrong";
    static const char OLD[] = "profile with labels '{}' is outside of ingestion window";

    (void)state;
    assert_int_equal(pp_verdict_of_pyroscope(200, NULL, 0), PP_VERDICT_ACCEPTED);
    assert_int_equal(pp_verdict_of_pyroscope(422, NULL, 0), PP_VERDICT_RETRY_FEW);
    assert_int_equal(pp_verdict_of_pyroscope(422, NOT_READY, sizeof NOT_READY - 1),
                     PP_VERDICT_RETRY_FEW);
    assert_int_equal(pp_verdict_of_pyroscope(422, BAD, sizeof BAD - 1), PP_VERDICT_REFUSED);
    assert_int_equal(pp_verdict_of_pyroscope(422, OLD, sizeof OLD - 1), PP_VERDICT_REFUSED);
    assert_int_equal(pp_verdict_of_pyroscope(500, OLD, sizeof OLD - 1), PP_VERDICT_RETRY);
    assert_int_equal(pp_verdict_of_pyroscope(429, NULL, 0), PP_VERDICT_RETRY);
    assert_int_equal(pp_verdict_of_pyroscope(500, NULL, 0), PP_VERDICT_RETRY);
    assert_int_equal(pp_verdict_of_pyroscope(408, NULL, 0), PP_VERDICT_RETRY);
    assert_int_equal(pp_verdict_of_pyroscope(413, NULL, 0), PP_VERDICT_REFUSED);
    assert_int_equal(pp_verdict_of_pyroscope(400, NULL, 0), PP_VERDICT_REFUSED);
}

/* Seconds; a date, before and after leap days; never less than nothing nor more than a day; nothing
 * else. */
static void test_retry_after(void **state)
{
    static const struct {
        const char *value;
        int64_t now_s;
        double wanted_s;
    } cases[] = {
        {"0", 0, 0},
        {"120", 0, 120},
        {"  7 ", 0, 7},
        {"99999999999999999999999", 0, 86400},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777 - 60, 60},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777 + 60, 0},
        {"Thu, 29 Feb 2024 12:00:00 GMT", 1709208000 - 5, 5},
        {"Fri, 01 Mar 2024 00:00:00 GMT", 1709251200 - 9, 9},
        {"Thu, 01 Jan 1970 00:00:10 GMT", 0, 10},
        {"Mon, 01 Mar 2100 00:00:00 GMT", 4107542400 - 3, 3},
        {"", 0, -1},
        {"soon", 0, -1},
        {"-5", 0, -1},
        {"5s", 0, -1},
        {"Sun, 06 Foo 1994 08:49:37 GMT", 0, -1},
        {"Sun, 06 Nov 1994 08:49", 0, -1},
        {"Sun, 06 Nov 1994 24:49:37 GMT", 0, -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (pp_retry_after_s(cases[i].value, cases[i].now_s) != cases[i].wanted_s)
            fail_msg("'%s' is %g, not %g", cases[i].value,
                     pp_retry_after_s(cases[i].value, cases[i].now_s), cases[i].wanted_s);
}

/* Each wait is between half and all of 1, 2, 4 .. 60 s, never the same twice in a row, and after a
 * success it begins anew. */
static void test_backoff(void **state)
{
    struct pp_backoff backoff = {.random = 42};
    double most_s = 1, before_s = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        const double wait_s = pp_backoff_next(&backoff, -1);
        assert_true(wait_s >= most_s / 2 && wait_s <= most_s);
        assert_true(wait_s != before_s);
        before_s = wait_s;
        most_s = most_s * 2 > 60 ? 60 : most_s * 2;
    }
    pp_backoff_succeeded(&backoff);
    assert_true(pp_backoff_next(&backoff, -1) <= 1);
}

/* What the server asks for is the least; what it asks for less is not. */
static void test_asked(void **state)
{
    struct pp_backoff backoff = {.random = 1, .first_s = 10, .most_s = 10};

    (void)state;
    assert_true(pp_backoff_next(&backoff, 300) == 300);
    assert_true(pp_backoff_next(&backoff, 0) >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_otlp_http), cmocka_unit_test(test_grpc),
        cmocka_unit_test(test_pyroscope), cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_backoff),   cmocka_unit_test(test_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
