/* OTLP's JSON: what the reader of OTLP JSON makes of it is what the protobuf says, whatever the
 * profile; and of any bytes it makes JSON, or refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "../formats/random_profile.h"
#include "base/json_reader.h"
#include "base/json_writer.h"
#include "export/otlp_to_json.h"
#include "formats/formats.h"

/* Random profiles, by protobuf and by JSON: the same profile. */
static void test_profiles(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT, json = PP_BUFFER_INIT;
        struct pprofc_profile *profile = make_random_profile(seed), *by_wire = NULL,
                              *by_json = NULL;
        const char *difference;
        assert_non_null(profile);
        assert_int_equal(pp_otlp_write(profile, &bytes, NULL), 0);
        assert_int_equal(pp_otlp_to_json(PP_SIGNAL_PROFILES, bytes.bytes, bytes.n_bytes, &json), 0);
        assert_int_equal(pp_otlp_read(bytes.bytes, bytes.n_bytes, "x", &by_wire, NULL), 0);
        assert_int_equal(pp_otlp_json_read(json.bytes, json.n_bytes, "x", &by_json, NULL), 0);
        difference = profile_difference(by_wire, by_json);
        if (difference != NULL)
            fail_msg("seed %llu: %s", (unsigned long long)seed, difference);
        pprofc_profile_free(profile);
        pprofc_profile_free(by_wire);
        pprofc_profile_free(by_json);
    }
}

static bool is_json(const struct pp_buffer *text)
{
    struct pp_json_reader json;
    bool is_good;

    pp_json_reader_init(&json, text->bytes, text->n_bytes);
    is_good = pp_json_skip(&json) && pp_json_at_end(&json);
    pp_json_reader_done(&json);
    return is_good;
}

/* Damaged messages become JSON or are refused, and nothing else happens. */
static void test_damaged(void **state)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    struct pprofc_profile *profile = make_random_profile(3);
    uint64_t random = 88172645463325252u;

    (void)state;
    assert_int_equal(pp_otlp_write(profile, &bytes, NULL), 0);
    for (int i = 0; i < 2000; i++) {
        pp_autobuffer struct pp_buffer json = PP_BUFFER_INIT;
        char *at;
        char before;
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        at = bytes.bytes + random % bytes.n_bytes;
        before = *at;
        *at = (char)(random >> 32);
        if (pp_otlp_to_json((enum pp_signal)(random >> 40) % PP_N_SIGNALS, bytes.bytes,
                            bytes.n_bytes, &json) == 0)
            assert_true(is_json(&json));
        *at = before;
    }
    pprofc_profile_free(profile);
}

/* Doubles keep all their digits; what is not finite has protobuf's names. */
static void test_doubles(void **state)
{
    static const struct {
        double value;
        const char *wanted;
    } cases[] = {{0.1, "0.10000000000000001"},
                 {3, "3"},
                 {1.0 / 0.0, "\"Infinity\""},
                 {-1.0 / 0.0, "\"-Infinity\""},
                 {0.0 / 0.0, "\"NaN\""}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;
        struct pp_json json = {.out = &text};
        pp_json_double(&json, NULL, cases[i].value);
        assert_int_equal(text.n_bytes, strlen(cases[i].wanted));
        assert_memory_equal(text.bytes, cases[i].wanted, text.n_bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profiles),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_doubles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
