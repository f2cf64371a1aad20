/* Every operation on profiles with its n-th allocation failing, for every n: it says so, leaves its
 * outputs alone and loses no memory (run under AddressSanitizer).  The linker sends the allocations
 * of our code to the wrappers here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/bench_times.h"
#include "formats/formats.h"
#include "formats/google_benchmark.h"
#include "formats/lines.h"
#include "base/error.h"
#include "profile/filter_tags.h"
#include "profile/runs.h"
#include "profile/top.h"
#include "random_profile.h"
#include "views/call_table.h"
#include "views/callgrind_view.h"
#include "views/dot_view.h"
#include "views/sample_views.h"
#include "views/source_view.h"
#include "views/top_table.h"

static long n_left = -1; /* allocations until one fails; negative: none does */

static bool may_allocate(void)
{
    return n_left < 0 || n_left-- > 0;
}

void *__real_malloc(size_t n_bytes);
void *__real_calloc(size_t n_items, size_t n_bytes);
void *__real_realloc(void *old, size_t n_bytes);
void *__real_reallocarray(void *old, size_t n_items, size_t n_bytes);
void *__wrap_malloc(size_t n_bytes);
void *__wrap_calloc(size_t n_items, size_t n_bytes);
void *__wrap_realloc(void *old, size_t n_bytes);
void *__wrap_reallocarray(void *old, size_t n_items, size_t n_bytes);

void *__wrap_malloc(size_t n_bytes)
{
    return may_allocate() ? __real_malloc(n_bytes) : NULL;
}

void *__wrap_calloc(size_t n_items, size_t n_bytes)
{
    return may_allocate() ? __real_calloc(n_items, n_bytes) : NULL;
}

void *__wrap_realloc(void *old, size_t n_bytes)
{
    return may_allocate() ? __real_realloc(old, n_bytes) : NULL;
}

void *__wrap_reallocarray(void *old, size_t n_items, size_t n_bytes)
{
    return may_allocate() ? __real_reallocarray(old, n_items, n_bytes) : NULL;
}

/* ---- the operations.  Each returns what the call under test returned. ---- */

static struct pprofc_profile *source;
static struct pp_buffer pprof, pprof_gz, folded, utf16, speedscope, otlp;

static int read_pprof(struct pprofc_error *err)
{
    struct pprofc_profile *profile = NULL;
    const int failed = pp_pprof_read(pprof.bytes, pprof.n_bytes, "x", &profile, err);

    assert_true((failed == 0) == (profile != NULL));
    pprofc_profile_free(profile);
    return failed;
}

static int read_pprof_gz(struct pprofc_error *err)
{
    struct pprofc_profile *profile = NULL;
    const int failed = pp_pprof_read(pprof_gz.bytes, pprof_gz.n_bytes, "x", &profile, err);

    assert_true((failed == 0) == (profile != NULL));
    pprofc_profile_free(profile);
    return failed;
}

static int read_folded(struct pprofc_error *err)
{
    struct pprofc_profile *profile = NULL;
    const int failed = pp_folded_read(folded.bytes, folded.n_bytes, "x", &profile, err);

    assert_true((failed == 0) == (profile != NULL));
    pprofc_profile_free(profile);
    return failed;
}

static int read_utf16(struct pprofc_error *err)
{
    struct pprofc_profile *profile = NULL;
    const int failed = pp_folded_read(utf16.bytes, utf16.n_bytes, "x", &profile, err);

    assert_true((failed == 0) == (profile != NULL));
    pprofc_profile_free(profile);
    return failed;
}

static int read_with(int (*read)(const void *bytes, size_t n_bytes, const char *name,
                                 struct pprofc_profile **profile_out, struct pprofc_error *err),
                     const void *bytes, size_t n_bytes, struct pprofc_error *err)
{
    struct pprofc_profile *profile = NULL;
    const int failed = read(bytes, n_bytes, "x", &profile, err);

    assert_true((failed == 0) == (profile != NULL));
    pprofc_profile_free(profile);
    return failed;
}

static int read_speedscope(struct pprofc_error *err)
{
    return read_with(pp_speedscope_read, speedscope.bytes, speedscope.n_bytes, err);
}

static int read_otlp(struct pprofc_error *err)
{
    return read_with(pp_otlp_read, otlp.bytes, otlp.n_bytes, err);
}

