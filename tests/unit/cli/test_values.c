/* The values of options, as people type them. */
#include "cmocka_includes.h"

#include <errno.h>
#include <string.h>

#include "cli/nearest.h"
#include "cli/preload.h"
#include "cli/profile_kinds.h"
#include "cli/values.h"

/* Durations are read with every unit, with decimals, put together, and as bare seconds. */
static void durations_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t duration_ns;
    } cases[] = {{"500ms", 500000000},       {"30s", 30000000000},   {"5m", 300000000000},
                 {"1h", 3600000000000},      {"1.5s", 1500000000},   {"1m30s", 90000000000},
                 {"250us", 250000},          {"10ns", 10},           {"2", 2000000000},
                 {"0.5h", 1800000000000},    {"1d", 86400000000000}, {"2min", 120000000000},
                 {"365d", 31536000000000000}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t duration_ns = 0;
        assert_int_equal(pp_parse_duration(cases[i].text, &duration_ns, NULL), 0);
        assert_int_equal(duration_ns, cases[i].duration_ns);
    }
}

/* What is no duration, nothing, or too long is refused, with the text in the message. */
static void bad_durations_are_refused(void **state)
{
    static const char *const cases[] = {"",    "s",   "-3s", "0s",  "0",   "3x",   "1e3s",
                                        "inf", "nan", "0x1", "3 s", "1s5", "366d", "99999999999h"};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pprofc_error err = {0};
        int64_t duration_ns = 77;
        assert_true(pp_parse_duration(cases[i], &duration_ns, &err) < 0);
        assert_int_equal(duration_ns, 77);
        assert_non_null(strstr(err.message, cases[i]));
    }
}

/* Rates go from 1 to 10 000, with decimals and Hz; anything else is refused. */
static void rates_have_limits(void **state)
{
    static const char *const bad[] = {"0", "0.99", "10001", "fast", "-5", "nan", "1e3", "", "99x"};
    double rate_hz = 0;

    (void)state;
    assert_int_equal(pp_parse_rate("1", &rate_hz, NULL), 0);
    assert_true(rate_hz == 1);
    assert_int_equal(pp_parse_rate("10000", &rate_hz, NULL), 0);
    assert_true(rate_hz == 10000);
    assert_int_equal(pp_parse_rate("12.5", &rate_hz, NULL), 0);
    assert_true(rate_hz == 12.5);
    assert_int_equal(pp_parse_rate("99Hz", &rate_hz, NULL), 0);
    assert_true(rate_hz == 99);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_true(pp_parse_rate(bad[i], &rate_hz, NULL) < 0);
    assert_true(rate_hz == 99);
}

/* The three modes are 10, 100 and 1000 Hz. */
static void modes_are_rates(void **state)
{
    double rate_hz = 0;

    (void)state;
    assert_int_equal(pp_parse_mode("low", &rate_hz, NULL), 0);
    assert_true(rate_hz == 10);
    assert_int_equal(pp_parse_mode("standard", &rate_hz, NULL), 0);
    assert_true(rate_hz == 100);
    assert_int_equal(pp_parse_mode("high", &rate_hz, NULL), 0);
    assert_true(rate_hz == 1000);
    assert_int_equal(pp_parse_mode("quick", &rate_hz, NULL), -EINVAL);
}

