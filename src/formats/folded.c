/* Folded stacks, "main;parse;read_token 42" a line, root first: what flamegraph.pl, perf scripts
 * and many others speak.  Files come in UTF-8 or UTF-16, with any line ends, with comments, and
 * with lines that are neither. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "base/utf8.h"
#include "formats/formats.h"
#include "profile/tables.h"

/* ---- reading ---- */

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

struct reader {
    struct pprofc_profile *profile;
    const char *name;
    struct pprofc_error *err;
    uint64_t n_stacks, n_skipped;
    uint64_t first_skipped; /* offset */
    pp_id *frames;          /* root first */
    size_t frames_capacity;
};

static void reader_done(struct reader *reader)
{
    pprofc_profile_free(reader->profile);
    free(reader->frames);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\0';
}

/* Split at ';' and intern.  A path as deep as the input is long: an array, no recursion. */
static int read_stack(struct reader *reader, const char *bytes, size_t n_bytes, int64_t count)
{
    size_t n_frames = 0;

    for (;;) {
        const char *semicolon = memchr(bytes, ';', n_bytes);
        const size_t n_name = semicolon != NULL ? (size_t)(semicolon - bytes) : n_bytes;
        if (n_frames == reader->frames_capacity &&
            pp_array_reserve(&reader->frames, &reader->frames_capacity, n_frames + 1,
                             sizeof(pp_id)) != 0)
            return -ENOMEM;
        reader->frames[n_frames++] = pp_profile_named_location(reader->profile, bytes, n_name);
        if (semicolon == NULL)
            break;
        bytes += n_name + 1;
        n_bytes -= n_name + 1;
    }
    for (size_t i = 0; i < n_frames / 2; i++) { /* the profile wants the leaf first */
        const pp_id other = reader->frames[i];
        reader->frames[i] = reader->frames[n_frames - 1 - i];
        reader->frames[n_frames - 1 - i] = other;
    }
    pp_profile_add(reader->profile, pp_profile_stack(reader->profile, reader->frames, n_frames), 0,
                   0, &count);
    reader->n_stacks++;
    return 0;
}

/* "12.5": digits, a point, digits. */
static bool is_fraction(const char *bytes, size_t n_bytes)
{
    size_t n_points = 0, n_digits = 0;

    for (size_t i = 0; i < n_bytes; i++) {
        n_points += bytes[i] == '.';
        n_digits += bytes[i] >= '0' && bytes[i] <= '9';
    }
    return n_points == 1 && n_digits >= 2 && n_points + n_digits == n_bytes && bytes[0] != '.';
}

/* "12.00" is whole.  Returns the length without the zeros behind the point, or 'n_bytes'. */
static size_t without_zeros(const char *bytes, size_t n_bytes)
{
    size_t end = n_bytes;

    while (end > 1 && bytes[end - 1] == '0')
        end--;
    return end > 1 && end < n_bytes && bytes[end - 1] == '.' ? end - 1 : n_bytes;
}

static int read_line(struct reader *reader, const char *line, size_t n_bytes, uint64_t offset)
{
    size_t space, n_count, n_name;
    int64_t count;

    while (n_bytes > 0 && is_blank(line[n_bytes - 1]))
        n_bytes--;
    if (n_bytes == 0 || (n_bytes >= 2 && line[0] == '#' && line[1] == ' '))
        return 0; /* austin and others write "# key: value" */
    space = n_bytes;
    while (space > 0 && line[space - 1] != ' ' && line[space - 1] != '\t')
        space--;
    n_count = n_bytes - space;
    n_name = space;
    if (space > 1 && is_fraction(line + space, n_count)) {
        n_count = without_zeros(line + space, n_count);
        if (n_count == n_bytes - space)
            return pp_fail(reader->err, -EBADMSG, offset + space,
                           "'%s': count %.*s at byte %" PRIu64 " is no whole number", reader->name,
                           (int)(n_count < 40 ? n_count : 40), line + space, offset + space);
    }
    while (n_name > 0 && is_blank(line[n_name - 1]))
        n_name--;
    if (n_name == 0 || !pp_parse_int64(line + space, n_count, &count) || count < 0) {
        if (reader->n_skipped++ == 0)
            reader->first_skipped = offset;
        return 0;
    }
    return read_stack(reader, line, n_name, count);
}

