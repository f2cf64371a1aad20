/* OTLP profiles, in protobuf and in JSON: what is written is read as the same, the dictionary's
 * rules are kept, and an index that no table has is refused by its name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "formats/formats.h"
#include "formats/otlp.h"
#include "formats/wire.h"
#include "random_profile.h"

static struct pprofc_profile *read_back(const struct pp_buffer *bytes)
{
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err = {.message = ""};

    assert_int_equal(pp_format_of_bytes(bytes->bytes, bytes->n_bytes), PP_FORMAT_OTLP);
    if (pp_otlp_read(bytes->bytes, bytes->n_bytes, "x", &profile, &err) != 0)
        fail_msg("%s", err.message);
    return profile;
}

static void assert_same_stacks(const struct pprofc_profile *a, const struct pprofc_profile *b)
{
    for (uint32_t type = 0; type < a->n_types; type++) {
        pp_autobuffer struct pp_buffer in_a = PP_BUFFER_INIT, in_b = PP_BUFFER_INIT;
        assert_true(pp_profile_total(a, type) == pp_profile_total(b, type));
        assert_int_equal(pp_folded_write(a, type, &in_a, NULL), 0);
        assert_int_equal(pp_folded_write(b, type, &in_b, NULL), 0);
        assert_int_equal(in_a.n_bytes, in_b.n_bytes);
        if (in_a.n_bytes > 0)
            assert_memory_equal(in_a.bytes, in_b.bytes, in_a.n_bytes);
    }
}

/* Everything that a profile holds is there again: types, stacks, lines, labels, comments, quality;
 * and written again it is the same file. */
static void test_round_trip(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        pp_autobuffer struct pp_buffer first = PP_BUFFER_INIT, second = PP_BUFFER_INIT;
        struct pprofc_profile *profile = make_random_profile(seed), *once, *twice;
        const char *difference;
        uint32_t n_mappings;
        assert_non_null(profile);
        for (size_t i = 0; i < (size_t)profile->n_samples * profile->n_types; i++) {
            if (profile->sample_values[i] == 0) /* is not written, and comes later */
                profile->sample_values[i] = 1;
        }
        n_mappings = profile->n_mappings;
        assert_int_equal(pp_otlp_write(profile, &first, NULL), 0);
        once = read_back(&first);
        profile->n_mappings = once->n_mappings; /* those that no sample leads to are not written */
        difference = profile_difference(profile, once);
        if (difference != NULL)
            fail_msg("seed %d: %s", (int)seed, difference);
        profile->n_mappings = n_mappings;
        assert_same_stacks(profile, once);
        assert_int_equal(pp_otlp_write(once, &second, NULL), 0);
        assert_int_equal(first.n_bytes, second.n_bytes);
        assert_memory_equal(first.bytes, second.bytes, first.n_bytes);
        twice = read_back(&second);
        assert_null(profile_difference(once, twice));
        pprofc_profile_free(profile);
        pprofc_profile_free(once);
        pprofc_profile_free(twice);
    }
}

static void add(struct pprofc_profile *profile, const struct pp_label *labels, uint32_t n_labels,
                int64_t value)
{
    pp_profile_add(profile,
                   pp_profile_child(profile, 0, pp_profile_named_location(profile, "f", 1)),
                   pp_profile_label_set(profile, labels, n_labels), 0, &value);
}

static int count_in(const struct pp_buffer *bytes, const char *text)
{
    const char *at = bytes->bytes, *found;
    int n = 0;

    for (; (found = memmem(at, (size_t)(bytes->bytes + bytes->n_bytes - at), text, strlen(text))) !=
           NULL;
         at = found + 1)
        n++;
    return n;
}

/* Threads have the names of OpenTelemetry's conventions, a trace and its span are a link, and all
 * of these are labels again. */
