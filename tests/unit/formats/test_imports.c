/* Profiles of V8 and of the Firefox Profiler, and tables for spreadsheets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "formats/encode.h"

typedef int read_function(const void *bytes, size_t n_bytes, const char *name,
                          struct pprofc_profile **profile_out, struct pprofc_error *err);

static struct pprofc_profile *read_text(read_function *read, const char *text)
{
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err = {.message = ""};

    if (read(text, strlen(text), "x", &profile, &err) != 0)
        fail_msg("%s", err.message);
    return profile;
}

static void assert_folded(const struct pprofc_profile *profile, uint32_t type, const char *wanted)
{
    pp_autobuffer struct pp_buffer folded = PP_BUFFER_INIT;

    assert_int_equal(pp_folded_write(profile, type, &folded, NULL), 0);
    pp_buffer_append(&folded, "", 1);
    assert_string_equal(folded.bytes, wanted);
}

static void assert_refused(read_function *read, const char *text, const char *message)
{
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err = {.message = ""};

    assert_int_equal(read(text, strlen(text), "x", &profile, &err), -EBADMSG);
    assert_null(profile);
    if (strstr(err.message, message) == NULL)
        fail_msg("%s", err.message);
}

/* ---- V8 ---- */

#define NODES                                                                                                        \
    "{\"nodes\":[{\"id\":3,\"callFrame\":{\"functionName\":\"\",\"url\":\"a.js\",\"lineNumber\":4},\"hitCount\":2}," \
    "{\"id\":1,\"callFrame\":{\"functionName\":\"(root)\"},\"hitCount\":0,\"children\":[2]},"                        \
    "{\"id\":2,\"callFrame\":{\"functionName\":\"main\",\"url\":\"a.js\",\"lineNumber\":0},\"hitCount\":1,\"children\":[3]}]"

/* A sample lasts until the next one, the last one until the end; a clock that steps back costs no
 * time. */
static void test_cpuprofile(void **state)
{
    static const char text[] = NODES
        ",\"startTime\":100,\"endTime\":200,\"samples\":[2,3,3,2],\"timeDeltas\":[10,20,30,-5]}";
    struct pprofc_profile *profile = read_text(pp_cpuprofile_read, text);

    (void)state;
    assert_int_equal(pp_format_of_bytes(text, strlen(text)), PP_FORMAT_CPUPROFILE);
    assert_folded(profile, 0, "main 2\nmain;(anonymous) 2\n");
    assert_folded(profile, 1, "main 65000\nmain;(anonymous) 30000\n");
    assert_int_equal(profile->default_type, 1);
    assert_int_equal(profile->duration_ns, 100000);
    pprofc_profile_free(profile);
    profile = read_text(pp_cpuprofile_read, NODES "}"); /* counts alone */
    assert_folded(profile, 0, "main 1\nmain;(anonymous) 2\n");
    pprofc_profile_free(profile);
}

static void test_cpuprofile_refusals(void **state)
{
    (void)state;
    assert_refused(pp_cpuprofile_read, "{\"samples\":[1]}", "no \"nodes\"");
    assert_refused(pp_cpuprofile_read, NODES ",\"samples\":[9]}", "node 9, which is not there");
    assert_refused(
        pp_cpuprofile_read,
        "{\"nodes\":[{\"id\":1,\"children\":[2]},{\"id\":2,\"children\":[1]}],\"samples\":[1]}",
        "above itself");
    assert_refused(pp_cpuprofile_read, "{\"nodes\":[{\"id\":1},{\"id\":1}]}", "two nodes");
    assert_refused(pp_cpuprofile_read, "{\"nodes\":[{\"id\":1,\"children\":[{\"id\":2}]}]}",
                   "nodes within nodes");
    assert_refused(pp_cpuprofile_read, "{\"nodes\":[{}]}", "without an id");
}

/* ---- Firefox ---- */

