/* The times of benchmarks: our own files, and the JSON of Google Benchmark. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "formats/bench_times.h"
#include "formats/google_benchmark.h"

/* What is written is read again, digit by digit. */
static void test_times_round_trip(void **state)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    struct pp_bench_times times, again;

    (void)state;
    assert_int_equal(pp_bench_times_init(&times, 3), 0);
    times.name = strdup("BM \"x\"/1 \xff");
    times.command = strdup("./x 'y'");
    times.time_s = 1764115200;
    times.is_per_iteration = true;
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < PP_BENCH_N_SERIES; k++)
            times.s[k][i] = 0.002 * (k + 1);
        times.s[PP_BENCH_WALL][i] = 1.23456789e-9 * (i + 1);
        times.s[PP_BENCH_CPU][i] = 0.1 + i;
    }
    pp_bench_times_write(&times, &bytes);
    assert_int_equal(pp_bench_times_read(bytes.bytes, bytes.n_bytes, "x.json", &again, NULL), 0);
    assert_string_equal(again.name, "BM \"x\"/1 \xef\xbf\xbd"); /* valid UTF-8 whatever it was */
    assert_string_equal(again.command, times.command);
    assert_string_equal(again.machine, "");
    assert_int_equal(again.time_s, times.time_s);
    assert_true(again.is_per_iteration);
    assert_int_equal(again.n_runs, 3);
    assert_true(again.s[PP_BENCH_WALL][2] == 3.70370367e-9 && again.s[PP_BENCH_CPU][1] == 1.1 &&
                again.s[PP_BENCH_EMPTY_CPU][0] == 0.012);
    pp_bench_times_done(&times);
    pp_bench_times_done(&again);
}

static void refuse_times(const char *text, int code, const char *said)
{
    struct pp_bench_times times;
    struct pprofc_error err;

    assert_int_equal(pp_bench_times_read(text, strlen(text), "x.json", &times, &err), code);
    if (strstr(err.message, said) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.message, said);
}

/* What is no file of ours is refused with the place: times that are none, sorts that differ in
 * number, too many runs, a later version, a cut-off file. */
static void test_times_refused(void **state)
{
    pp_autobuffer struct pp_buffer many = PP_BUFFER_INIT;

    (void)state;
    refuse_times("", -EBADMSG, "at byte 0");
    refuse_times("{}", -EBADMSG, "no times of a benchmark");
    refuse_times("{\"pprofc_bench\":1,\"case\":\"a\",\"wall_seconds\":[1,0]", -EBADMSG,
                 "a time that is none at byte 48");
    refuse_times("{\"pprofc_bench\":1,\"case\":\"a\",\"wall_seconds\":[1,2],\"cpu_seconds\":[1],"
                 "\"spin_cpu_seconds\":[1,1]}",
                 -EBADMSG, "not as many");
    refuse_times("{\"pprofc_bench\":2,\"case\":\"a\"}", -EBADMSG, "of a newer pprofc");
    refuse_times("{\"pprofc_bench\":1,\"case\":\"a\",\"wall_seconds\":[1", -EBADMSG, "at byte 46");
    pp_buffer_text(&many, "{\"pprofc_bench\":1,\"case\":\"a\",\"wall_seconds\":[1");
    for (int i = 0; i < PP_BENCH_MOST_RUNS; i++)
        pp_buffer_text(&many, ",1");
    pp_buffer_text(&many, "]}");
    refuse_times(many.bytes, -EBADMSG, "more runs than there can be");
}

/* Repetitions are averaged, aggregates left out, units understood. */
static void test_google(void **state)
{
    static const char text[] =
        "{\"context\":{\"caches\":[{}]},\"benchmarks\":["
        "{\"name\":\"a\",\"run_type\":\"iteration\",\"iterations\":10,\"real_time\":2,"
        "\"cpu_time\":1e0,\"time_unit\":\"us\"},"
        "{\"name\":\"a\",\"iterations\":30,\"real_time\":4,\"cpu_time\":3,\"time_unit\":\"us\"},"
        "{\"name\":\"a_mean\",\"run_type\":\"aggregate\",\"iterations\":2,\"real_time\":99,"
        "\"cpu_time\":99,\"time_unit\":\"us\"}]}";
    struct pp_google_times times;

    (void)state;
    assert_int_equal(pp_google_benchmark_read(text, strlen(text), "a", &times, NULL), 0);
    assert_true(times.wall_s > 2.999e-6 && times.wall_s < 3.001e-6);
    assert_true(times.cpu_s > 1.999e-6 && times.cpu_s < 2.001e-6);
    assert_true(times.n_iterations == 40);
}

static void refuse_google(const char *text, int code, const char *said)
{
    struct pp_google_times times;
    struct pprofc_error err;

    assert_int_equal(pp_google_benchmark_read(text, strlen(text), "a", &times, &err), code);
    if (strstr(err.message, said) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.message, said);
}

/* A failure in the benchmark's own words; what is no JSON of it, with the byte. */
static void test_google_refused(void **state)
{
    (void)state;
    refuse_google("{\"benchmarks\":[{\"name\":\"a\",\"error_occurred\":true,\"error_message\":\"no "
                  "disk\"}]}",
                  -ECANCELED, "it says: no disk");
    refuse_google("{\"benchmarks\":[]}", -EBADMSG, "no repetition");
    refuse_google("{\"benchmarks\":[{\"real_time\":1,\"time_unit\":\"days\"}]}", -EBADMSG,
                  "a time that is none at byte");
    refuse_google("{\"benchmarks\":[{\"real_time\":nan}]}", -EBADMSG, "at byte 28");
    refuse_google("# text\n", -EBADMSG, "at byte 0");
}

/* The expression matches the name, whatever is in it. */
static void test_filter(void **state)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;

    (void)state;
    pp_google_benchmark_filter("BM_a<int[2]>/8.5 (x|y)", &out);
    assert_string_equal(out.bytes, "^BM_a<int\\[2\\]>/8\\.5 \\(x\\|y\\)$");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times_round_trip), cmocka_unit_test(test_times_refused),
        cmocka_unit_test(test_google),           cmocka_unit_test(test_google_refused),
        cmocka_unit_test(test_filter),
    };

    return cmocka_run_group_tests_name("bench", tests, NULL, NULL);
}
