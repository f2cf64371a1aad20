/* Folded stacks, "main;parse;read_token 42" a line, root first: what flamegraph.pl, perf scripts
 * and many others speak.  Files come in UTF-8, UTF-16 or Latin-1, with any line ends, with
 * comments, with lines that are neither, and with counts that have fractions.  Stacks of
 * neighbouring lines mostly begin alike, and names are few: the first is found by comparing lines,
 * the second by one look-up a name. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "base/utf8.h"
#include "formats/formats.h"
#include "formats/lines.h"
#include "formats/text_memo.h"
#include "profile/tables.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

enum { MOST_DIGITS = 6 }; /* behind the point; what is finer is rounded, and said so */

/* A frame of the line that was read last. */
struct frame {
    size_t end; /* of its name in the line, where its ';' stands */
    pp_id location;
};

/* A line that is not in the profile yet. */
struct line {
    size_t first, n_frames; /* its locations in the batch's, leaf first */
    size_t n_common;        /* of the frames, with the line before */
    int64_t value;
};

struct reader {
    struct pprofc_profile *profile;
    const char *name;
    struct pprofc_error *err;
    struct pp_text_memo names; /* a name's bytes: its location */
    struct frame *frames;
    size_t n_frames, frames_capacity;
    struct pp_buffer last; /* the stack of the line that 'frames' are of */

    /* Lines are taken a batch at a time: those that share little with the one before go down the
     * tree side by side. */
    struct line lines[PP_PROFILE_MOST_WALKS];
    struct pp_profile_walk walks[PP_PROFILE_MOST_WALKS];
    uint32_t n_lines;
    pp_id *locations;
    size_t n_locations, locations_capacity;
    pp_id last_node; /* the stack of the line that was taken last */
    size_t last_depth;

    int n_digits; /* values are so many times ten of the counts */
    uint64_t n_stacks, n_skipped, first_skipped, n_rounded, n_latin1;
    uint64_t n_refused, first_refused; /* lines with counts that are too large */
};

static void reader_done(struct reader *reader)
{
    pprofc_profile_free(reader->profile);
    pp_text_memo_done(&reader->names);
    pp_buffer_done(&reader->last);
    free(reader->frames);
    free(reader->locations);
}

/* ---- names ---- */

/* What is not UTF-8 was written as Latin-1, whose bytes are the code points. */
static pp_id latin1_location(struct reader *reader, const char *bytes, size_t n_bytes)
{
    pp_autobuffer struct pp_buffer name = PP_BUFFER_INIT;

    for (size_t i = 0; i < n_bytes; i++)
        pp_utf8_append_code(&name, (unsigned char)bytes[i]);
    reader->n_latin1++;
    return name.failed ? 0 : pp_profile_named_location(reader->profile, name.bytes, name.n_bytes);
}

/* 0 when memory runs out. */
static pp_id location_of(struct reader *reader, const char *bytes, size_t n_bytes)
{
    const uint64_t hash = pp_text_hash(bytes, n_bytes);
    pp_id location;

    if (pp_text_memo_find(&reader->names, bytes, n_bytes, hash, &location))
        return location;
    location = pp_utf8_valid_bytes(bytes, n_bytes) == n_bytes
                   ? pp_profile_named_location(reader->profile, bytes, n_bytes)
                   : latin1_location(reader, bytes, n_bytes);
    if (location != 0 && pp_text_memo_put(&reader->names, bytes, n_bytes, hash, location) != 0)
        location = 0;
    return location;
}

/* ---- stacks ---- */

/* How many bytes two texts have in common at their beginnings. */
static size_t common_bytes(const char *a, const char *b, size_t n_bytes)
{
    size_t at = 0;

    while (n_bytes - at >= 8) {
        const uint64_t difference = pp_text_load8(a + at) ^ pp_text_load8(b + at);
        if (difference != 0)
            return at + (size_t)__builtin_ctzll(difference) / 8;
        at += 8;
    }
    while (at < n_bytes && a[at] == b[at])
        at++;
    return at;
}

/* How many of the last line's frames this stack begins with. */
static size_t common_frames(const struct reader *reader, const char *bytes, size_t n_bytes)
{
    const struct pp_buffer *last = &reader->last;
    const size_t n_both = last->n_bytes < n_bytes ? last->n_bytes : n_bytes;
    const size_t n_common = common_bytes(last->bytes, bytes, n_both);
    size_t n = 0;

    while (n < reader->n_frames && reader->frames[n].end < n_common)
        n++;
    /* The next one ends with the common part when both lines go on with ';' or end there. */
    if (n < reader->n_frames && reader->frames[n].end == n_common &&
        (n_common == n_bytes || bytes[n_common] == ';'))
        n++;
    return n;
}

