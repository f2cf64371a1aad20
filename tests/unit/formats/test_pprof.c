/* pprof files: what we write we read back, whatever is in it; what contradicts itself is refused at
 * its byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/gzip.h"
#include "formats/bytes_digest.h"
#include "formats/formats.h"
#include "formats/pprof.h"
#include "formats/wire.h"
#include "random_profile.h"

/* 1000 random profiles come back equal, written gzipped or not, and are written the same a second
 * time. */
static void test_round_trip(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        pp_autobuffer struct pp_buffer first = PP_BUFFER_INIT, second = PP_BUFFER_INIT;
        struct pprofc_profile *profile = make_random_profile(seed), *again = NULL;
        struct pprofc_error err = {.message = ""};
        const char *difference;

        assert_int_equal(pp_pprof_write(profile, seed % 2 == 0, &first, &err), 0);
        if (pp_pprof_read(first.bytes, first.n_bytes, "random", &again, &err) != 0)
            fail_msg("seed %llu: %s", (unsigned long long)seed, err.message);
        difference = profile_difference(profile, again);
        if (difference != NULL)
            fail_msg("seed %llu: %s", (unsigned long long)seed, difference);
        assert_int_equal(pp_pprof_write(again, seed % 2 == 0, &second, &err), 0);
        assert_int_equal(second.n_bytes, first.n_bytes);
        assert_memory_equal(second.bytes, first.bytes, first.n_bytes);
        pprofc_profile_free(profile);
        pprofc_profile_free(again);
    }
}

/* A profile with a time axis is summed over it: pprof has none, and the total is the same. */
static void test_slices_are_summed(void **state)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    struct pprofc_profile *profile = pp_profile_new(), *again = NULL;
    const int64_t one = 1, two = 2;
    pp_id node;

    (void)state;
    (void)pp_profile_add_type(profile, "samples", "count");
    profile->slice_ns = 100;
    node = pp_profile_child(profile, 0, pp_profile_named_location(profile, "f", 1));
    pp_profile_add(profile, node, 0, 0, &one);
    pp_profile_add(profile, 0, 0, 0, &one);
    pp_profile_add(profile, node, 0, 9, &two);
    assert_int_equal(pp_pprof_write(profile, false, &out, NULL), 0);
    assert_int_equal(pp_pprof_read(out.bytes, out.n_bytes, "sums", &again, NULL), 0);
    assert_int_equal(again->n_samples, 2);
    assert_int_equal(again->sample_values[0], 3);
    assert_int_equal(again->sample_values[1], 1);
    pprofc_profile_free(profile);
    pprofc_profile_free(again);
}

/* Sums of one stack stand side by side, which compresses, in the order of their first samples. */
static void test_stacks_stand_together(void **state)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    struct pprofc_profile *profile = pp_profile_new(), *again = NULL;
    const int64_t values[] = {1, 2, 4, 8, 16, 32};
    static const int64_t expected[] = {1, 4 + 32, 16, 2, 8};
    static const int stack_of[] = {1, 0, 1, 0, 1, 1}, thread_of[] = {0, 0, 1, 1, 2, 1};
    pp_id stacks[2], threads[3];

    (void)state;
    (void)pp_profile_add_type(profile, "samples", "count");
    profile->slice_ns = 100;
    for (int i = 0; i < 2; i++)
        stacks[i] =
            pp_profile_child(profile, 0, pp_profile_named_location(profile, i == 0 ? "f" : "g", 1));
    for (int i = 0; i < 3; i++)
        threads[i] = pp_profile_label_set(
            profile,
            &(struct pp_label){.key = pp_profile_text(profile, "thread_id"), .number = i + 1}, 1);
    for (uint32_t i = 0; i < 6; i++)
        pp_profile_add(profile, stacks[stack_of[i]], threads[thread_of[i]], i, &values[i]);
    assert_int_equal(pp_pprof_write(profile, false, &out, NULL), 0);
    assert_int_equal(pp_pprof_read(out.bytes, out.n_bytes, "sums", &again, NULL), 0);
    assert_int_equal(again->n_samples, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(again->sample_values[i], expected[i]);
    pprofc_profile_free(profile);
    pprofc_profile_free(again);
}

