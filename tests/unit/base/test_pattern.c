/* Regular expressions and units, as people type them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/pattern.h"
#include "base/units.h"

static bool matches(const char *pattern_text, enum pp_pattern_extent extent, const char *text)
{
    struct pp_pattern *pattern = NULL;
    bool is_match;

    assert_int_equal(pp_pattern_new(pattern_text, extent, &pattern, NULL), 0);
    assert_string_equal(pp_pattern_text(pattern), pattern_text);
    is_match = pp_pattern_matches(pattern, text);
    assert_false(pp_pattern_failed(pattern));
    pp_pattern_free(pattern);
    return is_match;
}

/* What Go's and Perl's users type means here what it means there. */
static void test_meanings(void **state)
{
    static const struct {
        const char *pattern, *yes, *no;
    } cases[] = {
        {"main", "domain", "mian"},
        {"", "anything", NULL},
        {"^main$", "main", "main2"},
        {"a.c", "abc", "ac"},
        {"a\\.c", "a.c", "abc"},
        {"\\d+", "x12", "xy"},
        {"\\D", "1a", "12"},
        {"^\\w+$", "a_1", "a-1"},
        {"\\W", "a-1", "a_1"},
        {"\\s", "a b", "ab"},
        {"^\\S+$", "ab", "a b"},
        {"[\\d-]", "a-", "a"},
        {"[]x]", "]", "a"},
        {"[^]x]", "a", "]x"},
        {"[\\]x]", "]", "a"},
        {"[\\^]", "^", "\\a"},
        {"[a^]", "^", "b"},
        {"[\\-^]", "-", "a"},
        {"[[:alpha:]_]", "_", "1"},
        {"[[x]", "[", "a"},
        {"[^\\[]", "a", "["},
        {"[Z-a]", "[", "b"},
        {"[\\W]", " ", "a"},
        {"a{2}", "baa", "ab"},
        {"a{2,3}$", "aaa", "a"},
        {"a{,3}", "a{,3}", "aaa"},
        {"{}", "{}", "a"},
        {"(?:ab)+", "abab", "ba"},
        {"(?i)MAIN", "main", "mian"},
        {"a+?b", "aab", "b"},
        {"a{2}?b", "aab", "ab"},
        {"a*?b", "b", "a"},
        {"ab??c", "ac", "abbc"},
        {"\\bab\\b", "x ab y", "xaby"},
        {"\\<a\\>", "<a>", "a"},
        {"\\Aab\\z", "ab", "xab"},
        {"a|b|", "zzz", NULL},
        {"operator\\(\\)", "operator()", "operator"},
        {"\xc3\xa9", "caf\xc3\xa9", "cafe"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (!matches(cases[i].pattern, PP_PATTERN_ANYWHERE, cases[i].yes))
            fail_msg("'%s' does not match '%s'", cases[i].pattern, cases[i].yes);
        if (cases[i].no != NULL && matches(cases[i].pattern, PP_PATTERN_ANYWHERE, cases[i].no))
            fail_msg("'%s' matches '%s'", cases[i].pattern, cases[i].no);
    }
}

/* All of a text or nothing, whichever alternative comes first. */
static void test_whole(void **state)
{
    (void)state;
    assert_true(matches("a|ab", PP_PATTERN_WHOLE, "ab"));
    assert_false(matches("a|ab", PP_PATTERN_WHOLE, "abc"));
    assert_true(matches("malloc.*|free", PP_PATTERN_WHOLE, "malloc_consolidate"));
    assert_false(matches("malloc.*|free", PP_PATTERN_WHOLE, "xfree"));
    assert_true(matches("free", PP_PATTERN_WHOLE, "free"));
    assert_false(matches("free", PP_PATTERN_WHOLE, "freed"));
}

/* What cannot be used is refused with a reason, at once. */
static void test_refused(void **state)
{
    static const char *const bad[] = {"(",    "a(b",         "[a",       "[b-a]",
                                      "a\\",  "(a)\\1",      "(?P<n>a)", "a{1001}",
                                      "\\pL", "(a{40}){40}", "[^\\d\\D]"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct pp_pattern *pattern = NULL;
        struct pprofc_error err = {.message = ""};
        if (pp_pattern_new(bad[i], PP_PATTERN_ANYWHERE, &pattern, &err) != -EINVAL)
            fail_msg("'%s' is taken", bad[i]);
        assert_null(pattern);
        assert_non_null(strstr(err.message, bad[i]));
    }
}

/* Units by any of their names, and values in them. */
static void test_units(void **state)
{
    char text[PP_NUMBER_TEXT_BYTES];

    (void)state;
    assert_string_equal(pp_unit_find("nanoseconds", 11)->name, "ns");
    assert_string_equal(pp_unit_find("MB", 2)->name, "MiB");
    assert_string_equal(pp_unit_find("kilobytes", 9)->name, "KiB");
    assert_string_equal(pp_unit_find("s", 1)->name, "s");
    assert_null(pp_unit_find("count", 5));
    assert_string_equal(pp_value_text_in(1500000, "nanoseconds", "ms", text), "1.50 ms");
    assert_string_equal(pp_value_text_in(2000000, "nanoseconds", "ms", text), "2 ms");
    assert_string_equal(pp_value_text_in(INT64_MAX, "bytes", "B", text), "9223372036854775807 B");
    assert_string_equal(pp_value_text_in(7, "count", "ms", text), "7");
    assert_string_equal(pp_value_text_in(7, "bytes", "ms", text), "7 B");
    assert_string_equal(pp_value_text_in(1536, "bytes", NULL, text), "1.5 KiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meanings),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_units),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