static int read_otlp_json(struct pprofc_error *err)
{
    static const char text[] =
        "{\"resourceProfiles\":[{\"resource\":{\"attributes\":[{\"key\":\"k\",\"value\":"
        "{\"stringValue\":\"\\u00e9\"}}]},\"scopeProfiles\":[{\"profiles\":[{\"samples\":[{"
        "\"stackIndex\":1,\"values\":[1],\"attributeIndices\":[1]}]}]}]}],\"dictionary\":{"
        "\"stringTable\":[\"\",\"a\"],\"mappingTable\":[{},{\"filenameStrindex\":1}],"
        "\"functionTable\":[{},{\"nameStrindex\":1}],\"locationTable\":[{},{\"mappingIndex\":1,"
        "\"lines\":[{\"functionIndex\":1}]}],\"stackTable\":[{},{\"locationIndices\":[1]}],"
        "\"linkTable\":[{}],\"attributeTable\":[{},{\"keyStrindex\":1,\"value\":{\"intValue\":\"3\"}}]}}";

    return read_with(pp_otlp_json_read, text, sizeof text - 1, err);
}

static int read_cpuprofile(struct pprofc_error *err)
{
    static const char text[] =
        "{\"nodes\":[{\"id\":1,\"callFrame\":{\"functionName\":\"\\n\"},"
        "\"children\":[2]},{\"id\":2,\"callFrame\":{\"functionName\":\"f\"}}],"
        "\"samples\":[1,2,2],\"timeDeltas\":[1,2,3]}";

    return read_with(pp_cpuprofile_read, text, sizeof text - 1, err);
}

static int read_firefox(struct pprofc_error *err)
{
    static const char text[] =
        "{\"meta\":{\"preprocessedProfileVersion\":50},\"threads\":[{\"name\":\"\\t\",\"tid\":1,"
        "\"samples\":{\"stack\":[0,1,null]},\"stackTable\":{\"prefix\":[null,0],\"frame\":[0,0]},"
        "\"frameTable\":{\"func\":[0]},\"funcTable\":{\"name\":[0]},\"stringArray\":[\"main\"]}]}";

    return read_with(pp_firefox_read, text, sizeof text - 1, err);
}

static int write_speedscope(struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;

    return pp_speedscope_write(source, &out, err);
}

static int write_speedscope_by(struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;

    return pp_speedscope_write_by(source, 0, PP_BY_THREAD, NULL, &out, err);
}

static int part_runs(struct pprofc_error *err)
{
    struct pprofc_profile *parts[2] = {NULL, NULL}, *sum = pp_profile_new();
    struct pprofc_profile *runs[2] = {source, source};
    int failed =
        sum == NULL ? pp_fail(err, -ENOMEM, 0, "no memory") : pp_runs_join(sum, runs, 2, err);

    if (failed == 0) {
        failed = pp_runs_part(sum, 2, parts, err);
        assert_true((failed == 0) == (parts[0] != NULL && parts[1] != NULL));
    }
    pprofc_profile_free(parts[0]);
    pprofc_profile_free(parts[1]);
    pprofc_profile_free(sum);
    return failed;
}

static int read_bench_times(struct pprofc_error *err)
{
    static const char text[] =
        "{\"pprofc_bench\":1,\"case\":\"\\u00e9\",\"command\":\"a\",\"machine\":\"b\","
        "\"wall_seconds\":[1,2],\"cpu_seconds\":[1,2],\"spin_wall_seconds\":[1,2],"
        "\"spin_cpu_seconds\":[1,2],\"empty_wall_seconds\":[1,2],\"empty_cpu_seconds\":[1,2]}";
    struct pp_bench_times times = {.name = NULL};
    const int failed = pp_bench_times_read(text, sizeof text - 1, "x", &times, err);

    assert_true((failed == 0) == (times.name != NULL));
    pp_bench_times_done(&times);
    return failed;
}

static int read_google_benchmark(struct pprofc_error *err)
{
    static const char text[] =
        "{\"benchmarks\":[{\"time_unit\":\"\\u006ds\",\"real_time\":1,\"cpu_time\":1}]}";
    struct pp_google_times times;

    return pp_google_benchmark_read(text, sizeof text - 1, "x", &times, err);
}

static int write_otlp(struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;

    return pp_otlp_write(source, &out, err);
}

static int write_csv(struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;

    return pp_csv_write(source, 0, &out, err);
}

