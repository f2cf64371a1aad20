/* Folded stacks: every way in which real files spell them, and what we write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/formats.h"

static struct pprofc_profile *read_bytes(const void *bytes, size_t n_bytes)
{
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err = {.message = ""};

    if (pp_folded_read(bytes, n_bytes, "t", &profile, &err) != 0)
        fail_msg("%s", err.message);
    return profile;
}

static struct pprofc_profile *read_text(const char *text)
{
    return read_bytes(text, strlen(text));
}

/* What is read from 'bytes', written again. */
static void assert_becomes(const void *bytes, size_t n_bytes, const char *wanted)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    struct pprofc_profile *profile = read_bytes(bytes, n_bytes);

    assert_int_equal(pp_folded_write(profile, 0, &out, NULL), 0);
    pp_buffer_append(&out, "", 1);
    assert_string_equal(out.bytes, wanted);
    pprofc_profile_free(profile);
}

static void assert_text_becomes(const char *text, const char *wanted)
{
    assert_becomes(text, strlen(text), wanted);
}

/* Line ends of any system, a missing last one, a byte order mark, tabs, spaces in names, equal
 * lines summed. */
static void test_spellings(void **state)
{
    (void)state;
    assert_text_becomes("a;b 1\na;b 2\nc 3\n", "a;b 3\nc 3\n");
    assert_text_becomes("a;b 1\r\nc 3\r\n", "a;b 1\nc 3\n");
    assert_text_becomes("a;b 1\n\n\nc 3", "a;b 1\nc 3\n");
    assert_text_becomes("\xef\xbb\xbf"
                        "a 1\n",
                        "a 1\n");
    assert_text_becomes("a b;operator new(unsigned long) [k]  17 \n",
                        "a b;operator new(unsigned long) [k] 17\n");
    assert_text_becomes("a\t5\n", "a 5\n");
    assert_text_becomes("a 5.00\n", "a 5\n");
    assert_text_becomes("a 10 20\n", "a 10 20\n");
    assert_text_becomes("# duration: 23873\na 1\n", "a 1\n");
    assert_text_becomes("#a 1\n", "#a 1\n");
    assert_becomes("#\0 1\n#\r;b 2\n \t;c 3\n", 19, "? 1\n? ;b 2\n[blank];c 3\n");
    assert_becomes("\xff\xfe"
                   "a\0\xe9\0 \0"
                   "1\0",
                   10, "a\xc3\xa9 1\n");
    assert_becomes("\xfe\xff\0a\xd8\x3d\xde\x00\0 \0"
                   "1\0\n",
                   14, "a\xf0\x9f\x98\x80 1\n");
}

/* Lines that are no stacks are skipped, and those whose count is none that can be held; the profile
 * says how many of either and where. */
static void test_skipped(void **state)
{
    static const char text[] = "a 1\nno count\n 7\n12\nb -3\nc 99999999999999999999\nb 2\n";
    struct pprofc_profile *profile = read_bytes(text, sizeof text - 1);

    (void)state;
    assert_int_equal(pp_profile_total(profile, 0), 1 - 3 + 2);
    assert_int_equal(profile->n_comments, 2);
    assert_string_equal(pp_profile_chars(profile, profile->comments[0]),
                        "1 lines with a count of 2^63 and more were skipped, the first at byte 24");
    assert_string_equal(pp_profile_chars(profile, profile->comments[1]),
                        "3 lines without a stack and a count were skipped, the first at byte 4");
    pprofc_profile_free(profile);
}

/* What a folded file may begin with, besides words: what has no name, Python's and PHP's frames,
 * comments, what has become less. */
static void test_beginnings(void **state)
{
    static const char *const texts[] = {"<unknown>;f 3\n", "<module>;f 3\n", "{main};f 3\n",
                                        "{closure} 3\n",   "[stack];f 3\n",  "# a: b\nf 3\n",
                                        "f -3\nf 6\n",     "f;g -3\n"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const int64_t total = strstr(texts[i], "g -3") != NULL ? -3 : 3;
        struct pprofc_profile *profile = read_bytes(texts[i], strlen(texts[i]));
        if (pp_format_of_bytes(texts[i], strlen(texts[i])) != PP_FORMAT_FOLDED)
            fail_msg("%s is not taken for folded stacks", texts[i]);
        assert_int_equal(pp_profile_total(profile, 0), total);
        pprofc_profile_free(profile);
    }
    assert_int_equal(pp_format_of_bytes("<?xml version", 13), PP_FORMAT_SVG);
    assert_int_equal(pp_format_of_bytes(" <!DOCTYPE html>", 16), PP_FORMAT_SVG);
    assert_int_equal(pp_format_of_bytes("{ \"a\": 1}", 10), PP_FORMAT_JSON);
}

/* Counts with fractions keep them, in thousandths or millionths; what is finer is rounded and said.
 */
