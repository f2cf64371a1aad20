/* What is written is the same in a locale whose decimal point is a comma. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../comma_locale.h"
#include "../skip_because.h"
#include "formats/encode.h"
#include "formats/formats.h"
#include "random_profile.h"

static const enum pp_format formats[] = {
    PP_FORMAT_PPROF_RAW, PP_FORMAT_FOLDED,     PP_FORMAT_JSON, PP_FORMAT_TEXT,
    PP_FORMAT_SVG,       PP_FORMAT_SPEEDSCOPE, PP_FORMAT_OTLP, PP_FORMAT_CSV,
};
enum { N_FORMATS = sizeof formats / sizeof formats[0], N_SEEDS = 8 };

/* 0 and the bytes, or why not: that is the same, too. */
static int encode(uint64_t seed, enum pp_format format, struct pp_buffer *out)
{
    struct pprofc_profile *profile = make_random_profile(seed);
    int result;

    assert_non_null(profile);
    result = pp_encode_profile(profile, format, 0, out, NULL);
    pprofc_profile_free(profile);
    return result;
}

static void test_formats(void **state)
{
    size_t n_written = 0;

    (void)state;
    if (comma_locale_choose() != 0)
        skip_because("localedef makes no locale with a decimal comma here");
    for (uint64_t seed = 1; seed <= N_SEEDS; seed++)
        for (size_t i = 0; i < N_FORMATS; i++) {
            pp_autobuffer struct pp_buffer plain = PP_BUFFER_INIT, comma = PP_BUFFER_INIT;
            int result;
            (void)setlocale(LC_ALL, "C");
            result = encode(seed, formats[i], &plain);
            assert_non_null(setlocale(LC_ALL, "de_DE.UTF-8"));
            assert_int_equal(encode(seed, formats[i], &comma), result);
            assert_int_equal(comma.n_bytes, plain.n_bytes);
            if (result == 0)
                assert_memory_equal(comma.bytes, plain.bytes, plain.n_bytes);
            n_written += result == 0;
        }
    comma_locale_forget();
    assert_true(n_written >= N_SEEDS * (N_FORMATS - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