static void test_labels(void **state)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    struct pprofc_profile *profile = pp_profile_new(), *again;
    const struct pp_label labels[] = {
        {.key = pp_profile_text(profile, "span_id"),
         .text = pp_profile_text(profile, "00f067aa0ba902b7")},
        {.key = pp_profile_text(profile, "thread_id"), .number = 42},
        {.key = pp_profile_text(profile, "thread_name"),
         .text = pp_profile_text(profile, "worker")},
        {.key = pp_profile_text(profile, "trace_id"),
         .text = pp_profile_text(profile, "4bf92f3577b34da6a3ce929d0e0e4736")},
    };

    (void)state;
    (void)pp_profile_add_type(profile, "samples", "count");
    add(profile, labels, 4, 7);
    add(profile, labels, 1, 3); /* a span without a trace is no link */
    assert_int_equal(pp_otlp_write(profile, &bytes, NULL), 0);
    assert_int_equal(count_in(&bytes, "thread.name"), 1);
    assert_int_equal(count_in(&bytes, "thread.id"), 1);
    assert_int_equal(count_in(&bytes, "4bf92f3577b34da6"), 0);
    assert_int_equal(count_in(&bytes, "\x4b\xf9\x2f\x35\x77\xb3\x4d\xa6"), 1);
    again = read_back(&bytes);
    assert_null(profile_difference(profile, again));
    pprofc_profile_free(profile);
    pprofc_profile_free(again);
}

/* Element 0 of each table is there and means none. */
static void test_dictionary(void **state)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    struct pprofc_profile *profile = make_random_profile(3);
    struct pp_wire_field field, entry;
    struct pp_wire message;
    unsigned seen = 0;

    (void)state;
    assert_int_equal(pp_otlp_write(profile, &bytes, NULL), 0);
    message = pp_wire_of(bytes.bytes, bytes.n_bytes);
    while (pp_wire_field(&message, &field) > 0) {
        struct pp_wire dictionary = field.bytes;
        if (field.number != PP_OTLP_DICTIONARY)
            continue;
        while (pp_wire_field(&dictionary, &entry) > 0) {
            if ((seen & 1U << entry.number) == 0 && entry.number != PP_OTLP_LINKS)
                assert_ptr_equal(entry.bytes.at, entry.bytes.end);
            seen |= 1U << entry.number;
        }
    }
    assert_int_equal(seen, 0xfe);
    pprofc_profile_free(profile);
}

/* ---- JSON ---- */

#define HEAD \
    "{\"resourceProfiles\":[{\"resource\":{\"attributes\":[{\"key\":\"process.command_line\",\"value\":{\"stringValue\":\"prog -x\"}}]},\"scopeProfiles\":[{\"profiles\":["
#define TAIL                                                                                                                  \
    "]}]}],\"dictionary\":{\"stringTable\":[\"\",\"cpu\",\"nanoseconds\",\"main\",\"main.c\",\"thread.name\",\"/bin/prog\"]," \
    "\"mappingTable\":[{},{\"memoryStart\":\"4096\",\"memoryLimit\":\"18446744073709551615\",\"filenameStrindex\":6}],"       \
    "\"functionTable\":[{},{\"nameStrindex\":3,\"filenameStrindex\":4,\"startLine\":\"5\"}],"                                 \
    "\"locationTable\":[{},{\"mappingIndex\":1,\"address\":\"4660\",\"lines\":[{\"functionIndex\":1,\"line\":\"7\"}]}],"      \
    "\"attributeTable\":[{},{\"keyStrindex\":5,\"value\":{\"stringValue\":\"w\"}}],"                                          \
    "\"linkTable\":[{},{\"traceId\":\"4BF92F3577B34DA6A3CE929D0E0E4736\",\"spanId\":\"00f067aa0ba902b7\"}],"                  \
    "\"stackTable\":[{},{\"locationIndices\":[1,1]}]}}"
#define TYPE "\"sampleType\":{\"typeStrindex\":1,\"unitStrindex\":2}"

static int read_json(const char *text, struct pprofc_profile **profile, struct pprofc_error *err)
{
    assert_int_equal(pp_format_of_bytes(text, strlen(text)), PP_FORMAT_OTLP_JSON);
    return pp_otlp_json_read(text, strlen(text), "x", profile, err);
}

