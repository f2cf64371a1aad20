/* speedscope's JSON: what is read has the right stacks, units and totals, what is written is read
 * again as the same, and what is wrong is pointed at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "formats/formats.h"
#include "random_profile.h"

#define FRAMES \
    "\"shared\":{\"frames\":[{\"name\":\"a\"},{\"name\":\"b\",\"file\":\"b.c\",\"line\":7}]}"

static struct pprofc_profile *read_text(const char *text)
{
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err = {.message = ""};

    if (pp_speedscope_read(text, strlen(text), "x", &profile, &err) != 0)
        fail_msg("%s", err.message);
    return profile;
}

/* The folded stacks of a type. */
static void assert_folded(const struct pprofc_profile *profile, uint32_t type, const char *wanted)
{
    pp_autobuffer struct pp_buffer folded = PP_BUFFER_INIT;

    assert_int_equal(pp_folded_write(profile, type, &folded, NULL), 0);
    pp_buffer_append(&folded, "", 1);
    assert_string_equal(folded.bytes, wanted);
}

static const char *type_of(const struct pprofc_profile *profile, uint32_t type)
{
    static char text[128];

    (void)snprintf(text, sizeof text, "%s/%s", profile->strings[profile->types[type].type],
                   profile->strings[profile->types[type].unit]);
    return text;
}