static void test_fractions(void **state)
{
    struct pprofc_profile *profile;

    (void)state;
    assert_text_becomes("a 1\nb 12.5\nb 0.25\nc 2.000\n", "a 1\nb 12.750\nc 2\n");
    assert_text_becomes("a 1.5\nb 0.0001\n", "a 1.500000\nb 0.000100\n");
    assert_text_becomes("a -1.5\nb 2\n", "a -1.500\nb 2\n");
    /* what no longer fits saturates on its own side */
    assert_text_becomes("a -9223372036854775807\nb 0.5\n", "a -9223372036854775.808\nb 0.500\n");
    assert_text_becomes("a .5 1\na 1. 2\n", "a .5 1\na 1. 2\n");
    profile = read_text("a 14.234398324872284\nb 1e5\n");
    assert_int_equal(pp_profile_total(profile, 0), 14234398);
    assert_string_equal(profile->strings[profile->types[0].unit], "millionths");
    assert_string_equal(profile->strings[profile->comments[1]],
                        "1 counts were rounded to millionths");
    pprofc_profile_free(profile);
    profile = read_text("a 9223372036854775807\nb 0.5\n");
    assert_true(pp_profile_total(profile, 0) == INT64_MAX);
    pprofc_profile_free(profile);
}

/* Names that are not UTF-8 are Latin-1, UTF-16 needs no mark, and lines that begin alike, or like
 * the one before but shorter or longer, are the stacks that they say. */
static void test_encodings(void **state)
{
    struct pprofc_profile *profile = read_text("caf\xe9;\xc3\xa9 1\n");

    (void)state;
    assert_int_equal(profile->n_notes, 1);
    assert_string_equal(profile->strings[profile->comments[0]],
                        "1 names are not UTF-8 and were read as Latin-1");
    pprofc_profile_free(profile);
    assert_text_becomes("caf\xe9;\xc3\xa9 1\n", "caf\xc3\xa9;\xc3\xa9 1\n");
    assert_becomes("a\0;\0b\0 \0001\0\n\0", 12, "a;b 1\n");
    assert_becomes("\0a\0;\0b\0 \0001\0\n", 12, "a;b 1\n");
    assert_text_becomes(
        "a;b;c 1\na;b;cd 2\na;b 3\na;bc;c 4\na;b;c;d 5\na 6\nab 7\n;a 8\na; 9\n",
        "a;b;c 1\na;b;cd 2\na;b 3\na;bc;c 4\na;b;c;d 5\na 6\nab 7\n<unknown>;a 8\na;<unknown> 9\n");
}

static void assert_refused(const char *text, uint64_t offset, const char *message)
{
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;

    assert_int_equal(pp_folded_read(text, strlen(text), "t", &profile, &err), -EBADMSG);
    assert_null(profile);
    assert_string_equal(err.message, message);
    assert_int_equal(err.offset_bytes, offset);
}

/* A file without any stack is refused at its first line that could have been one. */
static void test_refused(void **state)
{
    (void)state;
    assert_refused("", 0, "'t' is empty");
    assert_refused("# only\n// words\n", 7, "'t': no line is a folded stack (\"main;parse 42\")");
}

/* A line of 100 000 frames is read and written, by loops. */
static void test_deep(void **state)
{
    enum { DEPTH = 100000 };
    pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;
    struct pprofc_profile *profile;

    (void)state;
    for (int i = 0; i < DEPTH; i++)
        pp_buffer_printf(&text, "%sf%d", i > 0 ? ";" : "", i % 10);
    pp_buffer_text(&text, " 3\n");
    pp_buffer_append(&text, "", 1);
    profile = read_bytes(text.bytes, text.n_bytes - 1);
    assert_int_equal(profile->n_nodes, DEPTH + 1);
    pprofc_profile_free(profile);
    assert_text_becomes(text.bytes, text.bytes);
}

/* Names hold what would break the format; addresses of one function are one frame; inlined frames
 * are frames. */