static int push(struct reader *reader, size_t end, pp_id location)
{
    if (location == 0 || (reader->n_frames == reader->frames_capacity &&
                          pp_array_reserve(&reader->frames, &reader->frames_capacity,
                                           reader->n_frames + 1, sizeof *reader->frames) != 0))
        return -ENOMEM;
    reader->frames[reader->n_frames++] = (struct frame){end, location};
    return 0;
}

/* Half of the frames or more are those of the line before: their nodes are known, or will be. */
static bool follows(const struct line *line)
{
    return line->n_common >= line->n_frames - line->n_common;
}

/* The stack of a line; 'walk' is NULL where it goes on from that of the line before. */
static pp_id take_line(struct reader *reader, const struct line *line,
                       const struct pp_profile_walk *walk)
{
    struct pprofc_profile *profile = reader->profile;
    pp_id node = walk != NULL ? walk->node : reader->last_node;
    size_t n_left = walk != NULL ? walk->n_left : line->n_frames - line->n_common;

    for (size_t depth = reader->last_depth; walk == NULL && depth > line->n_common; depth--)
        node = profile->node_parent[node];
    node = pp_profile_descend(profile, node, reader->locations + line->first, n_left);
    reader->last_node = node;
    reader->last_depth = line->n_frames;
    return node;
}

/* 0 or -ENOMEM. */
static int take_lines(struct reader *reader)
{
    pp_id nodes[PP_PROFILE_MOST_WALKS];
    uint32_t n_walks = 0, walk = 0;

    for (uint32_t i = 0; i < reader->n_lines; i++)
        if (!follows(&reader->lines[i]))
            reader->walks[n_walks++] =
                (struct pp_profile_walk){.locations = reader->locations + reader->lines[i].first,
                                         .n_left = reader->lines[i].n_frames};
    pp_profile_walk_known(reader->profile, reader->walks, n_walks);
    for (uint32_t i = 0; i < reader->n_lines; i++) {
        nodes[i] = take_line(reader, &reader->lines[i],
                             follows(&reader->lines[i]) ? NULL : &reader->walks[walk++]);
        if (pp_profile_failed(reader->profile))
            return -ENOMEM;
        pp_profile_fetch_sample(reader->profile, nodes[i], 0, 0);
    }
    for (uint32_t i = 0; i < reader->n_lines; i++)
        pp_profile_add(reader->profile, nodes[i], 0, 0, &reader->lines[i].value);
    reader->n_lines = 0;
    reader->n_locations = 0;
    return 0;
}

/* Put the line whose frames are complete behind the others. */
static int add_line(struct reader *reader, size_t n_common, int64_t value)
{
    pp_id *to;

    if (pp_array_reserve(&reader->locations, &reader->locations_capacity,
                         reader->n_locations + reader->n_frames, sizeof(pp_id)) != 0)
        return -ENOMEM;
    to = reader->locations + reader->n_locations;
    for (size_t i = reader->n_frames; i > 0; i--)
        *to++ = reader->frames[i - 1].location;
    reader->lines[reader->n_lines++] =
        (struct line){reader->n_locations, reader->n_frames, n_common, value};
    reader->n_locations += reader->n_frames;
    reader->n_stacks++;
    return reader->n_lines == PP_PROFILE_MOST_WALKS ? take_lines(reader) : 0;
}

/* A path as deep as the input is long: an array, no recursion. */
static int read_stack(struct reader *reader, const char *bytes, size_t n_bytes, int64_t value)
{
    const size_t n_common = common_frames(reader, bytes, n_bytes);
    size_t at;
    int failed = 0;

    reader->n_frames = n_common;
    at = n_common > 0 ? reader->frames[n_common - 1].end + 1 : 0;
    while (failed == 0 && at <= n_bytes) {
        const char *semicolon = at < n_bytes ? memchr(bytes + at, ';', n_bytes - at) : NULL;
        const size_t end = semicolon != NULL ? (size_t)(semicolon - bytes) : n_bytes;
        failed = push(reader, end, location_of(reader, bytes + at, end - at));
        at = end + 1;
    }
    if (failed != 0)
        return failed;
    reader->last.n_bytes = 0;
    pp_buffer_append(&reader->last, bytes, n_bytes);
    return reader->last.failed ? -ENOMEM : add_line(reader, n_common, value);
}

/* ---- counts ---- */

static int64_t times_ten(int64_t value, int n_digits)
{
    for (; n_digits > 0; n_digits--) {
        const bool is_negative = value < 0;
        if (__builtin_mul_overflow(value, 10, &value))
            return is_negative ? INT64_MIN : INT64_MAX;
    }
    return value;
}

/* The first count with a fraction, or with a longer one: what was read before gets the same unit.
 */
