/* What servers say: partial successes, statuses, RetryInfo; and what they must not be able to do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "export/grpc.h"
#include "export/http_client.h"
#include "export/otlp_reply.h"
#include "export/otlp_request.h"
#include "export/pairs.h"

static struct pp_otlp_reply read(const char *bytes, size_t n_bytes, bool is_json)
{
    struct pp_otlp_reply reply;

    pp_otlp_reply_read(bytes, n_bytes, is_json, &reply);
    return reply;
}

/* A partial success that is there but empty, as the Collector sends it, is a whole one. */
static void test_partial(void **state)
{
    (void)state;
    assert_int_equal(read("", 0, false).n_rejected, 0);
    assert_int_equal(read("\x0a\x00", 2, false).n_rejected, 0);
    assert_int_equal(read("\x0a\x07\x08\x05\x12\x03why", 9, false).n_rejected, 5);
    assert_string_equal(read("\x0a\x07\x08\x05\x12\x03why", 9, false).message, "why");
    assert_int_equal(read("\x0a\x07\x08", 3, false).n_rejected, 0); /* cut off */
    assert_int_equal(read("{}", 2, true).n_rejected, 0);
    assert_int_equal(read("{\"partialSuccess\":{\"rejectedSpans\":7}}", 38, true).n_rejected, 7);
    assert_int_equal(
        read("{\"partialSuccess\":{\"rejectedDataPoints\":\"7\"}}", 45, true).n_rejected, 7);
    assert_int_equal(read("{\"partialSuccess\":[1]}", 22, true).n_rejected, 0);
    assert_int_equal(read("{\"partialSuccess\":", 18, true).n_rejected, 0);
}

/* Words about a profile's time are known, wherever they stand. */
static void test_refusal_of_time(void **state)
{
    static const char *const of_time[] = {
        "profile with labels '{a=\"b\"}' is outside of ingestion window (profile timestamp: x)",
        "out of bounds: sample is too old", "timestamp is too far in the future"};
    static const char *const of_others[] = {"", "service is unavailable", "too large", "old"};

    (void)state;
    for (size_t i = 0; i < sizeof of_time / sizeof of_time[0]; i++)
        assert_true(pp_is_refusal_of_time(of_time[i], strlen(of_time[i])));
    for (size_t i = 0; i < sizeof of_others / sizeof of_others[0]; i++)
        assert_false(pp_is_refusal_of_time(of_others[i], strlen(of_others[i])));
    assert_false(pp_is_refusal_of_time(NULL, 0));
}

/* A refusal's words, in a Status, in JSON, in text; control characters are blanks, and a long text
 * is cut between characters. */
static void test_refusal(void **state)
{
    struct pp_otlp_reply reply;
    char large[1000];

    (void)state;
    pp_otlp_refusal_read("\x08\x03\x12\x0eunexpected EOF", 18, "application/x-protobuf", &reply);
    assert_string_equal(reply.message, "unexpected EOF");
    pp_otlp_refusal_read("{\"code\":3,\"message\":\"bad\"}", 26, "application/json; charset=utf-8",
                         &reply);
    assert_string_equal(reply.message, "bad");
    pp_otlp_refusal_read("a\nb\x1b[0m\n", 8, "text/plain", &reply);
    assert_string_equal(reply.message, "a b [0m");
    for (size_t i = 0; i + 1 < sizeof large; i += 2)
        memcpy(large + i, "\xc3\xa4", 2);
    pp_otlp_refusal_read(large, sizeof large, "", &reply);
    assert_int_equal(strlen(reply.message) % 2, 0);
    assert_true(strlen(reply.message) < sizeof reply.message);
}

/* grpc-status-details-bin of a Status with a RetryInfo of 1.5 s, padded or not; with other details;
 * of garbage. */