/* JSON says the same as protobuf: 64 bits in quotes, ids in hexadecimal, the dictionary last. */
static void test_json(void **state)
{
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err = {.message = ""};
    const struct pp_label *label;

    (void)state;
    if (read_json(
            HEAD
            "{\"samples\":[{\"stackIndex\":1,\"values\":[\"5\",\"6\"],\"timestampsUnixNano\":[\"1\",\"2\"],"
            "\"attributeIndices\":[1],\"linkIndex\":1},{\"stackIndex\":1,\"timestampsUnixNano\":[\"1\",\"2\"]}],"
            "\"timeUnixNano\":\"1700000000000000000\",\"durationNano\":\"10\",\"period\":\"3\"," TYPE
            "}" TAIL,
            &profile, &err) != 0)
        fail_msg("%s", err.message);
    assert_string_equal(profile->strings[profile->command], "prog -x");
    assert_int_equal(profile->n_samples, 2);
    assert_int_equal(profile->sample_values[0], 11);
    assert_int_equal(profile->sample_values[1], 2); /* times alone: each is one */
    assert_true(profile->time_ns == 1700000000000000000);
    assert_int_equal(profile->duration_ns, 10);
    assert_int_equal(profile->period, 3);
    assert_true(profile->mappings[1].limit == UINT64_MAX);
    assert_int_equal(profile->lines[profile->locations[profile->node_location[1]].first_line].line,
                     7);
    label = &profile->labels[profile->label_sets[profile->sample_labels[0]].first];
    assert_string_equal(profile->strings[label[0].key], "span_id");
    assert_string_equal(profile->strings[label[1].key], "thread_name");
    assert_string_equal(profile->strings[label[2].text], "4bf92f3577b34da6a3ce929d0e0e4736");
    pprofc_profile_free(profile);
}

/* Profiles of one id and one type are one that was sent twice: counted once, and said.  Another
 * type, another id, no id and zeroes are profiles of their own; the time is from the first begin to
 * the last end. */