static int read_perf_script(struct pprofc_error *err)
{
    static const char text[] =
        "# cmdline : perf record ./app\n"
        "app 1/7 9.5: 3 cycles:\n\t4f2 in (inlined)\n in.h:3\n"
        "\t4f2 _ZN3foo3barEv+0x1 (/a)\n\t5f2 main (/a)\n\n"
        "app 1/8 9.6: 3 instructions:\n\t4f2 La->Lb (/tmp/perf-1.map)\nskipped\n";
    struct pprofc_profile *profile = NULL;
    struct pp_lines lines;
    int failed;

    pp_lines_of_bytes(&lines, text, sizeof text - 1);
    failed = pp_perf_script_read(&lines, "x", &profile, err);
    assert_true((failed == 0) == (profile != NULL));
    pprofc_profile_free(profile);
    return failed;
}

static int read_legacy(const void *bytes, size_t n_bytes, struct pprofc_error *err)
{
    struct pprofc_profile *profile = NULL;
    const int failed = pp_legacy_read(bytes, n_bytes, "x", &profile, err);

    assert_true((failed == 0) == (profile != NULL));
    pprofc_profile_free(profile);
    return failed;
}

static int read_gperftools(struct pprofc_error *err)
{
    static const uint64_t words[] = {0, 3, 0, 10000, 0, 2, 3, 1, 9, 3, 1, 3, 1, 9, 4, 0, 1, 0};

    return read_legacy(words, sizeof words, err);
}

static int read_heap_text(struct pprofc_error *err)
{
    static const char text[] = "heap profile:  3: 30 [ 5: 50] @ heapz_v2/524288\n"
                               " 1: 10 [ 3: 30] @ 0x401001 0x402001\n#\t0x401000\tf+0x1\tf.c:3\n"
                               "MAPPED_LIBRARIES:\nb=/x\n00400000-00500000 r-xp 0 0:0 0 $b/app\n";

    return read_legacy(text, sizeof text - 1, err);
}

static int read_jemalloc(struct pprofc_error *err)
{
    static const char text[] =
        "heap_v2/1\n  t*: 1: 1 [0: 0]\n@ 0x1 0x2\n  t*: 1: 1 [0: 0]\nwords\n";

    return read_legacy(text, sizeof text - 1, err);
}

static int read_contention(struct pprofc_error *err)
{
    static const char text[] = "--- contention\ncycles/second=7\ndiscarded samples=1\n3 2 @ 0x1\n";

    return read_legacy(text, sizeof text - 1, err);
}

static int read_threads(struct pprofc_error *err)
{
    static const char text[] =
        "--- threadz 1 ---\n--- Thread 7 (name: a/1) stack: ---\n PC: 0x1: f\n";

    return read_legacy(text, sizeof text - 1, err);
}

static int read_counts(struct pprofc_error *err)
{
    static const char text[] = "goroutine profile: total 1\n1 @ 0x2\n#\t0x1\tf\tf.go:3\n";

    return read_legacy(text, sizeof text - 1, err);
}

static int read_java(struct pprofc_error *err)
{
    static const char text[] =
        "--- heapz 1 ---\nformat = java\nresolution = bytes\n 7 1 @ 0x3 0x4\n"
        " 0x3 f (F.java:12)\n";

    return read_legacy(text, sizeof text - 1, err);
}

static int read_odd_folded(struct pprofc_error *err)
{
    static const char text[] = "caf\xe9;b 1.5\ncaf\xe9;c 2\nno count\n";
    struct pprofc_profile *profile = NULL;
    const int failed = pp_folded_read(text, sizeof text - 1, "x", &profile, err);

    assert_true((failed == 0) == (profile != NULL));
    pprofc_profile_free(profile);
    return failed;
}

static int write_pprof(struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;

    return pp_pprof_write(source, true, &out, err);
}

static int write_slices(struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    int failed;

    source->slice_ns = 1;
    failed = pp_pprof_write(source, false, &out, err);
    source->slice_ns = 0;
    return failed;
}

static int write_folded(struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;

    return pp_folded_write(source, 0, &out, err);
}

static int write_json(struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;

    return pp_json_write(source, &out, err);
}

static int write_tables(struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    struct pp_top_table_options options = {.type = 0};
    int failed = 0;

    for (options.group = PP_BY_FUNCTION; options.group <= PP_BY_NAME && failed == 0;
         options.group++)
        failed = pp_top_table_write(source, &options, &out, err);
    return failed;
}