/* Kinds add up, all is all of them, and a mistyped one names the one meant. */
static void kinds_are_checked(void **state)
{
    struct pprofc_error err;
    uint32_t kinds = 0;

    (void)state;
    assert_int_equal(pp_parse_kinds("cpu", &kinds, &err), 0);
    assert_int_equal(kinds, PP_KIND_CPU);
    assert_int_equal(pp_parse_kinds("heap", &kinds, &err), 0);
    assert_int_equal(kinds, PP_KIND_HEAP);
    assert_int_equal(pp_parse_kinds("leak", &kinds, &err), 0);
    assert_int_equal(kinds, PP_KIND_HEAP | PP_KIND_LEAK);
    assert_int_equal(pp_parse_kinds("cpu,heap,cpu", &kinds, &err), 0);
    assert_int_equal(kinds, PP_KIND_CPU | PP_KIND_HEAP);
    assert_int_equal(pp_parse_kinds("offcpu,lock", &kinds, &err), 0);
    assert_int_equal(kinds, PP_KIND_OFFCPU | PP_KIND_LOCK);
    assert_int_equal(pp_parse_kinds("wall", &kinds, &err), 0);
    assert_int_equal(kinds, PP_KIND_WALL);
    assert_int_equal(pp_parse_kinds("all", &kinds, &err), 0);
    assert_int_equal(pp_kinds_count(kinds), 5);
    assert_int_equal(pp_parse_kinds("offcpy", &kinds, &err), -EINVAL);
    assert_non_null(strstr(err.message, "did you mean offcpu?"));
    assert_int_equal(pp_kinds_count(kinds), 5);
    assert_int_equal(pp_parse_kinds("cpuu", &kinds, &err), -EINVAL);
    assert_non_null(strstr(err.message, "did you mean cpu?"));
    assert_int_equal(pp_parse_kinds("", &kinds, &err), -EINVAL);
    assert_int_equal(pp_parse_kinds("cpu,", &kinds, &err), -EINVAL);
    assert_int_equal(pp_parse_kinds("a-kind-of-name-that-is-longer-than-all", &kinds, &err),
                     -EINVAL);
}

/* What is typed comes back as capture reads it. */
static void kinds_have_a_text(void **state)
{
    static const char *const same[] = {"cpu", "offcpu", "cpu,offcpu,lock,wall,heap", "lock,heap",
                                       "cpu,leak"};
    char word[PP_KINDS_TEXT_BYTES];
    uint32_t kinds = 0;
    (void)state;

    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        assert_int_equal(pp_parse_kinds(same[i], &kinds, NULL), 0);
        assert_string_equal(pp_kinds_text(kinds, word), same[i]);
    }
    assert_int_equal(pp_parse_kinds("all,leak", &kinds, NULL), 0);
    assert_string_equal(pp_kinds_text(kinds, word), "cpu,offcpu,lock,wall,leak");
}

/* wall takes the place of what is recorded for it, where both are there; else each kind that is
 * recorded gets a profile. */
static void kinds_that_are_wanted(void **state)
{
    const uint32_t cpu = PP_KIND_CPU, off = PP_KIND_OFFCPU, lock = PP_KIND_LOCK,
                   heap = PP_KIND_HEAP, wall = PP_KIND_WALL;
    (void)state;

    assert_int_equal(pp_profile_kinds_wanted(cpu | heap, cpu | heap), cpu | heap);
    assert_int_equal(pp_profile_kinds_wanted(cpu | off, cpu | off), cpu | off);
    assert_int_equal(pp_profile_kinds_wanted(cpu | off, wall), wall);
    assert_int_equal(pp_profile_kinds_wanted(cpu | off | lock, wall | off | lock),
                     wall | off | lock);
    assert_int_equal(pp_profile_kinds_wanted(cpu | off | lock | heap, PP_KINDS_ALL), PP_KINDS_ALL);
    assert_int_equal(pp_profile_kinds_wanted(cpu, wall), cpu);
}

/* A sample type names the kind of profile, of those that the recording can give. */
static void sample_types_name_kinds(void **state)
{
    static const struct {
        const char *type;
        uint32_t recorded;
        const char *name; /* NULL: none */
    } cases[] = {
        {"wait", 3, "offcpu"}, {"waits", 2, "offcpu"},      {"delay", 4, "lock"},
        {"wall", 3, "wall"},   {"wall", 2, NULL},           {"samples", 15, "cpu"},
        {"wait", 1, NULL},     {"holder_delay", 6, "lock"}, {"inuse_space", 9, "heap"},
        {"1", 3, NULL},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct pp_profile_kind *kind =
            pp_profile_kind_of_type(cases[i].type, cases[i].recorded);
        assert_int_equal(kind == NULL, cases[i].name == NULL);
        if (kind != NULL)
            assert_string_equal(kind->name, cases[i].name);
    }
}

