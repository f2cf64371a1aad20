/* perf script's text: every choice of columns, and what is neither record nor stack. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "formats/formats.h"
#include "formats/lines.h"
#include "formats/perf_script.h"

static struct pprofc_profile *read_text(const char *text)
{
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err = {.message = ""};
    struct pp_lines lines;

    pp_lines_of_bytes(&lines, text, strlen(text));
    if (pp_perf_script_read(&lines, "t", &profile, &err) != 0)
        fail_msg("%s", err.message);
    return profile;
}

/* What is read of 'text', as folded stacks of its type number 'type'. */
static void assert_type_becomes(const char *text, uint32_t type, const char *wanted)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    struct pprofc_profile *profile = read_text(text);

    assert_int_equal(pp_folded_write(profile, type, &out, NULL), 0);
    pp_buffer_append(&out, "", 1);
    assert_string_equal(out.bytes, wanted);
    pprofc_profile_free(profile);
}

static void assert_becomes(const char *text, const char *wanted)
{
    assert_type_becomes(text, 0, wanted);
}

static const char *text_of(const struct pp_text *text)
{
    static char copy[256];

    (void)snprintf(copy, sizeof copy, "%.*s", (int)text->n_bytes, text->bytes);
    return copy;
}

/* The first line of a record, with any choice of columns and any name of a thread. */
static void test_headers(void **state)
{
    static const struct {
        const char *line, *comm, *event, *rest;
        int64_t pid, tid, time_ns, period;
    } lines[] = {
        {"java 3244 cpu-clock: ", "java", "cpu-clock", "", -1, 3244, -1, -1},
        {"java 1/3244 cycles:u:", "java", "cycles:u", "", 1, 3244, -1, -1},
        {"swapper     0 [001]  1333.768770: cpu-clock: ", "swapper", "cpu-clock", "", -1, 0,
         1333768770000, -1},
        {"Gecko\t25122 [007] 115539.936601:\t\t1000000 task-clock:u:", "Gecko", "task-clock:u", "",
         -1, 25122, 115539936601000, 1000000},
        {"a b 5 c 7 9.000000001:   3 cycles:", "a b 5 c", "cycles", "", -1, 7, 9000000001, 3},
        {"  dd -1/-1 9.5: 18446744073709551615 cycles:", "dd", "cycles", "", -1, -1, 9500000000,
         INT64_MAX},
        {"v 7 9.5: 1 cpu/event=0x3c,umask=0x0/u:", "v", "cpu/event=0x3c,umask=0x0/u", "", -1, 7,
         9500000000, 1},
        {"v 7 9.5: raw 0x1a8:", "v", "raw 0x1a8", "", -1, 7, 9500000000, -1},
        {"v 7 9.5: sched:sched_switch: prev_comm=v prev_pid=7", "v", "sched:sched_switch",
         "prev_comm=v prev_pid=7", -1, 7, 9500000000, -1},
        {"v 7 9.5: 4 cycles: 4f2 f (/a)", "v", "cycles", "4f2 f (/a)", -1, 7, 9500000000, 4},
        {"v 7 9.5: 4f2 f (/a)", "v", "", "4f2 f (/a)", -1, 7, 9500000000, -1},
        {"v 7 9.5:", "v", "", "", -1, 7, 9500000000, -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const struct pp_text line = {lines[i].line, strlen(lines[i].line), 0};
        struct pp_perf_header header;
        if (!pp_perf_read_header(&line, &header))
            fail_msg("%s", lines[i].line);
        assert_string_equal(text_of(&header.comm), lines[i].comm);
        assert_string_equal(text_of(&header.event), lines[i].event);
        assert_string_equal(text_of(&header.rest), lines[i].rest);
        assert_int_equal(header.pid, lines[i].pid);
        assert_int_equal(header.tid, lines[i].tid);
        assert_int_equal(header.has_time ? header.time_ns : -1, lines[i].time_ns);
        assert_int_equal(header.has_period ? header.period : -1, lines[i].period);
    }
}

/* What only looks like one. */
static void test_no_headers(void **state)
{
    static const char *const lines[] = {
        "",
        "java",
        "java 5",
        "main;parse 12",
        "7 9.5: cycles:",
        "java 5 6 7",
        "v 7 x",
        "v 7 9:",
        "v 7 [a] x:",
        "4f2 f (/a) 7 g 9",
        "v 7 9.5: words that are no frame",
    };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const struct pp_text line = {lines[i], strlen(lines[i]), 0};
        struct pp_perf_header header;
        if (pp_perf_read_header(&line, &header))
            fail_msg("%s", lines[i]);
    }
}

