/* Profiles of real programs and tools.  The corpus lies beside the checkout, in ../shared/corpus;
 * its README says what the totals are, as other tools measured them.  Without it these tests are
 * skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "formats/encode.h"
#include "formats/formats.h"
#include "profile/top.h"
#include "random_profile.h"

static char corpus[4096];

/* PPROFC_TEST_CORPUS is where the build says it is. */
static bool has_corpus(void)
{
    const char *given = getenv("PPROFC_TEST_CORPUS");
    char path[4200];

    (void)snprintf(corpus, sizeof corpus, "%s", given != NULL ? given : "../shared/corpus");
    (void)snprintf(path, sizeof path, "%s/README.md", corpus);
    return access(path, R_OK) == 0;
}

static struct pprofc_profile *read_profile(const char *path)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err = {.message = ""};
    enum pp_format format;
    int failed = pp_file_read(path, &bytes, &err);

    if (failed == 0) {
        format = pp_format_of_bytes(bytes.bytes, bytes.n_bytes);
        if (format == PP_FORMAT_FOLDED)
            failed = pp_folded_read(bytes.bytes, bytes.n_bytes, path, &profile, &err);
        else if (format == PP_FORMAT_PPROF || format == PP_FORMAT_PPROF_RAW)
            failed = pp_pprof_read(bytes.bytes, bytes.n_bytes, path, &profile, &err);
        else if (format == PP_FORMAT_SPEEDSCOPE)
            failed = pp_speedscope_read(bytes.bytes, bytes.n_bytes, path, &profile, &err);
        else if (format == PP_FORMAT_OTLP)
            failed = pp_otlp_read(bytes.bytes, bytes.n_bytes, path, &profile, &err);
        else if (format == PP_FORMAT_OTLP_JSON)
            failed = pp_otlp_json_read(bytes.bytes, bytes.n_bytes, path, &profile, &err);
        else if (format == PP_FORMAT_FIREFOX)
            failed = pp_firefox_read(bytes.bytes, bytes.n_bytes, path, &profile, &err);
        else
            return NULL; /* a format for another day */
    }
    if (failed != 0)
        fail_msg("%s", err.message);
    return profile;
}

/* Read, written, read: the same, and written again the same bytes. */
static void assert_round_trip(const struct pprofc_profile *profile, const char *path)
{
    pp_autobuffer struct pp_buffer first = PP_BUFFER_INIT, second = PP_BUFFER_INIT;
    struct pprofc_profile *again = NULL;
    const char *difference;

    assert_int_equal(pp_pprof_write(profile, true, &first, NULL), 0);
    assert_int_equal(pp_pprof_read(first.bytes, first.n_bytes, path, &again, NULL), 0);
    difference = profile_difference(profile, again);
    if (difference != NULL)
        fail_msg("%s: %s", path, difference);
    assert_int_equal(pp_pprof_write(again, true, &second, NULL), 0);
    assert_int_equal(first.n_bytes, second.n_bytes);
    assert_memory_equal(first.bytes, second.bytes, first.n_bytes);
    pprofc_profile_free(again);
}

/* ---- other formats ---- */

struct pair {
    int64_t flat, cum;
};

static int order_pairs(const void *left, const void *right)
{
    const struct pair *a = left, *b = right;

    return a->cum != b->cum ? (a->cum > b->cum) - (a->cum < b->cum)
                            : (a->flat > b->flat) - (a->flat < b->flat);
}

/* What each function name has, without their names, which a format may have to write otherwise, and
 * without those that have nothing. */
static uint32_t pairs_of(const struct pprofc_profile *profile, uint32_t type, struct pair **pairs)
{
    struct pp_top top;
    uint32_t n = 0;

    assert_int_equal(pp_top_make(profile, type, PP_BY_NAME, &top, NULL), 0);
    *pairs = calloc((size_t)top.n_rows + 1, sizeof **pairs);
    assert_non_null(*pairs);
    for (uint32_t i = 0; i < top.n_rows; i++)
        if (top.rows[i].flat != 0 || top.rows[i].cum != 0)
            (*pairs)[n++] = (struct pair){top.rows[i].flat, top.rows[i].cum};
    qsort(*pairs, n, sizeof **pairs, order_pairs);
    pp_top_done(&top);
    return n;
}

static bool has_stackless_sample(const struct pprofc_profile *profile)
{
    for (uint32_t i = 0; i < profile->n_samples; i++)
        if (profile->sample_stack[i] == 0)
            return true;
    return false;
}