static int write_views(struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    const struct pp_call_table_options calls = {.wish = {.node_share = 0.01, .max_nodes = 5}};
    const struct pp_dot_options dot = {.wish = {.is_picture = true, .max_nodes = 7}};
    const struct pp_callgrind_options callgrind = {.wish = {.group = PP_BY_LINE}};
    const struct pp_callgrind_options tree = {.wish = {.is_tree = true, .max_nodes = 9}};
    const struct pp_view_scope scope = {.type = 0};
    int failed = pp_call_table_write(source, &calls, &out, err);

    if (failed == 0)
        failed = pp_dot_write(source, &dot, &out, err);
    if (failed == 0)
        failed = pp_callgrind_write(source, &callgrind, &out, err);
    if (failed == 0)
        failed = pp_callgrind_write(source, &tree, &out, err);
    if (failed == 0)
        failed = pp_traces_write(source, &scope, PP_BY_LINE, &out, err);
    if (failed == 0)
        failed = pp_tags_write(source, &scope, &out, err);
    return failed == 0 ? pp_raw_write(source, &out, err) : failed;
}

static int list_source(struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    struct pp_source_options options = {.source_path = "."};
    int failed = pp_pattern_new(".", PP_PATTERN_ANYWHERE, &options.pattern, err);

    if (failed == 0) {
        failed = pp_source_write(source, &options, &out, err);
        pp_pattern_free(options.pattern);
    }
    return failed == -ENOENT ? 0 : failed;
}

/* With all that a filter can have, on a copy; one that fails leaves a profile that can be used. */
static int filter_all(struct pprofc_profile *copy, struct pprofc_error *err)
{
    struct pp_filter filter = {
        .tag_root = "a,b", .tag_leaf = "thread_id", .without_inlines = true, .without_time = true};
    struct pp_pattern **const patterns[] = {&filter.drop,    &filter.ignore,    &filter.hide,
                                            &filter.show,    &filter.show_from, &filter.prune_from,
                                            &filter.tag_hide};
    static const char *const texts[] = {"[d-f].*", "^x[yz]$", "[0-3]$", ".", ".", "[7-9]", "[c-d]"};
    int failed = 0;

    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0] && failed == 0; i++)
        failed = pp_pattern_new(texts[i], PP_PATTERN_ANYWHERE, patterns[i], err);
    if (failed == 0)
        failed = pp_tag_filter_new("no such label.", &filter.tag_ignore, err);
    if (failed == 0)
        failed = pp_profile_filter(copy, &filter, NULL, err);
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++)
        pp_pattern_free(*patterns[i]);
    pp_tag_filter_free(filter.tag_ignore);
    return failed;
}

static int filter(struct pprofc_error *err)
{
    struct pprofc_profile *copy = pp_profile_new();
    int failed = -ENOMEM;

    if (copy != NULL)
        failed = pp_profile_merge(copy, source, err);
    else
        (void)snprintf(err->message, sizeof err->message, "no copy");
    if (failed == 0) {
        failed = filter_all(copy, err);
        assert_false(pp_profile_failed(copy));
        assert_int_equal(pp_profile_total(copy, 0), pp_profile_total(copy, 0));
    }
    pprofc_profile_free(copy);
    return failed;
}

static int merge(struct pprofc_error *err)
{
    struct pprofc_profile *sum = pp_profile_new();
    int failed = -ENOMEM;

    if (sum != NULL)
        failed = pp_profile_merge(sum, source, err);
    else
        err->message[0] = 'x'; /* its maker has no error to fill */
    if (failed == 0)
        failed = pp_profile_merge(sum, source, err);
    if (failed == 0)
        assert_true(pp_profile_total(sum, 0) == 2 * pp_profile_total(source, 0));
    pprofc_profile_free(sum);
    return failed;
}

/* A blocklist that fails leaves the profile as it was: the next attempt, with memory, does the same
 * as a first one. */
static int block(struct pprofc_error *err)
{
    const int64_t total = pp_profile_total(source, 0);
    const uint32_t n_samples = source->n_samples;
    const int failed = pp_profile_block(source, "f1,f2,f3", false, err);

    assert_true(pp_profile_total(source, 0) == total);
    if (failed != 0)
        assert_int_equal(source->n_samples, n_samples);
    assert_false(pp_profile_failed(source));
    return failed;
}

/* The same of samples left out; what fails leaves the copy as it was, which is new each time. */
static int block_and_drop(struct pprofc_error *err)
{
    struct pprofc_profile *copy = NULL;
    const long n_allowed = n_left;
    int64_t total;
    int failed;

    n_left = -1;
    assert_int_equal(pp_pprof_read(pprof.bytes, pprof.n_bytes, "x", &copy, NULL), 0);
    total = pp_profile_total(copy, 0);
    n_left = n_allowed;
    failed = pp_profile_block(copy, "f1,f2,f3", true, err);
    if (failed != 0)
        assert_true(pp_profile_total(copy, 0) == total && copy->quality.n_dropped == 0);
    pprofc_profile_free(copy);
    return failed;
}