static int read_lines(struct reader *reader, const char *bytes, size_t n_bytes)
{
    size_t at = n_bytes >= 3 && memcmp(bytes, BYTE_ORDER_MARK, 3) == 0 ? 3 : 0;
    int failed = 0;

    while (at < n_bytes && failed == 0) {
        const char *newline = memchr(bytes + at, '\n', n_bytes - at);
        const size_t n_line = newline != NULL ? (size_t)(newline - bytes) - at : n_bytes - at;
        failed = read_line(reader, bytes + at, n_line, at);
        at += n_line + 1;
    }
    return failed;
}

static int finish(struct reader *reader)
{
    if (reader->n_stacks == 0)
        return pp_fail(reader->err, -EBADMSG, reader->first_skipped,
                       "'%s': no line is a folded stack (\"main;parse 42\")", reader->name);
    if (reader->n_skipped > 0)
        pp_profile_comment(
            reader->profile,
            "%" PRIu64
            " lines without a stack and a count were skipped, the first at byte %" PRIu64,
            reader->n_skipped, reader->first_skipped);
    if (pp_profile_failed(reader->profile))
        return -ENOMEM;
    return 0;
}

/* UTF-16 with a byte order mark becomes UTF-8; offsets in messages are then those of the UTF-8. */
static bool to_utf8(const char **bytes, size_t *n_bytes, struct pp_buffer *converted)
{
    if (*n_bytes < 2 || (memcmp(*bytes, "\xff\xfe", 2) != 0 && memcmp(*bytes, "\xfe\xff", 2) != 0))
        return true;
    pp_utf8_append_utf16(converted, *bytes + 2, *n_bytes - 2, (*bytes)[0] == '\xfe');
    *bytes = converted->bytes;
    *n_bytes = converted->n_bytes;
    return !converted->failed;
}

int pp_folded_read(const void *bytes, size_t n_bytes, const char *name,
                   struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    __attribute__((cleanup(reader_done))) struct reader reader = {.name = name, .err = err};
    pp_autobuffer struct pp_buffer converted = PP_BUFFER_INIT;
    const char *text = bytes;
    int failed = -ENOMEM;

    if (n_bytes == 0)
        return pp_fail(err, -EBADMSG, 0, "'%s' is empty", name);
    reader.profile = pp_profile_new();
    if (reader.profile != NULL && to_utf8(&text, &n_bytes, &converted) &&
        pp_profile_add_type(reader.profile, "samples", "count") == 0)
        failed = read_lines(&reader, text, n_bytes);
    if (failed == 0)
        failed = finish(&reader);
    if (failed == -ENOMEM)
        return pp_fail(err, failed, 0, "'%s': out of memory", name);
    if (failed != 0)
        return failed;
    *profile_out = reader.profile;
    reader.profile = NULL;
    return 0;
}

/* ---- writing ---- */

/* The same stacks by name alone: different addresses of a function are one frame here. */
static struct pprofc_profile *by_name(const struct pprofc_profile *profile, uint32_t type)
{
    struct pprofc_profile *names = pp_profile_new();
    pp_autofree pp_id *node_of = calloc(profile->n_nodes, sizeof *node_of);
    char scratch[512];