/* Strict protobuf readers refuse strings that are not UTF-8: none is written, whatever the names
 * are. */
static void test_invalid_utf8(void **state)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    struct pprofc_profile *profile = pp_profile_new(), *again = NULL;
    const int64_t one = 1;

    (void)state;
    (void)pp_profile_add_type(profile, "samples", "count");
    pp_profile_add(
        profile, pp_profile_child(profile, 0, pp_profile_named_location(profile, "a\xff\xc0z", 4)),
        0, 0, &one);
    assert_int_equal(pp_pprof_write(profile, false, &out, NULL), 0);
    assert_int_equal(pp_pprof_read(out.bytes, out.n_bytes, "utf8", &again, NULL), 0);
    assert_string_equal(pp_profile_chars(again, again->functions[1].name),
                        "a\xef\xbf\xbd\xef\xbf\xbdz");
    pprofc_profile_free(profile);
    pprofc_profile_free(again);
}

/* ---- files made by hand ---- */

/* A profile of one type "t/u" whose other fields the test appends. */
static void begin_file(struct pp_buffer *out)
{
    pp_buffer_append(out, "\x0a\x04\x08\x01\x10\x02", 6); /* sample type: strings 1 and 2 */
    pp_buffer_append(out,
                     "\x32\x00\x32\x01t\x32\x01u\x32\x01"
                     "f",
                     11); /* strings "", t, u, f */
}

static int read_bytes(const struct pp_buffer *bytes, struct pprofc_profile **profile,
                      struct pprofc_error *err)
{
    *err = (struct pprofc_error){.message = ""};
    return pp_pprof_read(bytes->bytes, bytes->n_bytes, "hand", profile, err);
}

/* Integers may come packed or one by one, ids may be any number, in any order, and unknown fields
 * are skipped. */
static void test_other_encodings(void **state)
{
    static const char one_by_one[] =
        "\x12\x06\x08\x07\x08\x09\x10\x05"         /* sample: locations 7, 9; value 5 */
        "\x22\x02\x08\x07\x22\x02\x08\x09"         /* locations 7 and 9 */
        "\xa0\x06\x01"                             /* field 100, a varint */
        "\xa5\x06\x01\x02\x03\x04"                 /* field 100, 32 bits */
        "\xa1\x06\x01\x02\x03\x04\x05\x06\x07\x08" /* field 100, 64 bits */
        "\xa2\x06\x02hi";                          /* field 100, bytes */
    static const char packed[] = "\x12\x07\x0a\x02\x07\x09\x12\x01\x05"
                                 "\x22\x02\x08\x07\x22\x04\x08\x09\x18\x01";
    static const char sparse[] = "\x12\x0e\x0a\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x10\x05"
                                 "\x22\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    const struct {
        const char *bytes;
        size_t n_bytes;
        uint32_t depth;
    } files[] = {{one_by_one, sizeof one_by_one - 1, 1 + 1},
                 {packed, sizeof packed - 1, 2},
                 {sparse, sizeof sparse - 1, 1}};

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
        struct pprofc_profile *profile = NULL;
        struct pprofc_error err;
        uint32_t depth = 0;
        begin_file(&bytes);
        pp_buffer_append(&bytes, files[i].bytes, files[i].n_bytes);
        if (read_bytes(&bytes, &profile, &err) != 0)
            fail_msg("file %zu: %s", i, err.message);
        assert_int_equal(pp_profile_total(profile, 0), 5);
        for (pp_id node = profile->sample_stack[0]; node != 0; node = profile->node_parent[node])
            depth++;
        assert_int_equal(depth, files[i].depth);
        pprofc_profile_free(profile);
    }
}

#define BAD(bytes, at, words)               \
    {                                       \
        bytes, sizeof(bytes) - 1, at, words \
    }

/* Each bad file is refused with what is wrong and the byte where.  The good beginning is 17 bytes
 * long. */