static int write_file(struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer in = PP_BUFFER_INIT;
    int failed = pp_file_write("/dev/null", "x", 1, true, err);

    if (failed == 0)
        failed = pp_file_read("/dev/null", &in, err);
    return failed;
}

/* ---- the sweep ---- */

static int run(int (*operation)(struct pprofc_error *err), long n_allowed, struct pprofc_error *err)
{
    int failed;

    n_left = n_allowed;
    failed = operation(err);
    n_left = -1;
    return failed;
}

static long sweep(int (*operation)(struct pprofc_error *err))
{
    for (long n_allowed = 0; n_allowed < 100000; n_allowed++) {
        struct pprofc_error err = {.message = ""};
        const int failed = run(operation, n_allowed, &err);
        if (failed == 0)
            return n_allowed;
        assert_int_equal(failed, -ENOMEM);
        assert_true(err.message[0] != '\0');
    }
    return -1;
}

/* Wherever memory ends, each operation answers -ENOMEM with a message, and works again with memory.
 */
static void test_sweep(void **state)
{
    static const struct {
        const char *name;
        int (*operation)(struct pprofc_error *err);
    } operations[] = {
        {"read pprof", read_pprof},
        {"read pprof.gz", read_pprof_gz},
        {"read folded", read_folded},
        {"read UTF-16", read_utf16},
        {"read Latin-1 and fractions", read_odd_folded},
        {"read perf script", read_perf_script},
        {"read gperftools", read_gperftools},
        {"read heap text", read_heap_text},
        {"read jemalloc", read_jemalloc},
        {"read contention", read_contention},
        {"read threads", read_threads},
        {"read counts", read_counts},
        {"read java", read_java},
        {"read speedscope", read_speedscope},
        {"read OTLP", read_otlp},
        {"read OTLP in JSON", read_otlp_json},
        {"read cpuprofile", read_cpuprofile},
        {"read Firefox", read_firefox},
        {"speedscope by thread, write", write_speedscope_by},
        {"runs of a benchmark", part_runs},
        {"times of a benchmark", read_bench_times},
        {"Google Benchmark's JSON", read_google_benchmark},
        {"write speedscope", write_speedscope},
        {"write OTLP", write_otlp},
        {"write CSV", write_csv},
        {"write pprof", write_pprof},
        {"write slices", write_slices},
        {"write folded", write_folded},
        {"write json", write_json},
        {"write tables", write_tables},
        {"write views", write_views},
        {"list source", list_source},
        {"filter", filter},
        {"merge", merge},
        {"block", block},
        {"block and drop", block_and_drop},
        {"file", write_file},
    };

    (void)state;
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        const long n_allocations = sweep(operations[i].operation);
        print_message("%s: %ld allocations, each failed once\n", operations[i].name, n_allocations);
        assert_true(n_allocations > 0);
    }
}

/* The folded stacks, each byte a character. */
static int make_utf16(void)
{
    pp_buffer_text(&utf16, "\xff\xfe");
    for (size_t i = 0; i < folded.n_bytes; i++)
        pp_buffer_append(&utf16, (const char[]){folded.bytes[i], 0}, 2);
    return utf16.failed;
}

static int make_inputs(void **state)
{
    (void)state;
    source = make_random_profile(11);
    for (size_t i = 0; source != NULL && i < (size_t)source->n_samples * source->n_types; i++) {
        if (source->sample_values[i] < 0) /* which speedscope does not have */
            source->sample_values[i] = 1;
    }
    return source == NULL || pp_speedscope_write(source, &speedscope, NULL) != 0 ||
           pp_otlp_write(source, &otlp, NULL) != 0 ||
           pp_pprof_write(source, false, &pprof, NULL) != 0 ||
           pp_pprof_write(source, true, &pprof_gz, NULL) != 0 ||
           pp_folded_write(source, 0, &folded, NULL) != 0 || make_utf16() != 0;
}

static int free_inputs(void **state)
{
    (void)state;
    pprofc_profile_free(source);
    pp_buffer_done(&pprof);
    pp_buffer_done(&pprof_gz);
    pp_buffer_done(&folded);
    pp_buffer_done(&utf16);
    pp_buffer_done(&speedscope);
    pp_buffer_done(&otlp);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sweep)};

    return cmocka_run_group_tests(tests, make_inputs, free_inputs);
}