    if (names == NULL || node_of == NULL || pp_profile_add_type(names, "value", "count") != 0) {
        pprofc_profile_free(names);
        return NULL;
    }
    for (pp_id node = 1; node < profile->n_nodes; node++) {
        const pp_id location = profile->node_location[node];
        const uint32_t n_lines = profile->locations[location].n_lines;
        pp_id at = node_of[profile->node_parent[node]];
        for (uint32_t line = n_lines > 0 ? n_lines : 1; line-- > 0;) {
            const char *name =
                pp_profile_frame_name(profile, location, line, scratch, sizeof scratch);
            at = pp_profile_child(names, at, pp_profile_named_location(names, name, strlen(name)));
        }
        node_of[node] = at;
    }
    for (uint32_t i = 0; i < profile->n_samples; i++)
        pp_profile_add(names, node_of[profile->sample_stack[i]], 0, 0,
                       &profile->sample_values[(size_t)i * profile->n_types + type]);
    if (!pp_profile_failed(names))
        return names;
    pprofc_profile_free(names);
    return NULL;
}

static bool is_all_blank(const char *bytes, size_t n_bytes)
{
    while (n_bytes > 0 && is_blank(bytes[n_bytes - 1]))
        n_bytes--;
    return n_bytes == 0;
}

/* A name as the format can hold it: one line, one frame, and no line that is a comment. */
static void put_name(struct pp_buffer *out, const char *name, size_t n_bytes, bool is_first)
{
    size_t begin;

    /* A byte order mark at the beginning of a text is no part of it: a name's own needs one before
     * it. */
    if (out->n_bytes == 0 && n_bytes >= 3 && memcmp(name, BYTE_ORDER_MARK, 3) == 0)
        pp_buffer_text(out, BYTE_ORDER_MARK);
    begin = out->n_bytes;
    if (is_all_blank(name, n_bytes)) {
        pp_buffer_text(out, "[blank]");
        return;
    }
    pp_utf8_append(out, name, n_bytes);
    for (size_t i = begin; i < out->n_bytes; i++) {
        if (out->bytes[i] == ';')
            out->bytes[i] = ':';
        else if (out->bytes[i] == '\n' || out->bytes[i] == '\r')
            out->bytes[i] = ' ';
    }
    if (is_first && !out->failed && name[0] == '#' &&
        (n_bytes == 1 || out->bytes[begin + 1] == ' '))
        out->bytes[begin] = '?';
}

static void put_stack(const struct pprofc_profile *names, pp_id leaf, pp_id *path,
                      struct pp_buffer *out)
{
    const size_t begin = out->n_bytes;
    uint32_t depth = 0;

    for (pp_id node = leaf; node != 0; node = names->node_parent[node])
        path[depth++] = names->node_location[node];
    while (depth-- > 0) {
        const pp_id function = names->lines[names->locations[path[depth]].first_line].function;
        const pp_id name = names->functions[function].name;
        put_name(out, names->strings[name], names->string_bytes[name], out->n_bytes == begin);
        pp_buffer_append(out, depth > 0 ? ";" : " ", 1);
    }
}

int pp_folded_write(const struct pprofc_profile *profile, uint32_t type, struct pp_buffer *out,
                    struct pprofc_error *err)
{
    struct pprofc_profile *names = NULL;
    pp_autofree pp_id *path = NULL;
    bool failed = true;

    if (type >= profile->n_types)
        return pp_fail(err, -EINVAL, 0, "the profile has no sample type number %u", type);
    names = by_name(profile, type);
    if (names != NULL)
        path = calloc(names->n_nodes, sizeof *path);
    if (path != NULL) {
        for (uint32_t i = 0; i < names->n_samples; i++) {
            if (names->sample_values[i] == 0)
                continue;
            if (names->sample_stack[i] == 0)
                pp_buffer_append(out, "[no stack] ", 11);
            put_stack(names, names->sample_stack[i], path, out);
            pp_buffer_printf(out, "%" PRId64 "\n", names->sample_values[i]);
        }
        failed = out->failed;
    }
    pprofc_profile_free(names);
    return failed ? pp_fail(err, -ENOMEM, 0, "cannot write folded stacks: out of memory") : 0;
}