static void test_bad_files(void **state)
{
    static const struct {
        const char *bytes;
        size_t n_bytes;
        uint64_t at; /* counted from behind the good beginning */
        const char *words;
    } bad[] = {
        BAD("\x12\x02\x08\x00", 2, "location of reserved id 0"),
        BAD("\x12\x03\x0a\x01\x00", 4, "location of reserved id 0"),
        BAD("\x12\x02\x08\x05", 2, "location 5, which is not there"),
        BAD("\x22\x02\x08\x00", 0, "location with reserved id 0"),
        BAD("\x22\x02\x18\x07", 0, "location with reserved id 0"),
        BAD("\x2a\x02\x08\x00", 0, "function with reserved id 0"),
        BAD("\x1a\x00", 0, "mapping with reserved id 0"),
        BAD("\x22\x02\x08\x01\x22\x02\x08\x01", 4, "second location with id 1"),
        BAD("\x2a\x02\x08\x01\x2a\x02\x08\x01", 4, "second function with id 1"),
        BAD("\x1a\x02\x08\x01\x1a\x02\x08\x01", 4, "second mapping with id 1"),
        BAD("\x12\x04\x10\x01\x10\x02", 0, "sample with 2 values for 1 sample types"),
        BAD("\x12\x00", 0, "sample with 0 values for 1 sample types"),
        BAD("\x12\x0b\x12\x09\x01\x01\x01\x01\x01\x01\x01\x01\x01", 0,
            "sample with 9 values for 1 sample types"),
        BAD("\x2a\x04\x08\x01\x10\x04", 4, "string 4 of a table of 4"),
        BAD("\x1a\x04\x08\x01\x28\x63", 4, "string 99 of a table of 4"),
        BAD("\x12\x06\x10\x01\x1a\x02\x08\x09", 6, "string 9 of a table of 4"),
        BAD("\x38\x07", 0, "string 7 of a table of 4"),
        BAD("\x68\x07", 0, "string 7 of a table of 4"),
        BAD("\x6a\x02\x01\x07", 3, "string 7 of a table of 4"),
        BAD("\x5a\x02\x08\x08", 2, "string 8 of a table of 4"),
        BAD("\x12\x05\x08", 0, "malformed or truncated protobuf field"),
        BAD("\x12\x02\x0a\x05", 2, "malformed or truncated protobuf field"),
        BAD("\x48\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 0,
            "malformed or truncated protobuf field"),
        BAD("\x48\x80", 0, "malformed or truncated protobuf field"),
        BAD("\x12\x03\x0a\x01\x80", 4, "malformed or truncated location id"),
        BAD("\x12\x03\x12\x01\x80", 4, "malformed or truncated value"),
        BAD("\x6b", 0, "malformed or truncated protobuf field"),     /* a group */
        BAD("\x02\x00", 0, "malformed or truncated protobuf field"), /* field 0 */
        BAD("\x10\x01", 0, "field 2 is no message"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
        struct pprofc_profile *profile = NULL;
        struct pprofc_error err;
        begin_file(&bytes);
        assert_int_equal(bytes.n_bytes, 17);
        pp_buffer_append(&bytes, bad[i].bytes, bad[i].n_bytes);
        assert_int_equal(read_bytes(&bytes, &profile, &err), -EBADMSG);
        assert_null(profile);
        if (strstr(err.message, bad[i].words) == NULL || err.offset_bytes != 17 + bad[i].at)
            fail_msg("bad file %zu: '%s' with offset %llu", i, err.message,
                     (unsigned long long)err.offset_bytes);
    }
}

/* No sample types, too many of them, a string table that begins with a word, an empty file: all are
 * refused. */
static void test_bad_beginnings(void **state)
{
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;
    char many[33 * 2] = "";

    (void)state;
    for (size_t i = 0; i < 33; i++)
        memcpy(many + 2 * i, "\x0a\x00", 2);
    assert_int_equal(pp_pprof_read("", 0, "x", &profile, &err), -EBADMSG);
    assert_string_equal(err.message, "'x' is empty");
    assert_int_equal(pp_pprof_read("\x32\x00", 2, "x", &profile, &err), -EBADMSG);
    assert_non_null(strstr(err.message, "no sample types"));
    assert_int_equal(pp_pprof_read(many, 66, "x", &profile, &err), -EBADMSG);
    assert_string_equal(err.message, "'x': 33 sample types where 32 are the limit at byte 64");
    assert_int_equal(pp_pprof_read("\x0a\x00\x32\x01t", 5, "x", &profile, &err), -EBADMSG);
    assert_int_equal(err.offset_bytes, 2);
    assert_null(profile);
}

/* ---- many samples ---- */

static uint32_t draw(uint64_t *state, uint32_t n)
{
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)((*state >> 33) % n);
}

