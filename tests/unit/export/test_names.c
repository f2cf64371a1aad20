/* Names of windows, and what is to be kept of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "export/keep.h"
#include "export/window_name.h"

/* A name says when, whose and what, and reads back as that, also where the program's has dots. */
static void names_read_back(void **state)
{
    static const struct {
        struct pp_window_name name;
        const char *extension, *text;
    } cases[] = {
        {{false, 1795734301, 0, "orders", 4711, "cpu"},
         ".pb.gz",
         "profile_20261126_230501.orders.4711.cpu.pb.gz"},
        {{false, 1795734301, 12, "a.out-1.2", 1, "heap"},
         ".svg",
         "profile_20261126_230501_012.a.out-1.2.1.heap.svg"},
        {{true, 0, 0, "x", 0, "facts"}, ".json", "flight_19700101_000000.x.0.facts.json"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[PP_WINDOW_NAME_BYTES];
        struct pp_window_name name;
        const char *extension;
        pp_window_name_write(&cases[i].name, cases[i].extension, text);
        assert_string_equal(text, cases[i].text);
        assert_true(pp_window_name_read(text, &name, &extension));
        assert_string_equal(extension, cases[i].extension);
        assert_int_equal(name.time_s, cases[i].name.time_s);
        assert_int_equal(name.sequence, cases[i].name.sequence);
        assert_int_equal(name.pid, cases[i].name.pid);
        assert_int_equal(name.is_flight, cases[i].name.is_flight);
        assert_string_equal(name.program, cases[i].name.program);
        assert_string_equal(name.kind, cases[i].name.kind);
    }
}

/* What others may have put there is none of ours: it is never read, and so never removed. */
static void others_are_left_alone(void **state)
{
    static const char *const cases[] = {
        "profile_20261126_230501.pb.gz",                  /* no process */
        "profile_20261126_230501.orders.cpu.pb.gz",       /* no number */
        "profile_20261126_230501.orders.4711.pb.gz",      /* no kind */
        "profile_20261126_230501.orders.04711.cpu.pb.gz", /* not as we write numbers */
        "profile_20261126_230501..4711.cpu.pb.gz",        /* no program */
        "profile_20261126_230501_000.x.1.cpu.pb.gz",      /* the first shows no sequence */
        "profile_20261126_230501_0a1.x.1.cpu.pb.gz",
        "profile_20260231_000000.x.1.cpu.pb.gz",
        "profile_20261126_250000.x.1.cpu.pb.gz",
        "profile_2026112_2230501.x.1.cpu.pb.gz",
        "profile_20261126_230501.orders.4711.cpu.pb.gz.1",
        "profile_20261126_230501.x.1.cpu",
        "profile_20261126_230501.x.1.cpu.pdf",
        "Profile_20261126_230501.x.1.cpu.svg",
        ".pprofc-1-1.tmp",
        "notes.txt",
        "profile_20261126_230501.x.-1.cpu.svg",
        "profile_20261126_230501.x.1.cpu.",
        "",
        ".",
        "profile_",
        "flight_.pb.gz",
        "profile_20261126_230501.x.99999999999.cpu.pb.gz",
        "profile_20261126_230501",
        "profile_20261126_230501.x.1.averyveryverylongkind.svg"};
    char long_name[300];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pp_window_name name;
        const char *extension;
        if (pp_window_name_read(cases[i], &name, &extension))
            fail_msg("'%s' was taken for a window", cases[i]);
    }
    memset(long_name, 'p', sizeof long_name);
    memcpy(long_name, "profile_20261126_230501.", 24);
    strcpy(long_name + 250, ".1.cpu.svg");
    assert_false(pp_window_name_read(long_name, &(struct pp_window_name){0}, &(const char *){0}));
    assert_true(pp_window_is_day("2026-11-26"));
    assert_false(pp_window_is_day("2026-11-2"));
    assert_false(pp_window_is_day("lost+found"));
}

/* The order of names is the order of time, whatever the clock does: here it jumps by up to an hour
 * either way, and stands still. */
static void order_of_names_is_order_of_time(void **state)
{
    struct pp_window_name last = {.program = "x", .pid = 1, .kind = "cpu"};
    char before[PP_WINDOW_NAME_BYTES] = "", text[PP_WINDOW_NAME_BYTES];
    uint64_t random = 1;
    int64_t now_s = 1795734301;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        const struct pp_window_name earlier = last;
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        now_s += (int64_t)(random >> 33) % 7200 - 3600 + 30;
        pp_window_name_begin(&last, now_s);
        if (last.time_s == earlier.time_s && last.sequence == earlier.sequence)
            pp_window_name_next(&last);
        pp_window_name_write(&last, ".svg", text);
        if (strcmp(text, before) <= 0)
            fail_msg("%s came after %s", text, before);
        strcpy(before, text);
    }
}

/* Program names become what file names, shells and URLs take as they are. */
static void programs_are_made_harmless(void **state)
{
    char text[64];

    (void)state;
    pp_window_program("my prog/$(x)\n*", text);
    assert_string_equal(text, "my_prog___x___");
    pp_window_program("", text);
    assert_string_equal(text, "program");
    pp_window_program("orders-2.1_a+b", text);
    assert_string_equal(text, "orders-2.1_a+b");
}

/* An age, a size, or both, in any order. */
static void limits_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t age_ns;
        uint64_t n_bytes;
    } cases[] = {{"24h,1GiB", INT64_C(86400000000000), 1 << 30},
                 {"1GiB,24h", INT64_C(86400000000000), 1 << 30},
                 {"7d", INT64_C(604800000000000), 0},
                 {"500M", 0, 500 << 20},
                 {"1h30m,64K", INT64_C(5400000000000), 64 << 10}};
    static const char *const bad[] = {"",
                                      ",",
                                      "24",
                                      "1GiB,",
                                      "24h,24h",
                                      "1G,2G",
                                      "x",
                                      "24h,1GiB,1",
                                      "-1h",
                                      "24h;1GiB",
                                      "111111111111111111111111111111111111111h"};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pp_keep keep;
        assert_int_equal(pp_keep_parse(cases[i].text, &keep, NULL), 0);
        assert_int_equal(keep.age_ns, cases[i].age_ns);
        assert_int_equal(keep.n_bytes, cases[i].n_bytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct pp_keep keep = {1, 2};
        struct pprofc_error err;
        if (pp_keep_parse(bad[i], &keep, &err) != -EINVAL)
            fail_msg("'%s' was taken", bad[i]);
        assert_non_null(strstr(err.message, "24h,1GiB"));
        assert_true(keep.age_ns == 1 && keep.n_bytes == 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_read_back), cmocka_unit_test(others_are_left_alone),
        cmocka_unit_test(order_of_names_is_order_of_time),
        cmocka_unit_test(programs_are_made_harmless), cmocka_unit_test(limits_are_read)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