#define TABLES                                                                      \
    "\"stackTable\":{\"length\":3,\"prefix\":[null,0,0],\"frame\":[0,1,2]},"        \
    "\"frameTable\":{\"func\":[0,1,1],\"line\":[null,7,8]},"                        \
    "\"funcTable\":{\"name\":[1,2],\"fileName\":[null,0],\"lineNumber\":[null,5]}," \
    "\"stringArray\":[\"a.js\",\"main\",\"work\"]"
#define META "\"meta\":{\"interval\":2,\"preprocessedProfileVersion\":50}"

/* Tables of each thread, or shared by all, wherever they stand; a sample is worth the interval. */
static void test_firefox(void **state)
{
    static const char *const texts[] = {
        "{" META
        ",\"threads\":[{\"name\":\"Main\",\"tid\":5,\"samples\":{\"stack\":[1,2,null,0]}," TABLES
        "}]}",
        "{\"threads\":[{\"name\":\"Main\",\"tid\":\"5\",\"samples\":{\"stack\":[1,2,null,0],\"weight\":[1,1,1,1],"
        "\"weightType\":\"samples\"}}],\"shared\":{" TABLES "}," META "}",
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct pprofc_profile *profile = read_text(pp_firefox_read, texts[i]);
        assert_int_equal(pp_format_of_bytes(texts[i], strlen(texts[i])), PP_FORMAT_FIREFOX);
        assert_folded(profile, 0, "main;work 2\nmain 1\n");
        assert_folded(profile, 1, "main;work 4000000\nmain 2000000\n");
        assert_non_null(strstr(profile->strings[profile->comments[0]], "1 samples had no stack"));
        assert_int_equal(profile->n_samples, 3); /* two lines of work() */
        pprofc_profile_free(profile);
    }
}

/* Weights that are times. */
static void test_firefox_tracing(void **state)
{
    struct pprofc_profile *profile =
        read_text(pp_firefox_read,
                  "{" META ",\"threads\":[{\"samples\":{\"stack\":[1,0],\"weight\":[0.5,1.25],"
                  "\"weightType\":\"tracing-ms\"}," TABLES "}]}");

    (void)state;
    assert_folded(profile, 0, "main;work 1\nmain 1\n");
    assert_folded(profile, 1, "main;work 500000\nmain 1250000\n");
    pprofc_profile_free(profile);
}

static void test_firefox_refusals(void **state)
{
    (void)state;
    assert_refused(pp_firefox_read, "{\"meta\":{\"version\":9},\"threads\":[]}",
                   "profiler.firefox.com");
    assert_refused(pp_firefox_read, "{" META ",\"threads\":[{\"samples\":{\"schema\":{}}}]}",
                   "profiler.firefox.com");
    assert_refused(pp_firefox_read,
                   "{" META ",\"threads\":[{\"samples\":{\"stack\":[3]}," TABLES "}]}",
                   "a stack that is not there");
    assert_refused(
        pp_firefox_read,
        "{" META
        ",\"threads\":[{\"stackTable\":{\"prefix\":[0],\"frame\":[0]},\"frameTable\":{\"func\":[0]}}]}",
        "does not stand before it");
    assert_refused(pp_firefox_read, "{" META ",\"threads\":[{\"stackTable\":{\"frame\":[0]}}]}",
                   "without a prefix");
    assert_refused(pp_firefox_read,
                   "{" META ",\"threads\":[{\"stackTable\":{\"prefix\":[null],\"frame\":[0]}}]}",
                   "a frame that is not there");
}

/* ---- CSV ---- */