/* Stacks of up to 'depth' of 30 000 locations (ids of three bytes) in 'n_samples' samples, of which
 * one in 'n_new' is a new one, and leaves at its root's end an older one. */
static struct pprofc_profile *deep_profile(uint32_t n_samples, uint32_t n_new, uint32_t depth)
{
    enum { N_LOCATIONS = 30000, MOST_STACKS = 20000 };
    static pp_id locations[N_LOCATIONS], stacks[MOST_STACKS];
    struct pprofc_profile *profile = pp_profile_new();
    const pp_id key = pp_profile_text(profile, "request");
    uint64_t state = 7;
    uint32_t n_stacks = 1;

    (void)pp_profile_add_type(profile, "samples", "count");
    stacks[0] = 0;
    for (uint32_t i = 0; i < N_LOCATIONS; i++) {
        const struct pp_location location = {.address = 0x1000 + 16 * i};
        locations[i] = pp_profile_location(profile, &location, NULL);
    }
    for (uint32_t i = 0; i < n_samples; i++) {
        const struct pp_label label = {.key = key, .number = draw(&state, 2000)};
        const int64_t value = 1 + draw(&state, 100);
        pp_id node = stacks[draw(&state, n_stacks)];
        if (draw(&state, n_new) == 0) {
            for (uint32_t up = draw(&state, depth); up > 0 && node != 0; up--)
                node = profile->node_parent[node];
            for (uint32_t down = draw(&state, depth); down > 0; down--)
                node = pp_profile_child(profile, node, locations[draw(&state, N_LOCATIONS)]);
            stacks[n_stacks < MOST_STACKS ? n_stacks++ : draw(&state, MOST_STACKS)] = node;
        }
        pp_profile_add(profile, node, pp_profile_label_set(profile, &label, 1), 0, &value);
    }
    return profile;
}

/* A copy of a file, with a time between two of its fields near byte 'at'. */
static void copy_with_time(const struct pp_buffer *file, size_t at, struct pp_buffer *copy)
{
    static const char time_of_5_ns[] = "\x48\x05";
    struct pp_wire wire = pp_wire_of(file->bytes, file->n_bytes);
    struct pp_wire_field field;
    size_t n_before;

    while (wire.at < (const uint8_t *)file->bytes + at)
        assert_int_equal(pp_wire_field(&wire, &field), 1);
    n_before = (size_t)((const char *)wire.at - file->bytes);
    pp_buffer_append(copy, file->bytes, n_before);
    pp_buffer_append(copy, time_of_5_ns, 2);
    pp_buffer_append(copy, file->bytes + n_before, file->n_bytes - n_before);
}

/* A buffer that is forgotten as it is read gives the same profile, wherever things stand in it (the
 * address sanitizer knows what was forgotten). */
static void check_forgetting(struct pprofc_profile *profile, const struct pp_buffer *file)
{
    for (size_t i = 0; i <= 4; i++) {
        pp_autobuffer struct pp_buffer copy = PP_BUFFER_INIT;
        struct pprofc_profile *again = NULL;
        const char *difference;
        copy_with_time(file, file->n_bytes / 4 * i, &copy);
        assert_int_equal(pp_pprof_read_buffer(&copy, "forgotten", &again, NULL), 0);
        assert_int_equal(again->time_ns, 5);
        again->time_ns = profile->time_ns;
        difference = profile_difference(profile, again);
        if (difference != NULL)
            fail_msg("time at %zu quarters: %s", i, difference);
        pprofc_profile_free(again);
    }
}

/* Of many samples on deep stacks, that come again or do not, each comes back on its stack with its
 * labels: found by their bytes or not, they are the same. */
