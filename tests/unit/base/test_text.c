/* Numbers, UTF-8 and JSON as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/base64.h"
#include "base/json_writer.h"
#include "base/numbers.h"
#include "base/utf8.h"

/* Thousands are set apart by plain spaces, to the ends of the scale. */
static void test_counts(void **state)
{
    char text[PP_NUMBER_TEXT_BYTES];

    (void)state;
    assert_string_equal(pp_count_text(0, text), "0");
    assert_string_equal(pp_count_text(999, text), "999");
    assert_string_equal(pp_count_text(1229, text), "1 229");
    assert_string_equal(pp_count_text(-1234567, text), "-1 234 567");
    assert_string_equal(pp_count_text(INT64_MIN, text), "-9 223 372 036 854 775 808");
}

/* The vectors of RFC 4648, and bytes beyond ASCII. */
static void test_base64(void **state)
{
    static const char *const cases[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"},
                                           {"\xff\xfb\xfe", "//v+"}};
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pp_buffer text = PP_BUFFER_INIT;
        pp_base64_append(&text, cases[i][0], strlen(cases[i][0]));
        pp_buffer_text(&text, "");
        assert_string_equal(text.bytes, cases[i][1]);
        pp_buffer_done(&text);
    }
}

/* Durations and sizes have the unit that fits; no rounding shows 1000 of one where 1 of the next is
 * meant. */
static void test_units(void **state)
{
    char text[PP_NUMBER_TEXT_BYTES];

    (void)state;
    assert_string_equal(pp_duration_text(0, text), "0 ns");
    assert_string_equal(pp_duration_text(999.6, text), "1 us");
    assert_string_equal(pp_duration_text(3140000, text), "3.14 ms");
    assert_string_equal(pp_duration_text(999600000, text), "1.00 s");
    assert_string_equal(pp_duration_text(12280000000.0, text), "12.28 s");
    assert_string_equal(pp_duration_text(3600e9, text), "3 600 s");
    assert_string_equal(pp_duration_text(-2e6, text), "-2 ms");
    assert_string_equal(pp_bytes_text(512, text), "512 B");
    assert_string_equal(pp_bytes_text(41 * 1024.0, text), "41 KiB");
    assert_string_equal(pp_bytes_text(1536, text), "1.5 KiB");
    assert_string_equal(pp_bytes_text(1023.9 * 1024, text), "1 MiB");
    assert_string_equal(pp_value_text(1500, "milliseconds", text), "1.50 s");
    assert_string_equal(pp_value_text(2048, "bytes", text), "2 KiB");
    assert_string_equal(pp_value_text(2048, "count", text), "2 048");
    assert_true(strlen(pp_value_text(INT64_MIN, "seconds", text)) < PP_NUMBER_TEXT_BYTES);
}

static bool parses(const char *text, int64_t wanted)
{
    int64_t value = 0;

    return pp_parse_int64(text, strlen(text), &value) && value == wanted;
}

/* A number is all of its text and fits, or it is none. */
static void test_parse(void **state)
{
    int64_t value;

    (void)state;
    assert_true(parses("0", 0));
    assert_true(parses("-9223372036854775808", INT64_MIN));
    assert_true(parses("9223372036854775807", INT64_MAX));
    assert_false(pp_parse_int64("9223372036854775808", 19, &value));
    assert_false(pp_parse_int64("", 0, &value));
    assert_false(pp_parse_int64("-", 1, &value));
    assert_false(pp_parse_int64("+1", 2, &value));
    assert_false(pp_parse_int64("1 ", 2, &value));
    assert_false(pp_parse_int64("0x1", 3, &value));
}

static void assert_clean(const char *bytes, size_t n_bytes, const char *wanted)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;

    pp_utf8_append(&out, bytes, n_bytes);
    pp_buffer_append(&out, "", 1);
    assert_string_equal(out.bytes, wanted);
}

#define FFFD "\xef\xbf\xbd"

/* Valid text stays; overlong forms, surrogates, what is beyond 10FFFF, lone and missing tails do
 * not. */
static void test_utf8(void **state)
{
    (void)state;
    assert_clean("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10,
                 "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    assert_clean("\xf4\x8f\xbf\xbf\xed\x9f\xbf", 7, "\xf4\x8f\xbf\xbf\xed\x9f\xbf");
    assert_clean("\xc0\x80", 2, FFFD FFFD);
    assert_clean("\xe0\x9f\xbf", 3, FFFD FFFD FFFD);
    assert_clean("\xed\xa0\x80", 3, FFFD FFFD FFFD);
    assert_clean("\xf4\x90\x80\x80", 4, FFFD FFFD FFFD FFFD);
    assert_clean("a\x80z", 3, "a" FFFD "z");
    assert_clean("\xe2\x82", 2, FFFD FFFD);
    assert_clean("", 0, "");
}

/* Pairs of surrogates are one character, lone ones and a lone last byte are none. */
static void test_utf16(void **state)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;

    (void)state;
    pp_utf8_append_utf16(&out,
                         "\x3d\xd8\x00\xde"
                         "a\0\x3d\xd8"
                         "b\0x",
                         11, false);
    pp_buffer_append(&out, "", 1);
    assert_string_equal(out.bytes, "\xf0\x9f\x98\x80"
                                   "a" FFFD "b" FFFD);
}

/* Commas, nesting and escapes come out as RFC 8259 has them, whatever the bytes. */
static void test_json(void **state)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    struct pp_json json = {&out, false};

    (void)state;
    pp_json_begin_object(&json, NULL);
    pp_json_text(&json, "k\"", "a\\b\n\x01\x7f\xff\xc3\xa9\xe2\x80\xa8");
    pp_json_begin_array(&json, "list");
    pp_json_integer(&json, NULL, INT64_MIN);
    pp_json_integer(&json, NULL, 0);
    pp_json_fraction(&json, NULL, -0.5);
    pp_json_fraction(&json, NULL, 99.99996);
    pp_json_fraction(&json, NULL, (double)NAN);
    pp_json_end_array(&json);
    pp_json_begin_array(&json, "empty");
    pp_json_end_array(&json);
    pp_json_begin_object(&json, "object");
    pp_json_end_object(&json);
    pp_json_bool(&json, "yes", true);
    pp_json_bool(&json, "no", false);
    pp_json_end_object(&json);
    pp_buffer_append(&out, "", 1);
    assert_string_equal(out.bytes,
                        "{\"k\\\"\":\"a\\\\b\\u000a\\u0001\\u007f" FFFD "\xc3\xa9\\u2028\","
                        "\"list\":[-9223372036854775808,0,-0.5000,100.0000,null],"
                        "\"empty\":[],\"object\":{},\"yes\":true,\"no\":false}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64), cmocka_unit_test(test_counts), cmocka_unit_test(test_units),
        cmocka_unit_test(test_parse),  cmocka_unit_test(test_utf8),   cmocka_unit_test(test_utf16),
        cmocka_unit_test(test_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