static void test_retry_info(void **state)
{
    static const char info[] =
        "CAgSBGJ1c3kaNgoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIKCggIARCAyrXuAQ==";
    static const char other[] =
        "CAgaNgoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLkRlYnVnSW5mbxIKCggIARCAyrXuAQ==";
    char unpadded[sizeof info];
    double delay_s = -1;

    (void)state;
    assert_true(pp_grpc_retry_info(info, &delay_s));
    assert_true(delay_s == 1.5);
    memcpy(unpadded, info, sizeof info);
    unpadded[strlen(unpadded) - 2] = '\0';
    delay_s = -1;
    assert_true(pp_grpc_retry_info(unpadded, &delay_s));
    assert_true(delay_s == 1.5);
    delay_s = -1;
    assert_false(pp_grpc_retry_info(other, &delay_s));
    assert_false(pp_grpc_retry_info("", &delay_s));
    assert_false(pp_grpc_retry_info("!!!!", &delay_s));
    assert_false(pp_grpc_retry_info("CAgSBGJ1c3ka/////w8", &delay_s));
    assert_true(delay_s == -1);
}

/* gRPC's message is percent-encoded; what is malformed stays, and nothing ends it early. */
static void test_decode(void **state)
{
    char text[] = "a%20b%zz%4", zero[] = "x%00y";

    (void)state;
    pp_percent_decode(text);
    assert_string_equal(text, "a b%zz%4");
    pp_percent_decode(zero);
    assert_string_equal(zero, "x%00y");
}

/* A frame is whole and not compressed, or none. */
static void test_frame(void **state)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    const uint8_t *message;
    size_t n_bytes;

    (void)state;
    pp_grpc_put_frame(&out, "abc", 3, false);
    assert_true(pp_grpc_frame(out.bytes, out.n_bytes, &message, &n_bytes));
    assert_int_equal(n_bytes, 3);
    assert_memory_equal(message, "abc", 3);
    assert_false(pp_grpc_frame(out.bytes, out.n_bytes - 1, &message, &n_bytes));
    assert_false(pp_grpc_frame(out.bytes, 4, &message, &n_bytes));
    out.bytes[0] = 1;
    assert_false(pp_grpc_frame(out.bytes, out.n_bytes, &message, &n_bytes));
    assert_false(pp_grpc_frame("\0\xff\xff\xff\xff", 5, &message, &n_bytes));
}

/* What answers to gRPC mean: trailers, statuses of HTTP without them, no answer at all. */
static void test_grpc_outcome(void **state)
{
    static const struct {
        long status;
        int grpc_status;
        enum pp_verdict wanted;
    } cases[] = {
        {200, 0, PP_VERDICT_ACCEPTED}, {200, 14, PP_VERDICT_RETRY}, {200, 8, PP_VERDICT_REFUSED},
        {200, 12, PP_VERDICT_REFUSED}, {503, -1, PP_VERDICT_RETRY}, {404, -1, PP_VERDICT_REFUSED},
        {200, -1, PP_VERDICT_REFUSED}, {429, -1, PP_VERDICT_RETRY}, {0, -1, PP_VERDICT_REFUSED},
    };
    const struct pp_otlp_signal settings = {.protocol = PP_OTLP_GRPC, .url = "http://h:4317/x"};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pp_http_reply reply = {
            .status = cases[i].status, .grpc_status = cases[i].grpc_status, .retry_after_s = -1};
        struct pp_outcome outcome = {.n_rejected = 0};
        pp_otlp_outcome(&settings, &reply, &outcome);
        assert_int_equal(outcome.verdict, cases[i].wanted);
        assert_true((outcome.text[0] != '\0') == (outcome.verdict != PP_VERDICT_ACCEPTED));
    }
}

/* This machine, by its names; others whatever they are called. */
static void test_loopback(void **state)
{
    (void)state;
    assert_true(pp_url_is_loopback("http://localhost:4318/v1"));
    assert_true(pp_url_is_loopback("http://127.0.0.1"));
    assert_true(pp_url_is_loopback("https://user:a@127.1.2.3:1/"));
    assert_true(pp_url_is_loopback("http://[::1]:4318"));
    assert_false(pp_url_is_loopback("http://localhost.example.com"));
    assert_false(pp_url_is_loopback("http://example.com/@127.0.0.1"));
    assert_false(pp_url_is_loopback("http://127.0.0.1@example.com/"));
    assert_false(pp_url_is_loopback("localhost"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_partial),         cmocka_unit_test(test_refusal),
        cmocka_unit_test(test_refusal_of_time), cmocka_unit_test(test_retry_info),
        cmocka_unit_test(test_decode),          cmocka_unit_test(test_frame),
        cmocka_unit_test(test_grpc_outcome),    cmocka_unit_test(test_loopback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