/* A function a line, hottest first; names cannot break a line or be a formula. */
static void test_csv(void **state)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    struct pprofc_profile *profile = pp_profile_new();
    static const char *const names[] = {"main", "f(int, \"x\")", "=1+1"};
    pp_id node = 0;

    (void)state;
    assert_int_equal(pp_profile_add_type(profile, "cpu", "nanoseconds"), 0);
    for (int64_t i = 0; i < 3; i++) {
        const int64_t value = i + 1;
        node = pp_profile_child(profile, node,
                                pp_profile_named_location(profile, names[i], strlen(names[i])));
        pp_profile_add(profile, node, 0, 0, &value);
    }
    assert_int_equal(pp_csv_write(profile, 0, &out, NULL), 0);
    pp_buffer_append(&out, "", 1);
    assert_string_equal(out.bytes,
                        "function,file,line,module,flat_nanoseconds,flat_percent,cum_nanoseconds,"
                        "cum_percent,flat_samples,cum_samples\n"
                        "\"'=1+1\",,0,,3,50.0000,3,50.0000,1,1\n"
                        "\"f(int, \"\"x\"\")\",,0,,2,33.3333,5,83.3333,1,2\n"
                        "main,,0,,1,16.6667,6,100.0000,1,3\n");
    assert_int_equal(pp_csv_write(profile, 1, &out, NULL), -EINVAL);
    pprofc_profile_free(profile);
}

/* What a format has no room for is said of what is there, and of nothing else. */
static void test_leaves_out(void **state)
{
    struct pprofc_profile *profile = pp_profile_new();
    const struct pp_label label = {.key = pp_profile_text(profile, "k"), .number = 1};
    const int64_t values[] = {1, 1};
    char line[128];

    (void)state;
    (void)pp_profile_add_type(profile, "samples", "count");
    pp_profile_add(profile, 0, 0, 0, values);
    pp_format_leaves_out(profile, PP_FORMAT_FOLDED, line, sizeof line);
    assert_string_equal(line, "");
    (void)pp_profile_add_type(profile, "cpu", "nanoseconds");
    pp_profile_add(profile, 0, pp_profile_label_set(profile, &label, 1), 0, values);
    pp_format_leaves_out(profile, PP_FORMAT_FOLDED, line, sizeof line);
    assert_string_equal(line, "other sample types and labels");
    pp_format_leaves_out(profile, PP_FORMAT_SPEEDSCOPE, line, sizeof line);
    assert_string_equal(line, "labels");
    pp_format_leaves_out(profile, PP_FORMAT_PPROF, line, sizeof line);
    assert_string_equal(line, "");
    (void)pp_profile_named_location(profile, "Lorg/Main;::run", 15);
    pp_format_leaves_out(profile, PP_FORMAT_FOLDED, line, sizeof line);
    assert_string_equal(line, "other sample types, labels and semicolons in names");
    pprofc_profile_free(profile);
}

/* A profile without a sample is one of each format, too. */
static void test_empty(void **state)
{
    static const enum pp_format formats[] = {PP_FORMAT_SPEEDSCOPE, PP_FORMAT_OTLP, PP_FORMAT_CSV};
    struct pprofc_profile *profile = pp_profile_new();

    (void)state;
    assert_int_equal(pp_profile_add_type(profile, "cpu", "nanoseconds"), 0);
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
        struct pprofc_profile *again = NULL;
        assert_int_equal(pp_encode_profile(profile, formats[i], 0, &out, NULL), 0);
        assert_true(out.n_bytes > 0);
        if (formats[i] == PP_FORMAT_CSV)
            continue;
        assert_int_equal(formats[i] == PP_FORMAT_OTLP
                             ? pp_otlp_read(out.bytes, out.n_bytes, "x", &again, NULL)
                             : pp_speedscope_read(out.bytes, out.n_bytes, "x", &again, NULL),
                         0);
        assert_int_equal(again->n_types, 1);
        assert_int_equal(again->n_samples, 0);
        pprofc_profile_free(again);
    }
    pprofc_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpuprofile),       cmocka_unit_test(test_cpuprofile_refusals),
        cmocka_unit_test(test_firefox),          cmocka_unit_test(test_firefox_tracing),
        cmocka_unit_test(test_firefox_refusals), cmocka_unit_test(test_csv),
        cmocka_unit_test(test_leaves_out),       cmocka_unit_test(test_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