/* Frames: names with blanks and parentheses, modules with blanks, deleted ones, no module, no
 * address, no symbol, offsets, mangled names, calls in line by perf and by Java's agent. */
static void test_frames(void **state)
{
    (void)state;
    assert_becomes(
        "v 7 cycles:\n"
        "\t 4f2 std::function<void (int)>::operator()(int) const+0x1f (/usr/a b/lib (x))\n"
        "\t 4f3 operator->+0x2 (/app)\n"
        "\t 4f4 RegExp:\\bFoo ?Bar (/tmp/perf-1.map)\n"
        "\t 4f5 main (/memfd:jit (deleted))\n",
        "v;main;RegExp:\\bFoo ?Bar;operator->;"
        "std::function<void (int)>::operator()(int) const 1\n");
    assert_becomes("v 7 cycles:\n"
                   "            4f2 leaf\n"
                   "            4f3\n"
                   "            [unknown] (/lib/libz.so.1)\n"
                   "            main (/app)\n",
                   "v;main;[libz.so.1];<unknown>;leaf 1\n");
    assert_becomes("v 7 cycles:\n\t4f2 _ZN3foo3barEv+0x1 (/a)\n\t5f2 _RNvC1a1b (/a)\n",
                   "v;a::b;foo::bar 1\n");
    assert_becomes("v 7 cycles:\n\t4f2 La;::a->Lb;::b->Lc;::c+0x4 (/tmp/perf-9.map)\n",
                   "v;La:::a;Lb:::b;Lc:::c 1\n");
    assert_becomes("v 7 cycles:\n\t4f2 in (inlined)\n\t4f2 between (inlined)\n\t4f2 out+0x1 (/a)\n"
                   "\t5f2 lost (inlined)\n",
                   "v;lost;out;between;in 1\n");
}

/* Calls in line share a location with the function they are in, which has the lines that are
 * printed below frames. */
static void test_source_lines(void **state)
{
    struct pprofc_profile *profile = read_text("v 7 cycles:\n"
                                               "\t4f2 in (inlined)\n  in.h:7\n"
                                               "\t4f2 out+0x1 (/a)\n  out.c:12\n"
                                               "\t5f2 main (/a)\n  out.c:40\n"
                                               "\t6f2 _start (/a)\n  no line\n");
    const struct pp_location *location =
        &profile->locations[profile->node_location[profile->sample_stack[0]]];
    const struct pp_line *lines = &profile->lines[location->first_line];

    (void)state;
    assert_int_equal(location->n_lines, 2);
    assert_int_equal(location->address, 0x4f2);
    assert_int_equal(lines[0].line, 7);
    assert_int_equal(lines[1].line, 12);
    assert_string_equal(profile->strings[profile->functions[lines[1].function].file], "out.c");
    assert_string_equal(profile->strings[profile->mappings[location->mapping].path], "/a");
    assert_int_equal(profile->n_notes, 1);
    assert_string_equal(profile->strings[profile->comments[0]],
                        "1 lines are no part of a record and were skipped, the first at byte 113");
    pprofc_profile_free(profile);
}

/* One event with periods: samples and what they stand for.  Several: one type each, and every
 * record counts in one of them. */
static void test_types(void **state)
{
    struct pprofc_profile *profile;

    (void)state;
    profile =
        read_text("v 7 9.5: 10 cpu-clock:\n\t4f2 f (/a)\n\nv 7 10.0: 30 cpu-clock:\n\t4f2 f (/a)");
    assert_int_equal(profile->n_types, 2);
    assert_int_equal(profile->default_type, 1);
    assert_string_equal(profile->strings[profile->types[1].unit], "nanoseconds");
    assert_int_equal(pp_profile_total(profile, 0), 2);
    assert_int_equal(pp_profile_total(profile, 1), 40);
    assert_int_equal(profile->duration_ns, 500000000);
    assert_int_equal(profile->sample_slice[1], 5);
    pprofc_profile_free(profile);

    profile = read_text("v 7 cycles:u:\n\t4f2 f (/a)\n\nv 7 instructions:\n\t4f2 f (/a)\n\n"
                        "v 7 cycles:\n\t4f2 f (/a)\n");
    assert_int_equal(profile->n_types, 2);
    assert_int_equal(pp_profile_total(profile, 0), 2);
    assert_int_equal(pp_profile_total(profile, 1), 1);
    pprofc_profile_free(profile);
}

/* Records of one event too many, of no samples, and lines that are neither are counted and said;
 * periods beyond 2^63 stay at the end of the scale. */