/* Written in a format and read as whatever it is taken for: the same total and functions. */
static void assert_survives(const struct pprofc_profile *profile, enum pp_format format,
                            const char *path)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    const uint32_t type = profile->default_type;
    struct pair *before, *after;
    struct pprofc_profile *again = NULL;
    char name[] = "/tmp/pprofc-test-corpus.XXXXXX";
    struct pprofc_error err;
    uint32_t n_before, n_after;

    assert_int_equal(pp_encode_profile(profile, format, type, &bytes, &err), 0);
    if (bytes.n_bytes == 0)
        return; /* all values are 0 */
    close(mkstemp(name));
    assert_int_equal(pp_file_write(name, bytes.bytes, bytes.n_bytes, true, &err), 0);
    if (pprofc_profile_read(name, &again, &err) != 0)
        fail_msg("%s as format %d: %s", path, (int)format, err.message);
    (void)unlink(name);
    n_before = pairs_of(profile, type, &before);
    n_after = pairs_of(again, again->default_type, &after);
    if (pp_profile_total(profile, type) != pp_profile_total(again, again->default_type) ||
        (!has_stackless_sample(profile) &&
         (n_before != n_after || memcmp(before, after, n_before * sizeof *before) != 0)))
        fail_msg("%s as format %d: other totals", path, (int)format);
    free(before);
    free(after);
    pprofc_profile_free(again);
}

static bool has_negative_values(const struct pprofc_profile *profile)
{
    for (size_t i = 0; i < (size_t)profile->n_samples * profile->n_types; i++) {
        if (profile->sample_values[i] < 0)
            return true;
    }
    return false;
}

/* Nothing is more than the whole, in any grouping: recursion counts once.  (Differences of
 * profiles, with their negative values, promise nothing.) */
static void assert_nothing_beyond_total(const struct pprofc_profile *profile, const char *path)
{
    if (has_negative_values(profile))
        return;
    for (enum pp_group group = PP_BY_FUNCTION; group <= PP_BY_THREAD; group++) {
        struct pp_top top;
        int64_t flat = 0;
        assert_int_equal(pp_top_make(profile, profile->default_type, group, &top, NULL), 0);
        for (uint32_t i = 0; i < top.n_rows; i++) {
            if (top.rows[i].cum > top.total || top.rows[i].flat > top.rows[i].cum)
                fail_msg("%s: %s has flat %" PRId64 " and cum %" PRId64 " of %" PRId64, path,
                         top.rows[i].name, top.rows[i].flat, top.rows[i].cum, top.total);
            flat += top.rows[i].flat;
        }
        assert_true(flat <= top.total);
        pp_top_done(&top);
    }
}

/* ---- the README's rows ---- */

/* "| profile1.pb.gz (7869) | path there | what | .. types[samples/count] .. totals=[48, 480000000]
 * .. |" */
struct row {
    char path[4600];
    int64_t totals[PP_MAX_TYPES];
    uint32_t n_totals;
};

static bool parse_row(const char *line, const char *folder, struct row *row)
{
    const char *space = strstr(line, " (");
    const char *totals = strstr(line, "totals=[");

    if (strncmp(line, "| ", 2) != 0 || space == NULL || totals == NULL)
        return false;
    (void)snprintf(row->path, sizeof row->path, "%s/%s%.*s", corpus, folder,
                   (int)(space - line - 2), line + 2);
    row->n_totals = 0;
    for (totals += strlen("totals=["); *totals != ']' && row->n_totals < PP_MAX_TYPES;) {
        char *end;
        row->totals[row->n_totals++] = strtoll(totals, &end, 10);
        totals = end + strspn(end, ", ");
    }
    return true;
}

static bool check_row(const struct row *row)
{
    struct pprofc_profile *profile = read_profile(row->path);

    if (profile == NULL)
        return false;
    if (profile->n_types != row->n_totals)
        fail_msg("%s: %u types, not %u", row->path, profile->n_types, row->n_totals);
    for (uint32_t type = 0; type < row->n_totals; type++) {
        if (pp_profile_total(profile, type) != row->totals[type])
            fail_msg("%s: total %" PRId64 ", not %" PRId64, row->path,
                     pp_profile_total(profile, type), row->totals[type]);
    }
    assert_round_trip(profile, row->path);
    assert_survives(profile, PP_FORMAT_FOLDED, row->path);
    assert_survives(profile, PP_FORMAT_OTLP, row->path);
    if (!has_negative_values(profile))
        assert_survives(profile, PP_FORMAT_SPEEDSCOPE, row->path);
    assert_nothing_beyond_total(profile, row->path);
    pprofc_profile_free(profile);
    return true;
}

/* Every pprof file of the corpus is read with the totals that pprof itself found, and survives a
 * round trip in each format. */
