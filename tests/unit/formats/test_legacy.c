/* Profiles of gperftools and its kin: their values, addresses, mappings and names, and the byte
 * that an error points at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "formats/formats.h"
#include "formats/gperftools.h"

static struct pprofc_profile *read_bytes(const void *bytes, size_t n_bytes)
{
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err = {.message = ""};

    assert_int_equal(pp_format_of_bytes(bytes, n_bytes), PP_FORMAT_LEGACY);
    if (pp_legacy_read(bytes, n_bytes, "t", &profile, &err) != 0)
        fail_msg("%s", err.message);
    return profile;
}

static struct pprofc_profile *read_text(const char *text)
{
    return read_bytes(text, strlen(text));
}

static int64_t value_of(const struct pprofc_profile *profile, uint32_t sample, uint32_t type)
{
    return profile->sample_values[(size_t)sample * profile->n_types + type];
}

static const char *type_of(const struct pprofc_profile *profile, uint32_t type)
{
    return profile->strings[profile->types[type].type];
}

/* The location of the sample's leaf, or of its n-th caller. */
static const struct pp_location *location_of(const struct pprofc_profile *profile, uint32_t sample,
                                             int n)
{
    pp_id node = profile->sample_stack[sample];

    while (n-- > 0)
        node = profile->node_parent[node];
    return &profile->locations[profile->node_location[node]];
}

static const char *path_of(const struct pprofc_profile *profile, const struct pp_location *location)
{
    return profile->strings[profile->mappings[location->mapping].path];
}

/* ---- CPU: words ---- */

static void put_words(struct pp_buffer *out, const uint64_t *words, size_t n, unsigned n_bytes,
                      bool is_big_endian)
{
    for (size_t i = 0; i < n; i++) {
        for (unsigned byte = 0; byte < n_bytes; byte++) {
            const unsigned shift = 8 * (is_big_endian ? n_bytes - 1 - byte : byte);
            const char c = (char)(words[i] >> shift);
            pp_buffer_append(out, &c, 1);
        }
    }
}

/* A file of either width and byte order: counts, values in nanoseconds, callers less one, mappings
 * with their offsets, and what is executable only. */
static void test_cpu(void **state)
{
    static const uint64_t words[] = {0,        3, 0, 10000,    0, 3, 2, 0x401000,
                                     0x402001, 5, 1, 0x501000, 0, 1, 0};
    static const char maps[] = "00400000-00500000 r-xp 00001000 08:01 7   /usr/my app (deleted)\n"
                               "00500000-00600000 rw-p 00000000 08:01 7   /lib/data\n";

    (void)state;
    for (int way = 0; way < 4; way++) {
        pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
        struct pprofc_profile *profile;
        put_words(&bytes, words, sizeof words / sizeof words[0], way < 2 ? 4 : 8, way % 2 == 1);
        pp_buffer_text(&bytes, maps);
        profile = read_bytes(bytes.bytes, bytes.n_bytes);
        assert_int_equal(profile->n_samples, 2);
        assert_int_equal(profile->period, 10000000);
        assert_int_equal(value_of(profile, 0, 0), 3);
        assert_int_equal(value_of(profile, 0, 1), 30000000);
        assert_int_equal(location_of(profile, 0, 0)->address, 0x401000);
        assert_int_equal(location_of(profile, 0, 1)->address, 0x402000);
        assert_string_equal(path_of(profile, location_of(profile, 0, 1)), "/usr/my app");
        assert_int_equal(profile->mappings[location_of(profile, 0, 1)->mapping].offset, 0x1000);
        assert_int_equal(location_of(profile, 1, 0)->mapping, 0);
        assert_int_equal(profile->n_mappings, 2);
        pprofc_profile_free(profile);
    }
}

/* The frame of signal delivery that stands second in nearly all stacks goes, and so does a leaf
 * that stands there twice; both are said. */
static void test_cpu_handler(void **state)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    static const uint64_t head[] = {0, 3, 0, 10000, 0};
    struct pprofc_profile *profile;

    (void)state;
    put_words(&bytes, head, 5, 8, false);
    for (uint64_t i = 0; i < 8; i++) {
        const uint64_t record[] = {1, 4, 0x1000 + i, 0x9999, 0x1000 + i, 0x2000 + i};
        put_words(&bytes, record, 6, 8, false);
    }
    profile = read_bytes(bytes.bytes, bytes.n_bytes); /* the trailer is missing, which is no harm */
    assert_int_equal(location_of(profile, 3, 0)->address, 0x1003);
    assert_int_equal(location_of(profile, 3, 1)->address, 0x2002);
    assert_int_equal(profile->n_notes, 2);
    assert_non_null(strstr(profile->strings[profile->comments[0]],
                           "the frame 0x9999, which stands second in 8 of 8 stacks"));
    assert_string_equal(profile->strings[profile->comments[1]], "8 stacks had their leaf twice");
    pprofc_profile_free(profile);
}