static void test_many_stacks(void **state)
{
    static const struct {
        uint32_t n_samples, n_new, depth;
    } cases[] = {{60000, 4, 80}, {40000, 1, 40}, {60000, 50, 300}, {20000, 2, 12}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
        struct pprofc_profile *again = NULL,
                              *profile =
                                  deep_profile(cases[i].n_samples, cases[i].n_new, cases[i].depth);
        const char *difference;
        assert_int_equal(pp_pprof_write(profile, false, &out, NULL), 0);
        assert_int_equal(pp_pprof_read(out.bytes, out.n_bytes, "deep", &again, NULL), 0);
        difference = profile_difference(profile, again);
        if (difference != NULL)
            fail_msg("case %zu: %s", i, difference);
        pprofc_profile_free(again);
        check_forgetting(profile, &out);
        pprofc_profile_free(profile);
    }
}

/* The frames of a sample may stand in several fields, with others between: samples of the same
 * stack are one, however it is written, and the same bytes in another place are not taken for it.
 */
static void test_scattered_frames(void **state)
{
    static const char file[] = "\x22\x02\x08\x01\x22\x04\x08\x02\x18\x01\x22\x04\x08\x0a\x18\x02"
                               "\x12\x07\x0a\x02\x01\x02\x12\x01\x01"     /* 1 2, value 1 */
                               "\x12\x08\x0a\x01\x01\x10\x02\x0a\x01\x02" /* 1, value 2, 2 */
                               "\x12\x06\x08\x01\x10\x04\x08\x02"         /* the same, bare */
                               "\x12\x06\x08\x01\x08\x02\x10\x08"
                               "\x12\x07\x0a\x02\x01\x02\x12\x01\x10"         /* as the first */
                               "\x12\x09\x0a\x04\x0a\x02\x01\x02\x12\x01\x20" /* 10 2 1 2 */
                               "\x12\x02\x10\x40";                            /* none */
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;

    (void)state;
    begin_file(&bytes);
    pp_buffer_append(&bytes, file, sizeof file - 1);
    if (read_bytes(&bytes, &profile, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(profile->n_samples, 3);
    assert_int_equal(profile->sample_values[0], 1 + 2 + 4 + 8 + 16);
    assert_int_equal(profile->sample_values[1], 32);
    assert_int_equal(profile->sample_values[2], 64);
    assert_int_equal(profile->sample_stack[2], 0);
    assert_int_equal(profile->n_nodes, 1 + 2 + 2);
    pprofc_profile_free(profile);
}

/* A digest is another one for any other byte and any other length, up to several blocks. */
static void test_digests(void **state)
{
    enum { MOST_BYTES = 70 };
    const struct pp_digest_key key = pp_digest_key();
    uint8_t bytes[MOST_BYTES];
    struct pp_digest last = pp_digest_of(&key, bytes, 0);

    (void)state;
    memset(bytes, 0, sizeof bytes);
    for (size_t n = 1; n <= MOST_BYTES; n++) {
        const struct pp_digest whole = pp_digest_of(&key, bytes, n);
        assert_false(whole.place == last.place || whole.proof == last.proof);
        for (size_t i = 0; i < n * 8; i++) {
            struct pp_digest changed;
            bytes[i / 8] ^= (uint8_t)(1 << (i % 8));
            changed = pp_digest_of(&key, bytes, n);
            assert_false(whole.place == changed.place || whole.proof == changed.proof);
            bytes[i / 8] ^= (uint8_t)(1 << (i % 8));
        }
        assert_true(pp_digest_is(whole, pp_digest_of(&key, bytes, n)));
        last = whole;
    }
}

/* A good file cut anywhere, or with any byte changed, is read or refused, but nothing worse (run
 * under ASan). */
static void test_damaged(void **state)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    struct pprofc_profile *profile = make_random_profile(3);

    (void)state;
    assert_int_equal(pp_pprof_write(profile, false, &out, NULL), 0);
    pprofc_profile_free(profile);
    for (size_t i = 1; i < out.n_bytes; i++) {
        struct pprofc_profile *read = NULL;
        const char saved = out.bytes[i];
        struct pprofc_error err = {.offset_bytes = 0};
        const int cut = pp_pprof_read(out.bytes, i, "cut", &read, &err);
        assert_true(cut == 0 || (cut == -EBADMSG && err.offset_bytes <= i && read == NULL));
        pprofc_profile_free(read);
        read = NULL;
        out.bytes[i] = (char)(saved ^ (1 << (i % 8)));
        (void)pp_pprof_read(out.bytes, out.n_bytes, "changed", &read, &err);
        pprofc_profile_free(read);
        out.bytes[i] = saved;
    }
}

/* ---- gzip ---- */

static int inflate(const void *bytes, size_t n_bytes, size_t limit, struct pp_buffer *out,
                   struct pprofc_error *err)
{
    return pp_gzip_inflate(bytes, n_bytes, limit, "z", out, err);
}

/* Several members are one file; a cut at any byte is found out, as is what follows; zeros may
 * follow. */
static void test_gzip(void **state)
{
    pp_autobuffer struct pp_buffer packed = PP_BUFFER_INIT, out = PP_BUFFER_INIT;
    struct pprofc_error err;
    size_t n_first;

    (void)state;
    assert_int_equal(pp_gzip_deflate("hello, hello, ", 14, &packed, NULL), 0);
    n_first = packed.n_bytes;
    assert_int_equal(pp_gzip_deflate("world", 5, &packed, NULL), 0);
    assert_int_equal(inflate(packed.bytes, packed.n_bytes, 100, &out, &err), 0);
    assert_int_equal(out.n_bytes, 19);
    assert_memory_equal(out.bytes, "hello, hello, world", 19);
    for (size_t i = 2; i < packed.n_bytes; i++) {
        out.n_bytes = 0;
        if (i == n_first)
            continue;
        assert_int_equal(inflate(packed.bytes, i, 100, &out, &err), -EBADMSG);
        assert_non_null(strstr(err.message, i == n_first + 1 ? "bytes follow" : "truncated gzip"));
        assert_int_equal(err.offset_bytes, i < n_first ? 0 : n_first);
    }
    out.n_bytes = 0;
    pp_buffer_append(&packed, "\0\0\0", 3);
    assert_int_equal(inflate(packed.bytes, packed.n_bytes, 100, &out, &err), 0);
    assert_int_equal(inflate("\x1f\x8b\x08\0\0\0\0\0\0\x03", 10, 100, &out, &err), -EBADMSG);
    assert_string_equal(err.message, "'z': truncated gzip of 10 bytes");
}

/* A bomb is stopped at the limit, and a claimed size is not believed. */
static void test_gzip_limit(void **state)
{
    static const char zeros[1 << 20];
    pp_autobuffer struct pp_buffer packed = PP_BUFFER_INIT, out = PP_BUFFER_INIT;
    struct pprofc_error err;

    (void)state;
    assert_int_equal(pp_gzip_deflate(zeros, sizeof zeros, &packed, NULL), 0);
    assert_int_equal(inflate(packed.bytes, packed.n_bytes, sizeof zeros - 1, &out, &err), -EFBIG);
    assert_true(out.capacity <= 2 * sizeof zeros);
    assert_int_equal(inflate(packed.bytes, packed.n_bytes, sizeof zeros, &out, &err), 0);
    assert_int_equal(out.n_bytes, sizeof zeros);
    memcpy(packed.bytes + packed.n_bytes - 4, "\xff\xff\xff\x3f", 4);
    out.n_bytes = 0;
    assert_int_equal(inflate(packed.bytes, packed.n_bytes, (size_t)1 << 30, &out, &err), -EBADMSG);
    assert_true(out.capacity <= 4 * sizeof zeros);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_slices_are_summed),
        cmocka_unit_test(test_stacks_stand_together),
        cmocka_unit_test(test_invalid_utf8),
        cmocka_unit_test(test_other_encodings),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_bad_beginnings),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_gzip_limit),
        cmocka_unit_test(test_many_stacks),
        cmocka_unit_test(test_scattered_frames),
        cmocka_unit_test(test_digests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