/* Only what is asked for stands between a program and its libc. */
static void preloads_are_as_small_as_they_can_be(void **state)
{
    (void)state;
    assert_string_equal(pp_preload_library(PP_KIND_CPU), "libpprofc-preload.so");
    assert_string_equal(pp_preload_library(PP_KIND_CPU | PP_KIND_HEAP),
                        "libpprofc-preload-heap.so");
    assert_string_equal(pp_preload_library(PP_KIND_WALL), "libpprofc-preload-wait.so");
    assert_string_equal(pp_preload_library(PP_KIND_LOCK), "libpprofc-preload-wait.so");
    assert_string_equal(pp_preload_library(PP_KINDS_ALL), "libpprofc-preload-all.so");
}

/* A number of bytes has a unit of 1024, or none; nothing else, and no less than one. */
static void bytes_have_units(void **state)
{
    static const struct {
        const char *text;
        uint64_t n_bytes;
    } good[] = {{"1", 1},          {"512K", 512 << 10}, {"512k", 512 << 10}, {"64KiB", 64 << 10},
                {"1.5M", 3 << 19}, {"2mb", 2 << 20},    {"1G", 1 << 30}};
    static const char *const bad[] = {"",     "0",   "K",   "-1",          "1X",
                                      "1KB2", "1e3", "0.5", "99999999999G"};
    uint64_t n_bytes = 0;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(pp_parse_bytes(good[i].text, &n_bytes, NULL), 0);
        assert_int_equal(n_bytes, good[i].n_bytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(pp_parse_bytes(bad[i], &n_bytes, NULL), -EINVAL);
}

/* Signals are known by name, by name with SIG, in any case, and by number; KILL and STOP are no
 * use. */
static void signals_are_named(void **state)
{
    static const char *const good[] = {"USR2", "SIGUSR2", "sigusr2", "12"};
    static const char *const bad[] = {"KILL", "SIGSTOP", "9", "0", "77", "", "USR9"};
    const char *name = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(pp_parse_signal(good[i], &name, NULL), 0);
        assert_string_equal(name, "USR2");
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(pp_parse_signal(bad[i], &name, NULL), -EINVAL);
}

/* The nearest name is found through one swap, one missing letter or one too many, and not through
 * more. */
static void nearest_names(void **state)
{
    static const char *const names[] = {"run", "report", NULL, "convert", "output"};

    (void)state;
#define NEAREST(word) pp_nearest_name(word, names, 5, sizeof names[0])
    assert_string_equal(NEAREST("reprot"), "report");
    assert_string_equal(NEAREST("outptu"), "output");
    assert_string_equal(NEAREST("convrt"), "convert");
    assert_string_equal(NEAREST("rrun"), "run");
    assert_string_equal(NEAREST("run"), "run");
    assert_null(NEAREST("make"));
    assert_null(NEAREST("xyz"));
    assert_null(NEAREST("a-word-that-is-longer-than-any-name-we-have-or-shall-ever-have"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(bad_durations_are_refused),
        cmocka_unit_test(rates_have_limits),
        cmocka_unit_test(modes_are_rates),
        cmocka_unit_test(kinds_are_checked),
        cmocka_unit_test(kinds_have_a_text),
        cmocka_unit_test(kinds_that_are_wanted),
        cmocka_unit_test(sample_types_name_kinds),
        cmocka_unit_test(preloads_are_as_small_as_they_can_be),
        cmocka_unit_test(bytes_have_units),
        cmocka_unit_test(signals_are_named),
        cmocka_unit_test(nearest_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