static void assert_refused(const void *bytes, size_t n_bytes, uint64_t offset, const char *message)
{
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;

    assert_int_equal(pp_legacy_read(bytes, n_bytes, "t", &profile, &err), -EBADMSG);
    assert_null(profile);
    if (strstr(err.message, message) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", message, err.message);
    assert_int_equal(err.offset_bytes, offset);
}

static void assert_text_refused(const char *text, uint64_t offset, const char *message)
{
    assert_refused(text, strlen(text), offset, message);
}

/* A length that the file does not have, a count beyond 2^63, half a record: refused at the record.
 */
static void test_cpu_refused(void **state)
{
    static const uint64_t deep[] = {0, 3, 0, 10000, 0, 1, 1, 7, 1, 1ULL << 61, 7};
    static const uint64_t many[] = {0, 3, 0, 10000, 0, 1ULL << 63, 1, 7};
    static const uint64_t slow[] = {0, 3, 0, 1ULL << 63, 0};
    static const uint64_t sums[] = {0, 3, 0, 10000, 0, INT64_MAX, 1, 7};
    struct pprofc_profile *profile;

    (void)state;
    assert_refused(deep, sizeof deep, 64, "a stack deeper than the file at byte 64");
    assert_refused(deep, sizeof deep - 20, 64, "truncated record at byte 64");
    assert_refused(many, sizeof many, 40, "a count of more than 2^63 at byte 40");
    assert_refused(slow, sizeof slow, 0, "a period of more than 2^63 ns");
    profile = read_bytes(sums, sizeof sums);
    assert_true(pp_profile_total(profile, 1) == INT64_MAX);
    pprofc_profile_free(profile);
}

/* ---- text ---- */

/* Heaps: what is sampled stands for more, exact ones for themselves; allocated where it differs
 * from in use; below a stack may stand its names. */
static void test_heap(void **state)
{
    struct pprofc_profile *profile = read_text("# a word before\n"
                                               "heap profile: 3: 30 [5: 50] @ heapprofile\n"
                                               "  1: 10 [ 3: 30] @ 0x401001 0x402001\n"
                                               "#\t0x401000\tmain.parse+0x41\tmain.c:118\n"
                                               "#\t0x401000\tmain.run+0x50\tmain.c:200\n"
                                               "\n"
                                               "  2: 20 [ 2: 20] @ 0x402001\n"
                                               "MAPPED_LIBRARIES:\n"
                                               "00400000-00500000 r-xp 00000000 08:01 7   /app\n");
    const struct pp_location *location = location_of(profile, 0, 0);

    (void)state;
    assert_int_equal(profile->n_types, 4);
    assert_string_equal(type_of(profile, 0), "alloc_objects");
    assert_int_equal(profile->default_type, 3);
    assert_int_equal(value_of(profile, 0, 1), 30);
    assert_int_equal(value_of(profile, 1, 3), 20);
    assert_int_equal(location->address, 0x401000);
    assert_int_equal(location->n_lines, 2);
    assert_int_equal(profile->lines[location->first_line].line, 118);
    assert_string_equal(
        profile
            ->strings[profile->functions[profile->lines[location->first_line + 1].function].name],
        "main.run");
    assert_string_equal(path_of(profile, location), "/app");
    assert_null(profile->sample_estimates);
    pprofc_profile_free(profile);

    profile = read_text("heap profile:  1: 1024 [ 1: 1024] @ heapz_v2/524288\n"
                        " 1: 1024 [ 1: 1024] @ 0x401001\n");
    assert_int_equal(profile->n_types, 2);
    assert_int_equal(value_of(profile, 0, 0), 512);
    assert_int_equal(value_of(profile, 0, 1), 524800);
    assert_non_null(profile->sample_estimates);
    pprofc_profile_free(profile);

    profile =
        read_text("heap profile:  2: 4096 [ 2: 4096] @ growthz\n -1: -64 [ -1: -64] @ 0x401001\n"
                  " 9223372036854775808: 9223372036854775808 [0: 0] @ 0x401002\n");
    assert_int_equal(value_of(profile, 0, 0), -1);
    assert_int_equal(value_of(profile, 0, 1), -64);
    assert_true(value_of(profile, 1, 1) == INT64_MAX);
    pprofc_profile_free(profile);
}

static void test_heap_refused(void **state)
{
    static const char *const heap = "heap profile: 1: 2 [1: 2] @ heapprofile\n1: 2 [1: 2 @ 0x1\n";
    static const char *const head = "heap profile: 1: 2 [1: 2] @ other\n";
    static const char *const jemalloc = "heap_v2/1\n@ 0x1\n  t*: x\n";

    (void)state;
    assert_text_refused(heap, 40, "\"1: 2 [1: 2 @ 0x1\" at byte 40 is not");
    assert_text_refused(head, 0, "is not the head of a heap profile");
    assert_text_refused(jemalloc, 18, "\"t*: x\" at byte 18 is not");
    assert_text_refused("heap_v2/1\n", 0, "with sums");
    assert_text_refused("  heap_v2/1\n", 2, "with sums");
    /* A list of mappings that begins in the head itself: the head stays one. */
    assert_text_refused("heap_v2/1 MAPPED_LIBRARIES:", 0, "with sums");
    assert_text_refused("heap profile: MAPPED_LIBRARIES:", 0, "is not the head of a heap profile");
    assert_text_refused("# x\nthreads profile: total 1\nx\n", 29,
                        "\"x\" at byte 29 is not \"count @ stack\"");
    assert_text_refused("--- contention\n1 x @\n", 15, "\"1 x @\" at byte 15 is not");
    assert_text_refused("--- threadz 1 ---\n--- Thread x ---\n", 18, "at byte 18 is not");
    assert_text_refused("words\n", 0, "is no profile of gperftools");
}

/* jemalloc: the sums of all threads below each stack. */
static void test_jemalloc(void **state)
{
    struct pprofc_profile *profile = read_text("heap_v2/1\n"
                                               "  t*: 3: 30 [5: 50]\n"
                                               "  t0: 3: 30 [5: 50]\n"
                                               "@ 0x401001 0x402001\n"
                                               "  t*: 1: 10 [3: 30]\n"
                                               "  t0: 1: 10 [3: 30]\n"
                                               "@ 0x403001\n"
                                               "  t*: 2: 20 [2: 20]\n"
                                               "\nMAPPED_LIBRARIES:\n"
                                               "00400000-00500000 r-xp 00000000 08:01 7 /app\n");

    (void)state;
    assert_int_equal(profile->n_samples, 2);
    assert_int_equal(pp_profile_total(profile, 1), 50);
    assert_int_equal(pp_profile_total(profile, 3), 30);
    assert_int_equal(location_of(profile, 0, 1)->address, 0x402000);
    assert_string_equal(path_of(profile, location_of(profile, 1, 0)), "/app");
    pprofc_profile_free(profile);
}

/* Locks: cycles become nanoseconds, and what was sampled stands for a period of it. */
static void test_contention(void **state)
{
    struct pprofc_profile *profile = read_text("--- contentionz 1 ---\n"
                                               "cycles/second = 2000000000\n"
                                               "sampling period = 100\n"
                                               "ms since reset = 7\n"
                                               "discarded samples = 4\n"
                                               "   3000  2 @ 0x401001 0x402001\n"
                                               "--- Memory map: ---\n"
                                               "  00400000-00500000: /app @1000\n"
                                               "  00500000-00600000: /lib/x y\n");

    (void)state;
    assert_int_equal(value_of(profile, 0, 0), 200);
    assert_int_equal(value_of(profile, 0, 1), 150000);
    assert_int_equal(profile->duration_ns, 7000000);
    assert_int_equal(location_of(profile, 0, 0)->address, 0x401000);
    assert_int_equal(profile->mappings[1].offset, 0x1000);
    assert_string_equal(profile->strings[profile->mappings[2].path], "/lib/x y");
    assert_string_equal(profile->strings[profile->comments[0]],
                        "4 samples were discarded by the program that wrote it");
    pprofc_profile_free(profile);
    profile = read_text("--- mutex:\ncycles/second=1000000000\nsampling period=1\n5 2 @ 0x7\n"
                        "#\t0x6\tf+0x1\tf.go:3\n");
    assert_int_equal(value_of(profile, 0, 1), 5);
    assert_int_equal(location_of(profile, 0, 0)->n_lines, 1);
    pprofc_profile_free(profile);
}

/* Threads: each with its name and number; "same as previous" is a thread too; names where they are
 * written. */
static void test_threads(void **state)
{
    struct pprofc_profile *profile = read_text("--- threadz 1 ---\n\n"
                                               "--- Thread 7f7 (name: a/b/14748) stack: ---\n"
                                               "  PC:  0x00401000: helper(arg *)\n"
                                               "  0x00402001: main\n"
                                               "--- Thread 7f8 (name: w/14749) stack: ---\n"
                                               "  [same as previous thread]\n"
                                               "--- Thread 7f9 (name: x/1) stack: ---\n"
                                               "  PC: 0x401000 0x402001\n"
                                               "      0x403001\n"
                                               "      creator:\n");
    const struct pp_location *leaf = location_of(profile, 0, 0);

    (void)state;
    assert_int_equal(pp_profile_total(profile, 0), 3);
    assert_int_equal(profile->n_samples, 3);
    assert_int_equal(profile->sample_stack[0], profile->sample_stack[1]);
    assert_string_equal(
        profile->strings[profile->functions[profile->lines[leaf->first_line].function].name],
        "helper(arg *)");
    assert_int_equal(location_of(profile, 0, 1)->address, 0x402000);
    assert_int_equal(location_of(profile, 2, 2)->address, 0x403000);
    assert_string_equal(
        profile->strings[profile->labels[profile->label_sets[profile->sample_labels[0]].first + 1]
                             .text],
        "a/b");
    pprofc_profile_free(profile);
    profile = read_text(
        "goroutine profile: total 9\n7 @ 0x44cb3 0x45045\n#\t0x44cb2\tmain.f+0x1\tf.go:12\n\n2 @\n");
    assert_string_equal(type_of(profile, 0), "goroutine");
    assert_int_equal(pp_profile_total(profile, 0), 9);
    assert_int_equal(profile->lines[location_of(profile, 0, 0)->first_line].line, 12);
    pprofc_profile_free(profile);
}

/* Java: numbers have names behind the samples, in heaps, in locks and in CPU profiles. */
static void test_java(void **state)
{
    static const uint64_t words[] = {0, 3, 1, 10000, 0, 2, 2, 3, 4, 0, 1, 0};
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT, out = PP_BUFFER_INIT;
    struct pprofc_profile *profile;

    (void)state;
    profile =
        read_text("--- contentionz 1 ---\nformat = java\nresolution = microseconds\n"
                  "sampling period = 100\n  7  2 @ 0x00000003 0x00000009\n\n"
                  " 0x00000003 com.example.f (F.java:12)\n 0x00000004 VM\n 0x00000009 cut (\n");
    assert_int_equal(value_of(profile, 0, 0), 200);
    assert_int_equal(value_of(profile, 0, 1), 700);
    assert_string_equal(profile->strings[profile->types[1].unit], "microseconds");
    pprofc_profile_free(profile);
    put_words(&bytes, words, sizeof words / sizeof words[0], 4, false);
    pp_buffer_text(&bytes, " 0x00000004 g (/lib/libjvm.so)\n 0x00000003 f (F.java:12)\n");
    profile = read_bytes(bytes.bytes, bytes.n_bytes);
    assert_int_equal(location_of(profile, 0, 0)->address, 0);
    assert_int_equal(profile->lines[location_of(profile, 0, 0)->first_line].line, 12);
    assert_int_equal(pp_folded_write(profile, 1, &out, NULL), 0);
    assert_int_equal(out.n_bytes, strlen("g;f 20000000\n"));
    assert_memory_equal(out.bytes, "g;f 20000000\n", out.n_bytes);
    pprofc_profile_free(profile);
}

/* What we write as gperftools' is read as it was. */
static void test_own(void **state)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    struct pprofc_profile *profile = pp_profile_new(), *again;
    const struct pp_mapping mapping = {.start = 0x400000,
                                       .limit = 0x500000,
                                       .offset = 0x1000,
                                       .path = pp_profile_text(profile, "/app")};
    struct pp_location location = {.address = 0x401000,
                                   .mapping = pp_profile_mapping(profile, &mapping)};
    const int64_t values[] = {3, 30000000};
    pp_id node;

    (void)state;
    (void)pp_profile_add_type(profile, "samples", "count");
    (void)pp_profile_add_type(profile, "cpu", "nanoseconds");
    profile->period = 10000000;
    node = pp_profile_child(profile, 0, pp_profile_location(profile, &location, NULL));
    location.address = 0x402000;
    node = pp_profile_child(profile, node, pp_profile_location(profile, &location, NULL));
    pp_profile_add(profile, node, 0, 0, values);
    assert_int_equal(pp_gperftools_write(profile, &bytes, NULL), 0);
    again = read_bytes(bytes.bytes, bytes.n_bytes);
    assert_int_equal(value_of(again, 0, 1), 30000000);
    assert_int_equal(location_of(again, 0, 0)->address, 0x402000);
    assert_string_equal(path_of(again, location_of(again, 0, 0)), "/app");
    pprofc_profile_free(profile);
    pprofc_profile_free(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpu),          cmocka_unit_test(test_cpu_handler),
        cmocka_unit_test(test_cpu_refused),  cmocka_unit_test(test_heap),
        cmocka_unit_test(test_heap_refused), cmocka_unit_test(test_jemalloc),
        cmocka_unit_test(test_contention),   cmocka_unit_test(test_threads),
        cmocka_unit_test(test_java),         cmocka_unit_test(test_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
