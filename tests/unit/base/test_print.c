/* Numbers have a point in every locale. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "../comma_locale.h"
#include "../skip_because.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/json_writer.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "base/print.h"
#include "base/units.h"

static void print_all(struct pp_buffer *out)
{
    struct pprofc_error err;
    char text[PP_NUMBER_TEXT_BYTES];
    struct pp_json json = {.out = out};

    (void)pp_print(text, sizeof text, "%.2f ", 1234.5);
    pp_buffer_text(out, text);
    pp_buffer_printf(out, "%g %.6f %e %d ", 0.125, 2.5, 1e-9, 1234567);
    (void)pp_fail(&err, -1, 0, "a rate of %g Hz ", 2.5);
    pp_buffer_text(out, err.message);
    pp_buffer_text(out, pp_duration_text(1.5e6, text));
    pp_buffer_text(out, pp_duration_text(1.5e9, text));
    pp_buffer_text(out, pp_bytes_text(1.5 * 1024, text));
    pp_buffer_text(out, pp_value_text(1500, "thousandths", text));
    pp_buffer_text(out, pp_value_text_in(1500, "bytes", "kb", text));
    pp_json_begin_object(&json, NULL);
    pp_json_fraction(&json, "fraction", 0.5);
    pp_json_double(&json, "double", 0.5);
    pp_json_end_object(&json);
    pp_buffer_text(out, ""); /* ends it with a zero, for who compares */
}

static const char expected[] =
    "1234.50 0.125 2.500000 1.000000e-09 1234567 a rate of 2.5 Hz 1.5 ms1.50 s1.5 KiB1.51.46 KiB"
    "{\"fraction\":0.5000,\"double\":0.5}";

static void test_numbers(void **state)
{
    /* None of what writes numbers asks the locale, and what it was stays. */
    pp_autobuffer struct pp_buffer plain = PP_BUFFER_INIT, comma = PP_BUFFER_INIT;
    char text[8];

    (void)state;
    print_all(&plain);
    assert_string_equal(plain.bytes, expected);
    if (comma_locale_choose() != 0)
        skip_because("localedef makes no locale with a decimal comma here");
    print_all(&comma);
    (void)snprintf(text, sizeof text, "%.1f", 0.5);
    comma_locale_forget();
    assert_string_equal(comma.bytes, expected);
    assert_string_equal(text, "0,5");
}

static void test_reading(void **state)
{
    const char *const text = "0.5s";
    char *end = NULL;

    (void)state;
    assert_true(pp_read_double(text, &end) == 0.5);
    assert_ptr_equal(end, text + 3);
    if (comma_locale_choose() != 0)
        skip_because("localedef makes no locale with a decimal comma here");
    end = NULL;
    assert_true(pp_read_double(text, &end) == 0.5);
    comma_locale_forget();
    assert_ptr_equal(end, text + 3);
}

static void *print_many(void *unused)
{
    char text[16];
    size_t n_wrong = 0;

    (void)unused;
    for (int i = 0; i < 20000; i++) {
        (void)pp_print(text, sizeof text, "%.2f", 0.25);
        n_wrong += strcmp(text, "0.25") != 0;
        (void)snprintf(text, sizeof text, "%.2f", 0.25); /* and the thread's own is its own */
        n_wrong += strcmp(text, "0,25") != 0;
    }
    return (void *)n_wrong;
}

static void test_threads(void **state)
{
    pthread_t threads[4];

    (void)state;
    if (comma_locale_choose() != 0)
        skip_because("localedef makes no locale with a decimal comma here");
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, print_many, NULL), 0);
    for (size_t i = 0; i < 4; i++) {
        void *n_wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &n_wrong), 0);
        assert_null(n_wrong);
    }
    comma_locale_forget();
}

/* Printing into what room there is and anew where it does not fit gives the same. */
static void test_growth(void **state)
{
    (void)state;
    for (int n_before = 0; n_before < 300; n_before++) {
        pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
        for (int i = 0; i < n_before; i++)
            pp_buffer_append(&out, "x", 1);
        pp_buffer_printf(&out, "%s=%.3f", "a text that needs some room", 1.5);
        assert_int_equal(out.n_bytes, (size_t)n_before + 33);
        assert_string_equal(out.bytes + n_before, "a text that needs some room=1.500");
        pp_buffer_printf(&out, "%s", "");
        assert_int_equal(out.n_bytes, (size_t)n_before + 33);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_growth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