/* Each unit is read as what it is; times become nanoseconds. */
static void test_units(void **state)
{
    static const struct {
        const char *unit, *type, *folded;
    } cases[] = {
        {"none", "samples/count", "a;b 2\na 5\n"},
        {"nanoseconds", "time/nanoseconds", "a;b 2\na 5\n"},
        {"microseconds", "time/nanoseconds", "a;b 2000\na 5000\n"},
        {"milliseconds", "time/nanoseconds", "a;b 2000000\na 5000000\n"},
        {"seconds", "time/nanoseconds", "a;b 2000000000\na 5000000000\n"},
        {"bytes", "memory/bytes", "a;b 2\na 5\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        struct pprofc_profile *profile;
        (void)snprintf(text, sizeof text,
                       "{" FRAMES
                       ",\"profiles\":[{\"type\":\"sampled\",\"name\":\"p\",\"unit\":\"%s\","
                       "\"samples\":[[0,1],[0]],\"weights\":[2,5]}]}",
                       cases[i].unit);
        profile = read_text(text);
        assert_int_equal(profile->n_types, 1);
        assert_string_equal(type_of(profile, 0), cases[i].type);
        assert_folded(profile, 0, cases[i].folded);
        pprofc_profile_free(profile);
    }
}

/* Whatever comes first in the file, the profile is the same. */
static void test_any_order(void **state)
{
    static const char *const texts[] = {
        "{\"profiles\":[{\"weights\":[2,5],\"samples\":[[0,1],[0]],\"unit\":\"none\",\"name\":\"p\","
        "\"type\":\"sampled\"}]," FRAMES "}",
        "{\"profiles\":[{\"events\":[{\"at\":1,\"frame\":0,\"type\":\"O\"},{\"type\":\"O\",\"frame\":1,\"at\":6},"
        "{\"type\":\"C\",\"frame\":1,\"at\":8},{\"type\":\"C\",\"frame\":0,\"at\":8}],\"endValue\":8,"
        "\"unit\":\"none\",\"name\":\"p\"}]," FRAMES "}",
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct pprofc_profile *profile = read_text(texts[i]);
        assert_folded(profile, 0, i == 0 ? "a;b 2\na 5\n" : "a 5\na;b 2\n");
        assert_int_equal(profile->sample_labels[0], 0);
        pprofc_profile_free(profile);
    }
}

/* Events: the time between two belongs to the stack in between; what is open at the end ends with
 * the profile, and a comment says so. */
static void test_events(void **state)
{
    struct pprofc_profile *profile = read_text(
        "{" FRAMES ",\"profiles\":[{\"type\":\"evented\",\"name\":\"p\",\"unit\":\"seconds\","
        "\"startValue\":0,\"endValue\":2,\"events\":[{\"type\":\"O\",\"frame\":0,\"at\":0.5},"
        "{\"type\":\"O\",\"frame\":1,\"at\":0.75},{\"type\":\"C\",\"frame\":1,\"at\":1.5}]}]}");

    (void)state;
    assert_folded(profile, 0, "a 750000000\na;b 750000000\n");
    assert_int_equal(profile->n_comments, 1);
    assert_non_null(strstr(profile->strings[profile->comments[0]], "1 frames were not closed"));
    pprofc_profile_free(profile);
}

/* Fractions of what is counted in whole numbers are rounded so that the total is right, and
 * counted. */
static void test_fractions(void **state)
{
    struct pprofc_profile *profile = read_text(
        "{" FRAMES ",\"profiles\":[{\"type\":\"sampled\",\"name\":\"p\",\"unit\":\"bytes\","
        "\"samples\":[[0],[0,1],[0],[0,1]],\"weights\":[0.5,0.5,1.25,1.75]}]}");

    (void)state;
    assert_int_equal(pp_profile_total(profile, 0), 4);
    assert_non_null(strstr(profile->strings[profile->comments[0]], "had fractions"));
    pprofc_profile_free(profile);
}

/* Several profiles of one unit are threads, of several units types; the one to be shown is shown.
 */
static void test_several(void **state)
{
    struct pprofc_profile *profile = read_text(
        "{\"activeProfileIndex\":2," FRAMES ",\"profiles\":["
        "{\"type\":\"sampled\",\"name\":\"one\",\"unit\":\"seconds\",\"samples\":[[0]],\"weights\":[1]},"
        "{\"type\":\"sampled\",\"name\":\"two\",\"unit\":\"milliseconds\",\"samples\":[[0]],\"weights\":[2]},"
        "{\"type\":\"sampled\",\"name\":\"heap\",\"unit\":\"bytes\",\"samples\":[[0]],\"weights\":[3]}]}");
    const struct pp_label *label;

    (void)state;
    assert_int_equal(profile->n_types, 2);
    assert_int_equal(profile->default_type, 1);
    assert_int_equal(pp_profile_total(profile, 0), 1002000000);
    assert_int_equal(pp_profile_total(profile, 1), 3);
    assert_int_equal(profile->n_samples, 3);
    label = &profile->labels[profile->label_sets[profile->sample_labels[1]].first];
    assert_string_equal(profile->strings[label->key], "thread_name");
    assert_string_equal(profile->strings[label->text], "two");
    pprofc_profile_free(profile);
}

/* What is written is read as the same types, totals and stacks of functions, and written again it
 * is the same file. */
static void test_round_trip(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        pp_autobuffer struct pp_buffer first = PP_BUFFER_INIT, second = PP_BUFFER_INIT;
        struct pprofc_profile *profile = make_random_profile(seed), *again = NULL;
        assert_non_null(profile);
        for (size_t i = 0; i < (size_t)profile->n_samples * profile->n_types; i++) {
            if (profile->sample_values[i] <= 0) /* what is 0 is not written, and comes later */
                profile->sample_values[i] = 1 - profile->sample_values[i];
        }
        assert_int_equal(pp_speedscope_write(profile, &first, NULL), 0);
        assert_int_equal(pp_format_of_bytes(first.bytes, first.n_bytes), PP_FORMAT_SPEEDSCOPE);
        assert_int_equal(pp_speedscope_read(first.bytes, first.n_bytes, "x", &again, NULL), 0);
        assert_int_equal(again->n_types, profile->n_types);
        assert_int_equal(again->default_type, profile->default_type);
        for (uint32_t type = 0; type < profile->n_types; type++) {
            char wanted[128];
            (void)snprintf(wanted, sizeof wanted, "%s", type_of(profile, type));
            assert_string_equal(type_of(again, type), wanted);
            assert_true(pp_profile_total(profile, type) == pp_profile_total(again, type));
        }
        assert_int_equal(pp_speedscope_write(again, &second, NULL), 0);
        assert_int_equal(first.n_bytes, second.n_bytes);
        assert_memory_equal(first.bytes, second.bytes, first.n_bytes);
        pprofc_profile_free(profile);
        pprofc_profile_free(again);
    }
}

/* A difference has negative values, which speedscope cannot show: refused, with what to give
 * instead. */