static void test_profile_ids(void **state)
{
#define SAMPLE "{\"samples\":[{\"stackIndex\":1,\"values\":[\"1\"]}]," TYPE
    static const char text[] = HEAD SAMPLE
        ",\"profileId\":\"00000000000000000000000000000001\",\"timeUnixNano\":\"2000\","
        "\"durationNano\":\"500\"}," SAMPLE
        ",\"profileId\":\"00000000000000000000000000000001\",\"timeUnixNano\":\"2000\"}," SAMPLE
        ",\"profileId\":\"00000000000000000000000000000002\",\"timeUnixNano\":\"1000\","
        "\"durationNano\":\"100\"}," SAMPLE
        ",\"profileId\":\"00000000000000000000000000000000\"}," SAMPLE
        ",\"profileId\":\"00000000000000000000000000000000\"}," SAMPLE
        ",\"profileId\":\"AAAAAAAAAAAAAAAAAAAAAA==\"}," SAMPLE "},"
        "{\"samples\":[{\"stackIndex\":1,\"values\":[\"1\"]}],\"sampleType\":{\"typeStrindex\":3},"
        "\"profileId\":\"00000000000000000000000000000001\"}" TAIL;
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err = {.message = ""};

    (void)state;
    if (read_json(text, &profile, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(profile->n_types, 2);
    assert_int_equal(pp_profile_total(profile, 0), 6);
    assert_int_equal(pp_profile_total(profile, 1), 1);
    assert_int_equal(profile->time_ns, 1000);
    assert_int_equal(profile->duration_ns, 1500);
    assert_int_equal(profile->n_notes, 1);
    assert_non_null(strstr(profile->strings[profile->comments[profile->n_comments - 1]],
                           "1 profiles have the id of one before them"));
    pprofc_profile_free(profile);
}

/* The same in protobuf: a file twice in a row is one message with all profiles twice. */
static void test_profile_ids_protobuf(void **state)
{
    static const unsigned char one[] = {
        /* resource_profiles { scope_profiles { profiles { sample_type {} samples { values: 5 }
           profile_id: 16 bytes } } } */
        0x0a, 0x1d, 0x12, 0x1b, 0x12, 0x19, 0x0a, 0x00, 0x12, 0x03, 0x22, 0x01, 0x05, 0x3a, 0x10, 1,
        2,    3,    4,    5,    6,    7,    8,    9,    10,   11,   12,   13,   14,   15,   16};
    unsigned char twice[2 * sizeof one];
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err = {.message = ""};

    (void)state;
    memcpy(twice, one, sizeof one);
    memcpy(twice + sizeof one, one, sizeof one);
    if (pp_otlp_read(twice, sizeof twice, "x", &profile, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(pp_profile_total(profile, 0), 5);
    assert_int_equal(profile->n_notes, 1);
    pprofc_profile_free(profile);
    twice[sizeof twice - 1] = 17; /* another id */
    assert_int_equal(pp_otlp_read(twice, sizeof twice, "x", &profile, &err), 0);
    assert_int_equal(pp_profile_total(profile, 0), 10);
    pprofc_profile_free(profile);
}

/* Each is refused, and the message names the field. */
static void test_refusals(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {HEAD "{" TYPE ",\"samples\":[{\"stackIndex\":2,\"values\":[1]}]}" TAIL,
         "stack_index 2 of a table of 2"},
        {HEAD "{" TYPE ",\"samples\":[{\"linkIndex\":9,\"values\":[1]}]}" TAIL,
         "link_index 9 of a table of 2"},
        {HEAD "{" TYPE ",\"samples\":[{\"attributeIndices\":[2],\"values\":[1]}]}" TAIL,
         "attribute_index 2 of a table of 2"},
        {HEAD "{\"sampleType\":{\"typeStrindex\":7}}" TAIL, "type_strindex 7 of a table of 7"},
        {HEAD "{" TYPE ",\"samples\":[{\"values\":[1,2],\"timestampsUnixNano\":[\"1\"]}]}" TAIL,
         "2 values at 1 times"},
        {HEAD "{" TYPE ",\"samples\":[{\"values\":[0.5]}]}" TAIL, "a whole number"},
        {"{\"resourceProfiles\":[]}", "no profiles"},
        {"{\"dictionary\":{\"stringTable\":[\"x\"]}}", "string_table does not begin"},
        {"{\"dictionary\":{\"functionTable\":[{},{\"nameStrindex\":1}]}}",
         "name_strindex 1 of a table of 0"},
        {"{\"dictionary\":{\"stackTable\":[{},{\"locationIndices\":[3]}]}}",
         "location_index 3 of a table of 0"},
        {"{\"dictionary\":{\"linkTable\":[{\"traceId\":\"S/kvNXezTaajzpKdDg5HNgS/kvNXezTa\"}]}}",
         "hexadecimal"},
        {"{\"resourceProfiles\":[{", "ends too early"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pprofc_profile *profile = NULL;
        struct pprofc_error err = {.message = ""};
        assert_int_equal(read_json(cases[i].text, &profile, &err), -EBADMSG);
        assert_null(profile);
        if (strstr(err.message, cases[i].message) == NULL)
            fail_msg("case %zu: %s", i, err.message);
    }
}

/* A file that ends anywhere is refused, or is a smaller one; never more than what it says. */
static void test_truncated(void **state)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    struct pprofc_profile *profile = make_random_profile(5);
    size_t n_refused = 0;

    (void)state;
    assert_int_equal(pp_otlp_write(profile, &bytes, NULL), 0);
    for (size_t n_bytes = 0; n_bytes < bytes.n_bytes; n_bytes += 7) {
        struct pprofc_profile *part = NULL;
        struct pprofc_error err = {.message = ""};
        if (pp_otlp_read(bytes.bytes, n_bytes, "x", &part, &err) != 0) {
            assert_true(err.message[0] != '\0');
            n_refused++;
        }
        pprofc_profile_free(part);
    }
    assert_true(n_refused > 10);
    pprofc_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),  cmocka_unit_test(test_labels),
        cmocka_unit_test(test_dictionary),  cmocka_unit_test(test_json),
        cmocka_unit_test(test_profile_ids), cmocka_unit_test(test_profile_ids_protobuf),
        cmocka_unit_test(test_refusals),    cmocka_unit_test(test_truncated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