static void test_readme_totals(void **state)
{
    pp_autofree char *line = NULL;
    char path[4200], folder[256] = "";
    size_t capacity = 0;
    int n_checked = 0, n_other = 0;

    (void)state;
    (void)snprintf(path, sizeof path, "%s/README.md", corpus);
    pp_autoclose FILE *readme = fopen(path, "re");
    assert_non_null(readme);
    while (getline(&line, &capacity, readme) > 0) {
        struct row row;
        if (strncmp(line, "## ", 3) == 0)
            (void)snprintf(folder, sizeof folder, "%.*s", (int)strcspn(line + 3, " "), line + 3);
        if (!parse_row(line, folder, &row))
            continue;
        if (check_row(&row))
            n_checked++;
        else
            n_other++;
    }
    print_message("%d files have the right totals; %d are of formats not read yet\n", n_checked,
                  n_other);
    assert_true(n_checked >= 48);
}

/* ---- single files ---- */

static struct pprofc_profile *read_corpus(const char *name)
{
    char path[4600];

    (void)snprintf(path, sizeof path, "%s/%s", corpus, name);
    return read_profile(path);
}

static int64_t cum_of(const struct pprofc_profile *profile, const char *name)
{
    struct pp_top top;
    int64_t cum = -1;

    assert_int_equal(pp_top_make(profile, 0, PP_BY_FUNCTION, &top, NULL), 0);
    for (uint32_t i = 0; i < top.n_rows; i++) {
        if (strcmp(top.rows[i].name, name) == 0)
            cum = top.rows[i].cum;
    }
    pp_top_done(&top);
    return cum;
}

/* a and b call each other: of 10 samples none counts twice (9 pass through a, 9 through b). */
static void test_recursion(void **state)
{
    struct pprofc_profile *profile;

    (void)state;
    profile = read_corpus("speedscope/stackcollapse/recursion.txt");
    assert_int_equal(pp_profile_total(profile, 0), 10);
    assert_int_equal(cum_of(profile, "a"), 9);
    assert_int_equal(cum_of(profile, "b"), 9);
    assert_nothing_beyond_total(profile, "recursion.txt");
    pprofc_profile_free(profile);
}

/* The same stacks in four spellings, with comments and garbage in one of them, are the same profile
 * of 14. */
static void test_spellings(void **state)
{
    static const char *const names[] = {"simple-crlf.txt", "simple-utf16-le.txt",
                                        "simple-with-invalids.txt"};
    struct pprofc_profile *plain;

    (void)state;
    plain = read_corpus("speedscope/stackcollapse/simple.txt");
    assert_int_equal(pp_profile_total(plain, 0), 14);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        pp_autobuffer struct pp_buffer wanted = PP_BUFFER_INIT, got = PP_BUFFER_INIT;
        char name[128];
        struct pprofc_profile *other;
        (void)snprintf(name, sizeof name, "speedscope/stackcollapse/%s", names[i]);
        other = read_corpus(name);
        assert_int_equal(pp_folded_write(plain, 0, &wanted, NULL), 0);
        assert_int_equal(pp_folded_write(other, 0, &got, NULL), 0);
        assert_int_equal(got.n_bytes, wanted.n_bytes);
        assert_memory_equal(got.bytes, wanted.bytes, wanted.n_bytes);
        pprofc_profile_free(other);
    }
    pprofc_profile_free(plain);
}

/* Folded files of other tools have the totals that the README's reader found, bad lines left out.
 */
static void test_folded_totals(void **state)
{
    static const struct {
        const char *name;
        int64_t total;
    } files[] = {
        {"pprofutils/folded.in.txt", 12},
        {"FlameGraph/results/perf-iperf-stacks-pidtid-01-collapsed-all.txt", 200},
        {"inferno/flamegraph/bad-lines/bad-lines.txt", 607},
        {"inferno/flamegraph/colors/async-profiler-collapsed-part.txt", 3279},
        {"inferno/flamegraph/flamechart/flames.txt", 598400},
        {"inferno/flamegraph/narrow-blocks/narrow-blocks.txt", 386001},
        {"inferno/flamegraph/fractional-samples/no-fractionals.txt", 333},
        {"inferno/diff-folded/bad_before.txt", 54},
        {"inferno/flamegraph/austin/flames.txt",
         291}, /* 24264 with its lines "# interval: 100" and "# duration: 23873" */
    };

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct pprofc_profile *profile = read_corpus(files[i].name);
        if (profile == NULL || pp_profile_total(profile, 0) != files[i].total)
            fail_msg("%s: %" PRId64, files[i].name,
                     profile != NULL ? pp_profile_total(profile, 0) : -1);
        pprofc_profile_free(profile);
    }
}

static uint32_t count_threads(const struct pprofc_profile *profile)
{
    uint32_t n_threads = 0;

    for (pp_id set = 1; set < profile->n_label_sets; set++) {
        bool is_used = false;
        for (uint32_t i = 0; i < profile->n_samples; i++)
            is_used |= profile->sample_labels[i] == set;
        n_threads += is_used;
    }
    return n_threads;
}

