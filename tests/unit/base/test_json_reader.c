/* Reading JSON: what is read is what stands there, and what is wrong is pointed at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_reader.h"

static struct pp_json_reader reader_of(const char *text)
{
    struct pp_json_reader json;

    pp_json_reader_init(&json, text, strlen(text));
    return json;
}

/* Objects and arrays, one in the other, with members skipped on the way. */
static void test_nesting(void **state)
{
    struct pp_json_reader json = reader_of(
        "\xef\xbb\xbf {\"skipped\": [{\"a\": [1, \"]\\\"\", true, null]}, -1.5e+3], \"list\":\n[ 1 ,2, 3 ]}\n");
    struct pp_json_string key;
    uint32_t number = 0, sum = 0;

    (void)state;
    assert_true(pp_json_read_object(&json));
    assert_true(pp_json_next_key(&json, &key) && pp_json_is(key, "skipped"));
    assert_true(pp_json_skip(&json));
    assert_true(pp_json_next_key(&json, &key) && pp_json_is(key, "list"));
    assert_true(pp_json_read_array(&json));
    while (pp_json_next_item(&json) && pp_json_read_index(&json, &number))
        sum = sum * 10 + number;
    assert_int_equal(sum, 123);
    assert_false(pp_json_next_key(&json, &key));
    assert_true(pp_json_at_end(&json));
    assert_null(json.problem);
}

/* Escapes become what they mean; half a pair of surrogates becomes U+FFFD. */
static void test_strings(void **state)
{
    struct pp_json_reader json = reader_of(
        "[\"plain\", \"\\\"\\\\\\/\\b\\f\\n\\r\\t\", \"\\u00e9\\ud83d\\ude00\", \"\\ud83dx\", \"\"]");
    static const char *const wanted[] = {"plain", "\"\\/\b\f\n\r\t", "\xc3\xa9\xf0\x9f\x98\x80",
                                         "\xef\xbf\xbdx", ""};
    struct pp_json_string text;

    (void)state;
    assert_true(pp_json_read_array(&json));
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        assert_true(pp_json_next_item(&json) && pp_json_read_string(&json, &text));
        assert_true(pp_json_is(text, wanted[i]));
    }
    assert_false(pp_json_next_item(&json));
    assert_null(json.problem);
    pp_json_reader_done(&json);
}

/* Whole numbers are exact to 63 bits, fractions to a double at least; the locale has no say. */
static void test_numbers(void **state)
{
    static const struct {
        const char *text;
        double value;
        int64_t whole;
        bool is_whole;
    } cases[] = {
        {"0", 0, 0, true},
        {"-17", -17, -17, true},
        {"9223372036854775807", 9223372036854775807.0, INT64_MAX, true},
        {"9223372036854775808", 9223372036854775808.0, 0, false},
        {"123456789012345678901234567890", 123456789012345678901234567890.0, 0, false},
        {"0.1", 0.1, 0, false},
        {"1.0", 1, 0, false},
        {"2.5e3", 2500, 0, false},
        {"125E-2", 1.25, 0, false},
        {"1460221352723.438", 1460221352723.438, 0, false},
        {"0.30000000000000004440892098500626", 0.30000000000000004, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pp_json_reader json = reader_of(cases[i].text);
        struct pp_json_number number;
        assert_true(pp_json_read_number(&json, &number));
        assert_true(fabs((double)number.value - cases[i].value) <= 1e-16 * fabs(cases[i].value));
        assert_int_equal(number.is_whole, cases[i].is_whole);
        assert_true(number.whole == cases[i].whole);
        assert_true(pp_json_at_end(&json));
    }
}

/* Numbers in quotes are numbers where protobuf writes them so. */
static void test_quoted_numbers(void **state)
{
    struct pp_json_reader json = reader_of("[\"-9223372036854775808\", 5, \"x\"]");
    int64_t number = 0;

    (void)state;
    assert_true(pp_json_read_array(&json));
    assert_true(pp_json_next_item(&json) && pp_json_read_int64(&json, &number));
    assert_true(number == INT64_MIN);
    assert_true(pp_json_next_item(&json) && pp_json_read_int64(&json, &number));
    assert_int_equal(number, 5);
    assert_true(pp_json_next_item(&json));
    assert_false(pp_json_read_int64(&json, &number));
    assert_ptr_equal(json.at, strstr(json.begin, "\"x\""));
}

/* Each is refused, with the byte that is wrong. */
static void test_refusals(void **state)
{
    static const struct {
        const char *text;
        size_t at;
        const char *problem;
    } cases[] = {
        {"[1 2]", 3, "comma"},
        {"[1,]", 3, "value"},
        {"{\"a\" 1}", 5, "colon"},
        {"{a: 1}", 1, "string"},
        {"[1, 2", 5, "ends too early"},
        {"[\"abc", 1, "ends in a string"},
        {"[\"\\u12g4\"]", 1, NULL},
        {"[tru]", 1, "value"},
        {"[-]", 1, "digit"},
        {"[1.]", 1, "digit"},
        {"[1e]", 1, "exponent"},
        {"[NaN]", 1, "value"},
        {"", 0, "ends too early"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pp_json_reader json = reader_of(cases[i].text);
        const bool is_read = pp_json_skip(&json);
        if (cases[i].problem == NULL) { /* what is skipped is not decoded */
            assert_true(is_read);
            continue;
        }
        assert_false(is_read);
        assert_non_null(strstr(json.problem, cases[i].problem));
        assert_int_equal(json.at - json.begin, cases[i].at);
    }
}

/* A thousand brackets are followed, more are refused, and nothing recurses: a million are no more.
 */
static void test_depth(void **state)
{
    enum { N_BRACKETS = 1000000 };
    char *text = malloc(2 * (size_t)N_BRACKETS);
    struct pp_json_reader json;

    (void)state;
    assert_non_null(text);
    memset(text, '[', N_BRACKETS);
    memset(text + N_BRACKETS, ']', N_BRACKETS);
    pp_json_reader_init(&json, text + N_BRACKETS - PP_JSON_MAX_DEPTH,
                        2 * (size_t)PP_JSON_MAX_DEPTH);
    assert_true(pp_json_skip(&json) && pp_json_at_end(&json));
    pp_json_reader_init(&json, text, 2 * (size_t)N_BRACKETS);
    assert_false(pp_json_skip(&json));
    assert_int_equal(json.at - json.begin, PP_JSON_MAX_DEPTH);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nesting),  cmocka_unit_test(test_strings),
        cmocka_unit_test(test_numbers),  cmocka_unit_test(test_quoted_numbers),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_depth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