static void test_notes(void **state)
{
    pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;
    struct pprofc_profile *profile;

    (void)state;
    for (int i = 0; i < PP_MAX_TYPES + 2; i++)
        pp_buffer_printf(&text, "v 7 9.5: 9223372036854775807 e%d:\n\t4f2 f (/a)\n\n", i);
    pp_buffer_text(&text, "v 7 9.5: 9223372036854775807 e0:\n\t4f2 f (/a)\n\n"
                          "v 7 9.5: PERF_RECORD_COMM: v:7/7\n"
                          "v 7/7 9.6: PERF_RECORD_MMAP2 7/7: [0x5(0x1) @ 0 0:1 2 3]: r-xp /a\n"
                          "garbage\n");
    profile = read_text(text.bytes);
    assert_int_equal(profile->n_types, PP_MAX_TYPES);
    assert_true(pp_profile_total(profile, 0) == INT64_MAX);
    assert_int_equal(profile->n_notes, 3);
    assert_non_null(
        strstr(profile->strings[profile->comments[0]], "1 lines are no part of a record"));
    assert_non_null(strstr(profile->strings[profile->comments[1]], "2 records are no samples"));
    assert_non_null(
        strstr(profile->strings[profile->comments[2]], "2 records are of further events"));
    pprofc_profile_free(profile);
}

/* Threads have labels; records may follow each other without a blank line, or have one behind their
 * first line; perf's own header names the command. */
static void test_records(void **state)
{
    struct pprofc_profile *profile =
        read_text("# cmdline : perf record -g -- ./app 5\r\n#\r\n"
                  "a b 1/7 cycles:\r\n4f2 f (/a)\r\nx 8 cycles:\r\n\r\n"
                  "4f2 f (/a)\r\nx 9 cycles:\r\n");
    const struct pp_label_set *set = &profile->label_sets[profile->sample_labels[0]];

    (void)state;
    assert_int_equal(pp_profile_total(profile, 0), 3);
    assert_int_equal(profile->n_samples, 3);
    assert_string_equal(profile->strings[profile->command], "perf record -g -- ./app 5");
    assert_int_equal(set->n_labels, 3);
    assert_int_equal(profile->labels[set->first].number, 1);
    assert_int_equal(profile->labels[set->first + 1].number, 7);
    assert_string_equal(profile->strings[profile->labels[set->first + 2].text], "a b");
    pprofc_profile_free(profile);
}

/* Text without a record is refused at the first line that is none. */
static void test_refused(void **state)
{
    static const char text[] = "# only\nwords here\n";
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;
    struct pp_lines lines;

    (void)state;
    pp_lines_of_bytes(&lines, text, strlen(text));
    assert_int_equal(pp_perf_script_read(&lines, "t", &profile, &err), -EBADMSG);
    assert_int_equal(err.offset_bytes, 7);
    assert_non_null(strstr(err.message, "has no record of perf script in 2 lines"));
}

/* A stack of 100 000 frames, by loops; and the same text from a pipe, piece by piece. */
static void test_deep(void **state)
{
    enum { DEPTH = 100000 };
    pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT, head = PP_BUFFER_INIT;
    struct pprofc_profile *profile = NULL;
    struct pp_lines lines;
    int ends[2];
    pid_t child;

    (void)state;
    pp_buffer_text(&text, "v 7 cycles:\n");
    for (int i = 0; i < DEPTH; i++)
        pp_buffer_printf(&text, "\t%x f%d (/a)\n", i, i % 10);
    pp_buffer_append(&text, "", 1);
    profile = read_text(text.bytes);
    assert_int_equal(profile->n_nodes, DEPTH + 2);
    pprofc_profile_free(profile);

    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        size_t at = 0;
        while (at + 1 < text.n_bytes) {
            const ssize_t n = write(ends[1], text.bytes + at, text.n_bytes - 1 - at);
            if (n <= 0)
                _exit(1);
            at += (size_t)n;
        }
        _exit(0);
    }
    assert_int_equal(close(ends[1]), 0);
    pp_lines_of_descriptor(&lines, ends[0], &head);
    profile = NULL;
    assert_int_equal(pp_perf_script_read(&lines, "pipe", &profile, NULL), 0);
    assert_int_equal(profile->n_nodes, DEPTH + 2);
    pprofc_profile_free(profile);
    pp_lines_done(&lines);
    assert_int_equal(close(ends[0]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers), cmocka_unit_test(test_no_headers),
        cmocka_unit_test(test_frames),  cmocka_unit_test(test_source_lines),
        cmocka_unit_test(test_types),   cmocka_unit_test(test_notes),
        cmocka_unit_test(test_records), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_deep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