static void scale_values(struct reader *reader, int n_digits)
{
    struct pprofc_profile *profile = reader->profile;

    for (uint32_t i = 0; i < reader->n_lines; i++)
        reader->lines[i].value = times_ten(reader->lines[i].value, n_digits - reader->n_digits);
    for (uint32_t i = 0; i < profile->n_samples; i++)
        profile->sample_values[i] =
            times_ten(profile->sample_values[i], n_digits - reader->n_digits);
    reader->n_digits = n_digits;
}

/* "12.5": digits, a point, digits.  Returns where the point stands, or 'n_bytes'. */
static size_t find_point(const char *bytes, size_t n_bytes)
{
    size_t point = n_bytes;

    for (size_t i = 0; i < n_bytes; i++) {
        if (bytes[i] == '.' && point == n_bytes && i > 0 && i + 1 < n_bytes)
            point = i;
        else if (bytes[i] < '0' || bytes[i] > '9')
            return n_bytes;
    }
    return point;
}

static bool read_fraction(struct reader *reader, const char *bytes, size_t n_bytes, size_t point,
                          int64_t *value_out)
{
    int64_t value, fraction = 0;
    size_t end = n_bytes, at;
    int n_read = 0;

    while (end > point + 1 && bytes[end - 1] == '0')
        end--;
    if (!pp_parse_int64(bytes, point, &value))
        return false;
    if (end > point + 1 && reader->n_digits < MOST_DIGITS) {
        const int n_wanted = end - point - 1 > MOST_DIGITS / 2 ? MOST_DIGITS : MOST_DIGITS / 2;
        if (n_wanted > reader->n_digits)
            scale_values(reader, n_wanted);
    }
    for (at = point + 1; n_read < reader->n_digits; n_read++)
        fraction = fraction * 10 + (at < end ? bytes[at++] - '0' : 0);
    if (at < end) {
        reader->n_rounded++;
        fraction += bytes[at] >= '5';
    }
    *value_out = pp_add_values(times_ten(value, reader->n_digits), fraction);
    return true;
}

/* Counts of 2^63 and more are no counts: their lines are skipped. */
static bool read_positive(struct reader *reader, const char *bytes, size_t n_bytes,
                          int64_t *value_out)
{
    const size_t point = find_point(bytes, n_bytes);

    if (point < n_bytes)
        return read_fraction(reader, bytes, n_bytes, point, value_out);
    if (!pp_parse_int64(bytes, n_bytes, value_out) || *value_out < 0)
        return false;
    *value_out = times_ten(*value_out, reader->n_digits);
    return true;
}

/* Of a difference, as we write them, some are below nothing. */
static bool read_count(struct reader *reader, const char *bytes, size_t n_bytes, int64_t *value_out)
{
    if (n_bytes < 2 || bytes[0] != '-')
        return read_positive(reader, bytes, n_bytes, value_out);
    if (!read_positive(reader, bytes + 1, n_bytes - 1, value_out))
        return false;
    *value_out = -*value_out;
    return true;
}

static bool is_whole_number(const char *bytes, size_t n_bytes)
{
    const size_t first = n_bytes > 1 && bytes[0] == '-';

    for (size_t i = first; i < n_bytes; i++)
        if (bytes[i] < '0' || bytes[i] > '9')
            return false;
    return n_bytes > first;
}

/* ---- lines ---- */

static int read_line(struct reader *reader, const struct pp_text *text)
{
    const char *line = text->bytes;
    size_t n_bytes = text->n_bytes, space, n_name;
    int64_t value;

    while (n_bytes > 0 && pp_is_blank(line[n_bytes - 1]))
        n_bytes--;
    if (n_bytes == 0 || (n_bytes >= 2 && line[0] == '#' && line[1] == ' '))
        return 0; /* austin and others write "# key: value" */
    space = n_bytes;
    while (space > 0 && line[space - 1] != ' ' && line[space - 1] != '\t')
        space--;
    n_name = space;
    while (n_name > 0 && pp_is_blank(line[n_name - 1]))
        n_name--;
    if (n_name == 0 || !read_count(reader, line + space, n_bytes - space, &value)) {
        if (n_name > 0 && is_whole_number(line + space, n_bytes - space)) {
            if (reader->n_refused++ == 0)
                reader->first_refused = text->offset;
        } else if (reader->n_skipped++ == 0) {
            reader->first_skipped = text->offset;
        }
        return 0;
    }
    return read_stack(reader, line, n_name, value);
}