static void test_writing(void **state)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    struct pprofc_profile *profile = pp_profile_new();
    const struct pp_mapping mapping = {.start = 1,
                                       .path = pp_profile_text(profile, "/lib/libz.so.1")};
    const struct pp_function inner = {.name = pp_profile_text(profile, "in;ner")};
    const struct pp_function outer = {.name = pp_profile_text(profile, "out\ner")};
    const struct pp_line lines[] = {{pp_profile_function(profile, &inner), 1},
                                    {pp_profile_function(profile, &outer), 2}};
    struct pp_location location = {
        .address = 0x10, .n_lines = 2, .mapping = pp_profile_mapping(profile, &mapping)};
    const int64_t values[] = {1, 100}, none[] = {0, 0};
    pp_id node;

    (void)state;
    (void)pp_profile_add_type(profile, "samples", "count");
    (void)pp_profile_add_type(profile, "cpu", "nanoseconds");
    node = pp_profile_child(profile, 0, pp_profile_location(profile, &location, lines));
    pp_profile_add(profile, node, 0, 0, values);
    location.address = 0x20;
    node = pp_profile_child(profile, 0, pp_profile_location(profile, &location, lines));
    pp_profile_add(profile, node, 0, 0, values);
    location.n_lines = 0;
    node = pp_profile_child(profile, node, pp_profile_location(profile, &location, NULL));
    pp_profile_add(profile, node, 0, 0, values);
    node = pp_profile_child(profile, node, pp_profile_named_location(profile, "zero", 4));
    pp_profile_add(profile, node, 0, 0, none);
    pp_profile_add(profile, 0, 0, 0, values);
    assert_int_equal(pp_folded_write(profile, 1, &out, NULL), 0);
    pp_buffer_append(&out, "", 1);
    assert_string_equal(out.bytes,
                        "out er;in:ner 200\nout er;in:ner;[libz.so.1] 100\n[no stack] 100\n");
    assert_int_equal(pp_folded_write(profile, 2, &out, NULL), -EINVAL);
    pprofc_profile_free(profile);
}

/* A name that begins with a byte order mark keeps it, also as a text's first. */
static void test_byte_order_mark(void **state)
{
    static const char text[] = "main;a 1\n\xef\xbb\xbf"
                               "b 2\n";
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    struct pprofc_profile *profile = NULL, *again = NULL;

    (void)state;
    assert_int_equal(pp_folded_read(text + 9, sizeof text - 10, "mark", &profile, NULL), 0);
    assert_string_equal(profile->strings[profile->functions[1].name], "b");
    pprofc_profile_free(profile);
    assert_int_equal(pp_folded_read("\xef\xbb\xbf\xef\xbb\xbf"
                                    "b 2\n",
                                    10, "mark", &profile, NULL),
                     0);
    assert_int_equal(pp_folded_write(profile, 0, &out, NULL), 0);
    assert_int_equal(pp_folded_read(out.bytes, out.n_bytes, "again", &again, NULL), 0);
    assert_string_equal(again->strings[again->functions[1].name], "\xef\xbb\xbf"
                                                                  "b");
    pprofc_profile_free(profile);
    pprofc_profile_free(again);
}

/* Lines that go on from the line before by much, by little or by nothing: each is counted on its
 * own stack, whether lines are taken together or not, and the unit that a late line asks for is
 * that of all. */
static void test_many_lines(void **state)
{
    pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT, read = PP_BUFFER_INIT;
    pp_autobuffer struct pp_buffer built = PP_BUFFER_INIT;
    struct pprofc_profile *wanted = pp_profile_new(), *found;
    uint64_t random = 5;
    int path[40], depth = 0;

    (void)state;
    (void)pp_profile_add_type(wanted, "samples", "count");
    for (int64_t i = 0; i < 5000; i++) {
        int64_t value = 1000 * (i % 9);
        pp_id node = 0;
        random = random * 6364136223846793005ULL + 1442695040888963407ULL;
        depth = depth > 0 ? (int)(random >> 33) % (depth + 1) : 0;
        for (int n = 1 + (int)(random >> 45) % 12; n > 0 && depth < 40; n--)
            path[depth++] = (int)(random >> (20 + n)) % 7;
        for (int level = 0; level < depth; level++) {
            char name[8];
            const int n_bytes = snprintf(name, sizeof name, "f%d", path[level]);
            const pp_id location = pp_profile_named_location(wanted, name, (size_t)n_bytes);
            pp_buffer_printf(&text, "%s%s", level > 0 ? ";" : "", name);
            node = pp_profile_child(wanted, node, location);
        }
        pp_buffer_printf(&text, " %d%s\n", (int)(value / 1000), i == 4990 ? ".5" : "");
        value += i == 4990 ? 500 : 0;
        pp_profile_add(wanted, node, 0, 0, &value);
    }
    wanted->types[0].unit = pp_profile_text(wanted, "thousandths");
    found = read_bytes(text.bytes, text.n_bytes);
    assert_int_equal(found->n_nodes, wanted->n_nodes);
    assert_int_equal(found->n_samples, wanted->n_samples);
    assert_int_equal(pp_folded_write(found, 0, &read, NULL), 0);
    assert_int_equal(pp_folded_write(wanted, 0, &built, NULL), 0);
    assert_int_equal(read.n_bytes, built.n_bytes);
    assert_memory_equal(read.bytes, built.bytes, built.n_bytes);
    pprofc_profile_free(wanted);
    pprofc_profile_free(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_skipped),
        cmocka_unit_test(test_beginnings),
        cmocka_unit_test(test_fractions),
        cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_writing),
        cmocka_unit_test(test_byte_order_mark),
        cmocka_unit_test(test_many_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