static void test_negative(void **state)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    struct pprofc_profile *profile = pp_profile_new();
    struct pprofc_error err;
    const int64_t value = -1;

    (void)state;
    assert_int_equal(pp_profile_add_type(profile, "samples", "count"), 0);
    pp_profile_add(profile,
                   pp_profile_child(profile, 0, pp_profile_named_location(profile, "a", 1)), 0, 0,
                   &value);
    assert_int_equal(pp_speedscope_write(profile, &out, &err), -ENOTSUP);
    assert_non_null(strstr(err.message, ".pb.gz"));
    pprofc_profile_free(profile);
}

#define PROFILE(members) \
    "{" FRAMES ",\"profiles\":[{\"name\":\"p\",\"unit\":\"none\",\"endValue\":9," members "}]}"

/* Each is refused, and the message says what and where. */
static void test_refusals(void **state)
{
    static const struct {
        const char *text, *pointed_at, *message;
    } cases[] = {
        {PROFILE("\"samples\":[[0,2]],\"weights\":[1]"), "]],", "frame 2 of a table of 2"},
        {PROFILE("\"samples\":[[0],[1]],\"weights\":[1]"), "}]}", "1 weights for 2 samples"},
        {PROFILE("\"samples\":[[0]],\"weights\":[1,2]"), "]}]}", "more weights than samples"},
        {PROFILE("\"samples\":[[0]],\"weights\":[-1]"), "]}]}", "negative value"},
        {PROFILE("\"samples\":[[0]],\"weights\":[1e30]"), "]}]}", "beyond 2^63"},
        {PROFILE("\"samples\":[[0]]"), "]}", "samples alone"},
        {PROFILE("\"events\":[{\"type\":\"C\",\"frame\":0,\"at\":1}]"), "]}]}",
         "not the innermost"},
        {PROFILE(
             "\"events\":[{\"type\":\"O\",\"frame\":0,\"at\":2},{\"type\":\"C\",\"frame\":0,\"at\":1}]"),
         "]}]}", "before the one"},
        {PROFILE("\"events\":[{\"type\":\"O\",\"at\":2}]"), "]}]}", "without its type"},
        {"{" FRAMES ",\"profiles\":[{\"unit\":\"ducks\"}]}", "}]}", "a unit"},
        {"{" FRAMES "}", "", "no \"profiles\""},
        {"{\"profiles\":[]}", "", "no \"shared\""},
        {"{\"shared\":{\"frames\":[{\"file\":\"x\"}]},\"profiles\":[]}", "]},", "no name"},
        {"{" FRAMES ",\"profiles\":[{\"samples\":[[0", "", "ends too early"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *text = cases[i].text;
        struct pprofc_profile *profile = NULL;
        struct pprofc_error err = {.message = ""};
        assert_int_equal(pp_speedscope_read(text, strlen(text), "x", &profile, &err), -EBADMSG);
        assert_null(profile);
        if (strstr(err.message, cases[i].message) == NULL ||
            strncmp(text + err.offset_bytes, cases[i].pointed_at, strlen(cases[i].pointed_at)) != 0)
            fail_msg("case %zu: %s, before %s", i, err.message, text + err.offset_bytes);
    }
}

/* A stack of 100 000 frames is read. */
static void test_deep(void **state)
{
    pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;
    struct pprofc_profile *profile = NULL;
    enum { N_FRAMES = 100000 };

    (void)state;
    pp_buffer_text(&text,
                   "{" FRAMES ",\"profiles\":[{\"name\":\"p\",\"unit\":\"none\",\"samples\":[[0");
    for (int i = 1; i < N_FRAMES; i++)
        pp_buffer_append(&text, ",1", 2);
    pp_buffer_text(&text, "]],\"weights\":[1]}]}");
    assert_int_equal(pp_speedscope_read(text.bytes, text.n_bytes, "x", &profile, NULL), 0);
    assert_int_equal(profile->n_nodes, N_FRAMES + 1);
    pprofc_profile_free(profile);
}

/* A profile without samples is read, and so is a stack without frames (under the sanitizers:
 * nothing is computed with what is not there). */
static void test_empty(void **state)
{
    struct pprofc_profile *none = read_text(
        "{" FRAMES
        ",\"profiles\":[{\"name\":\"p\",\"unit\":\"none\",\"samples\":[],\"weights\":[]}]}");
    struct pprofc_profile *bare =
        read_text("{" FRAMES ",\"profiles\":[{\"name\":\"p\",\"unit\":\"none\","
                  "\"samples\":[[],[0],[]],\"weights\":[1,2,4]}]}");

    (void)state;
    assert_int_equal(none->n_samples, 0);
    assert_int_equal(bare->n_samples, 2);
    assert_int_equal(bare->sample_stack[0], 0);
    assert_int_equal(bare->sample_values[0], 5);
    pprofc_profile_free(none);
    pprofc_profile_free(bare);
}

enum { MANY_SAMPLES = 60000, DEPTH = 20 };

/* Stacks that leave a trunk at any depth and are all different, with 'blank' behind each comma; the
 * weights before the samples when they come 'early'. */
static void put_many(struct pp_buffer *text, const char *blank, bool early)
{
    pp_autobuffer struct pp_buffer weights = PP_BUFFER_INIT;
    uint64_t state = 88172645463325252ULL;

    pp_buffer_text(text, "{\"shared\":{\"frames\":[");
    for (int i = 0; i < 1000; i++)
        pp_buffer_printf(text, "%s{\"name\":\"f%d\"}", i > 0 ? "," : "", i);
    pp_buffer_text(text,
                   "]},\"profiles\":[{\"type\":\"sampled\",\"name\":\"many\",\"unit\":\"none\",");
    pp_buffer_text(&weights, "\"weights\":[");
    for (int i = 0; i < MANY_SAMPLES; i++)
        pp_buffer_printf(&weights, "%s%d", i > 0 ? "," : "", 1 + i % 7);
    pp_buffer_text(&weights, "]");
    if (early)
        pp_buffer_printf(text, "%s,", weights.bytes);
    pp_buffer_text(text, "\"samples\":[");
    for (int i = 0; i < MANY_SAMPLES; i++) {
        const int n_trunk = 1 + (int)(state >> 33) % DEPTH;
        pp_buffer_text(text, i > 0 ? ",[" : "[");
        for (int k = 0; k < DEPTH; k++) {
            state ^= state << 13, state ^= state >> 7, state ^= state << 17;
            pp_buffer_printf(text, "%s%d", k > 0 ? blank : "",
                             k < n_trunk ? k : (int)(state >> 33) % 1000);
        }
        pp_buffer_text(text, "]");
    }
    pp_buffer_text(text, "]");
    if (!early)
        pp_buffer_printf(text, ",%s", weights.bytes);
    pp_buffer_text(text, "}]}");
    assert_false(text->failed || weights.failed);
}

/* However a large document is written, and whether it is forgotten as it is read or not, it is the
 * same profile (the address sanitizer knows what was forgotten). */
static void test_many_stacks(void **state)
{
    static const struct {
        const char *comma;
        bool early;
    } ways[] = {{",", false}, {",", true}, {", ", false}, {" ,", true}};
    struct pprofc_profile *first = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;
        struct pprofc_profile *kept = NULL, *forgotten = NULL;
        put_many(&text, ways[i].comma, ways[i].early);
        assert_int_equal(pp_speedscope_read(text.bytes, text.n_bytes, "kept", &kept, NULL), 0);
        assert_int_equal(pp_speedscope_read_buffer(&text, "forgotten", &forgotten, NULL), 0);
        assert_null(profile_difference(kept, forgotten));
        assert_int_equal(pp_profile_total(kept, 0), MANY_SAMPLES / 7 * 28 + 1 + 2 + 3);
        if (first == NULL)
            first = kept;
        assert_null(profile_difference(first, kept));
        if (first != kept)
            pprofc_profile_free(kept);
        pprofc_profile_free(forgotten);
    }
    pprofc_profile_free(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units),    cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_events),   cmocka_unit_test(test_fractions),
        cmocka_unit_test(test_several),  cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_negative), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_deep),     cmocka_unit_test(test_many_stacks),
        cmocka_unit_test(test_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