static int read_lines(struct reader *reader, struct pp_lines *lines)
{
    struct pp_text line;
    int failed = 0;

    while (failed == 0 && pp_lines_next(lines, &line)) {
        if (line.offset == 0 && pp_text_begins(&line, BYTE_ORDER_MARK)) {
            line.bytes += strlen(BYTE_ORDER_MARK);
            line.n_bytes -= strlen(BYTE_ORDER_MARK);
            line.offset += strlen(BYTE_ORDER_MARK);
        }
        failed = read_line(reader, &line);
    }
    if (failed == 0)
        failed = take_lines(reader);
    if (failed == 0 && lines->error != 0)
        return pp_fail(reader->err, lines->error, lines->offset, "cannot read '%s': %s",
                       reader->name, strerror(-lines->error));
    return failed;
}

static void add_notes(struct reader *reader)
{
    struct pprofc_profile *profile = reader->profile;
    const bool is_fine = reader->n_digits > MOST_DIGITS / 2;

    if (reader->n_refused > 0)
        pp_profile_note(reader->profile,
                        "%" PRIu64 " lines with a count of 2^63 and more were skipped, the first "
                        "at byte %" PRIu64,
                        reader->n_refused, reader->first_refused);
    if (reader->n_skipped > 0)
        pp_profile_note(
            profile,
            "%" PRIu64
            " lines without a stack and a count were skipped, the first at byte %" PRIu64,
            reader->n_skipped, reader->first_skipped);
    if (reader->n_latin1 > 0)
        pp_profile_note(profile, "%" PRIu64 " names are not UTF-8 and were read as Latin-1",
                        reader->n_latin1);
    if (reader->n_rounded > 0)
        pp_profile_note(profile, "%" PRIu64 " counts were rounded to millionths",
                        reader->n_rounded);
    if (reader->n_digits > 0)
        profile->types[0].unit = pp_profile_text(profile, is_fine ? "millionths" : "thousandths");
}

int pp_folded_read_lines(struct pp_lines *lines, const char *name,
                         struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    __attribute__((cleanup(reader_done))) struct reader reader = {
        .name = name, .err = err, .profile = pp_profile_new()};
    int failed = -ENOMEM;

    if (reader.profile != NULL && pp_profile_add_type(reader.profile, "samples", "count") == 0)
        failed = read_lines(&reader, lines);
    if (failed == 0 && reader.n_stacks == 0)
        return pp_fail(err, -EBADMSG, reader.first_skipped,
                       "'%s': no line is a folded stack (\"main;parse 42\")", name);
    if (failed == 0) {
        add_notes(&reader);
        pp_profile_settle(reader.profile);
    }
    if (failed == -ENOMEM || (failed == 0 && pp_profile_failed(reader.profile)))
        return pp_fail(err, -ENOMEM, 0, "'%s': out of memory", name);
    if (failed != 0)
        return failed;
    *profile_out = reader.profile;
    reader.profile = NULL;
    return 0;
}

/* ---- UTF-16 ---- */

/* With its mark, or by the zeros in every other byte of its first characters. */
bool pp_folded_is_utf16(const void *bytes, size_t n_bytes, bool *is_big_endian_out,
                        size_t *n_mark_out)
{
    const unsigned char *b = bytes;
    size_t n_even = 0, n_odd = 0, n = n_bytes < 64 ? n_bytes / 2 * 2 : 64;

    *n_mark_out = 2;
    *is_big_endian_out = n_bytes >= 2 && b[0] == 0xfe && b[1] == 0xff;
    if (*is_big_endian_out || (n_bytes >= 2 && b[0] == 0xff && b[1] == 0xfe))
        return true;
    *n_mark_out = 0;
    for (size_t i = 0; i < n; i += 2) {
        n_even += b[i] == 0 && b[i + 1] >= '\t';
        n_odd += b[i + 1] == 0 && b[i] >= '\t';
    }
    *is_big_endian_out = n_even > n_odd;
    return n >= 8 && (n_even == n / 2 || n_odd == n / 2);
}

int pp_folded_read(const void *bytes, size_t n_bytes, const char *name,
                   struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer converted = PP_BUFFER_INIT;
    struct pp_lines lines;
    bool is_big_endian;
    size_t n_mark;

    if (n_bytes == 0)
        return pp_fail(err, -EBADMSG, 0, "'%s' is empty", name);
    if (pp_folded_is_utf16(bytes, n_bytes, &is_big_endian, &n_mark)) {
        /* Offsets in messages are then those of the UTF-8. */
        pp_utf8_append_utf16(&converted, (const char *)bytes + n_mark, n_bytes - n_mark,
                             is_big_endian);
        if (converted.failed)
            return pp_fail(err, -ENOMEM, 0, "'%s': out of memory", name);
        bytes = converted.bytes;
        n_bytes = converted.n_bytes;
    }
    pp_lines_of_bytes(&lines, bytes, n_bytes);
    return pp_folded_read_lines(&lines, name, profile_out, err);
}