/* speedscope's files, of each version, have the totals that can be added up by hand; several
 * profiles of one unit are threads. */
static void test_speedscope_totals(void **state)
{
    static const struct {
        const char *name;
        int64_t total;
        uint32_t n_threads;
    } files[] = {
        {"speedscope/speedscope/0.0.1/simple-no-pretty-print.speedscope.json", 14, 0},
        {"speedscope/speedscope/0.0.1/simple.speedscope.json", 14, 0},
        {"speedscope/speedscope/0.1.2/simple-sampled.speedscope.json", 14000000000, 0},
        {"speedscope/speedscope/0.6.0/two-sampled.speedscope.json", 28000000000, 2},
        {"speedscope/speedscope/invalid/incomplete-trace.json", 100, 0},
        {"pyroscope/og/convert/speedscope/testdata/simple.speedscope.json", 14, 0},
        {"pyroscope/og/convert/speedscope/testdata/two-sampled-bytes.speedscope.json", 28, 2},
        {"pyroscope/og/convert/speedscope/testdata/two-sampled.speedscope.json", 28000000000, 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct pprofc_profile *profile = read_corpus(files[i].name);
        if (profile == NULL || profile->n_types != 1 ||
            pp_profile_total(profile, 0) != files[i].total ||
            count_threads(profile) != files[i].n_threads)
            fail_msg("%s: %" PRId64, files[i].name,
                     profile != NULL ? pp_profile_total(profile, 0) : -1);
        assert_round_trip(profile, files[i].name);
        assert_nothing_beyond_total(profile, files[i].name);
        pprofc_profile_free(profile);
    }
}

/* A real message of OpenTelemetry's profiler says the same in protobuf and in JSON, with the totals
 * that were added up from its JSON by hand, and the processes as labels. */
static void test_otlp(void **state)
{
    struct pprofc_profile *binary, *json;
    const char *difference;

    (void)state;
    binary = read_corpus("pyroscope/test/integration/testdata/otel-ebpf-profile.pb.bin");
    json = read_corpus("pyroscope/test/integration/testdata/otel-ebpf-profile.pb.json");
    assert_non_null(binary);
    assert_non_null(json);
    difference = profile_difference(binary, json);
    if (difference != NULL)
        fail_msg("protobuf and JSON: %s", difference);
    assert_int_equal(binary->n_types, 2);
    assert_true(pp_profile_total(binary, pp_profile_find_type(binary, "off_cpu", NULL)) ==
                267302249331);
    assert_int_equal(pp_profile_total(binary, pp_profile_find_type(binary, "samples", NULL)), 10);
    assert_round_trip(binary, "otel-ebpf-profile.pb.bin");
    pprofc_profile_free(binary);
    pprofc_profile_free(json);
}

/* Processed profiles of Firefox: 7 samples of each thread of 1 ms; what the browser itself sends is
 * refused with what to do. */
static void test_firefox(void **state)
{
    static const char *const names[] = {"firefox-profiler/processed-2.json",
                                        "firefox-profiler/processed-3.json"};
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;
    char path[4600];

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        profile = read_corpus(names[i]);
        assert_non_null(profile);
        assert_int_equal(pp_profile_total(profile, 0), 21);
        assert_int_equal(pp_profile_total(profile, 1), 21000000);
        assert_nothing_beyond_total(profile, names[i]);
        pprofc_profile_free(profile);
    }
    profile = NULL;
    (void)snprintf(path, sizeof path, "%s/firefox-profiler/gecko-1.json", corpus);
    assert_int_equal(pp_file_read(path, &bytes, NULL), 0);
    assert_true(pp_firefox_read(bytes.bytes, bytes.n_bytes, "gecko", &profile, &err) < 0);
    assert_non_null(strstr(err.message, "profiler.firefox.com"));
}

/* A function id of 0, which the format reserves, is refused as google/pprof refuses it. */
static void test_refused(void **state)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;
    char path[4600];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/pyroscope/og/convert/pprof/testdata/dotnet-pprof-3.pb.gz",
                   corpus);
    assert_int_equal(pp_file_read(path, &bytes, NULL), 0);
    assert_true(pp_pprof_read(bytes.bytes, bytes.n_bytes, "dotnet", &profile, &err) < 0);
    assert_non_null(strstr(err.message, "function with reserved id 0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readme_totals), cmocka_unit_test(test_recursion),
        cmocka_unit_test(test_spellings),     cmocka_unit_test(test_folded_totals),
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_speedscope_totals),
        cmocka_unit_test(test_otlp),          cmocka_unit_test(test_firefox),
    };

    if (!has_corpus()) {
        print_message("skipped: there is no corpus at '%s'\n", corpus);
        return 77; /* what Meson counts as skipped */
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
