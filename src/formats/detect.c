/* Which file is what: by its name when we write, by its content when we read. */
#include <string.h>

#include "base/gzip.h"
#include "base/utf8.h"
#include "formats/formats.h"
#include "formats/pprof.h"
#include "formats/wire.h"

/* The beginning of recording/layout.h's header; a test compares the two, since this room does not
 * lean on that. */
static const char recording_magic[] = "pprofc\r\n";

static const struct {
    const char *extension;
    enum pp_format format;
} extensions[] = {
    {".pb.gz", PP_FORMAT_PPROF},
    {".pprof", PP_FORMAT_PPROF},
    {".prof", PP_FORMAT_PPROF},
    {".pb", PP_FORMAT_PPROF_RAW},
    {".folded", PP_FORMAT_FOLDED},
    {".collapsed", PP_FORMAT_FOLDED},
    {".speedscope.json", PP_FORMAT_UNKNOWN}, /* not ours to write as plain JSON */
    {".json", PP_FORMAT_JSON},
    {".txt", PP_FORMAT_TEXT},
    {".svg", PP_FORMAT_SVG},
    {".ppc", PP_FORMAT_RECORDING},
};

enum pp_format pp_format_of_path(const char *path)
{
    const size_t n_path = strlen(path);

    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++) {
        const size_t n_extension = strlen(extensions[i].extension);
        if (n_path >= n_extension &&
            strcmp(path + n_path - n_extension, extensions[i].extension) == 0)
            return extensions[i].format;
    }
    return PP_FORMAT_UNKNOWN;
}

const char *pp_format_extensions(void)
{
    return ".pb.gz .pprof .prof .pb .folded .collapsed .json .txt .svg .ppc";
}

/* Control characters that no text has. */
static bool is_binary(const unsigned char *bytes, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes && i < 4096; i++) {
        if (bytes[i] < '\t')
            return true;
    }
    return false;
}

/* Protobuf with a profile's fields, among them a sample type or a string table.  A few good fields
 * are enough in what is no text: a truncated profile is for its reader to complain about. */
static bool is_pprof(const void *bytes, size_t n_bytes)
{
    struct pp_wire message = pp_wire_of(bytes, n_bytes);
    struct pp_wire_field field;
    bool has_sign = false;
    size_t n_fields = 0;
    int found;

    while ((found = pp_wire_field(&message, &field)) > 0) {
        const bool is_message =
            field.number <= PP_PPROF_STRING_TABLE || field.number == PP_PPROF_PERIOD_TYPE;
        if (is_message && field.type != PP_WIRE_LEN)
            return false;
        has_sign |= field.number == PP_PPROF_SAMPLE_TYPE || field.number == PP_PPROF_STRING_TABLE;
        n_fields++;
    }
    return has_sign && (found == 0 || (n_fields >= 3 && is_binary(bytes, n_bytes)));
}

/* "frames count", the count at least with a fraction that its reader will refuse. */
static bool is_folded_line(const char *line, size_t n_bytes)
{
    size_t at = n_bytes;

    while (at > 0 && (line[at - 1] == '\r' || line[at - 1] == ' ' || line[at - 1] == '\t'))
        at--;
    if (at == 0 || line[at - 1] < '0' || line[at - 1] > '9')
        return false;
    while (at > 0 && ((line[at - 1] >= '0' && line[at - 1] <= '9') || line[at - 1] == '.'))
        at--;
    if (at == 0 || (line[at - 1] != ' ' && line[at - 1] != '\t'))
        return false;
    while (at > 0 && (line[at - 1] == ' ' || line[at - 1] == '\t'))
        at--;
    return at > 0;
}

/* Text whose first lines look like stacks more often than not.  The text profiles of gperftools,
 * tcmalloc and jemalloc have such lines too, and heads that give them away. */
static bool is_folded(const char *bytes, size_t n_bytes)
{
    static const char *const other_heads[] = {"--- ", "heap profile:", "heap_v2/"};
    int n_good = 0, n_bad = 0;

    if (n_bytes >= 2 && (memcmp(bytes, "\xff\xfe", 2) == 0 || memcmp(bytes, "\xfe\xff", 2) == 0))
        return true; /* UTF-16: no other format of ours is text in it */
    for (size_t i = 0; i < sizeof other_heads / sizeof other_heads[0]; i++) {
        const size_t n_head = strlen(other_heads[i]);
        if (n_bytes >= n_head && memcmp(bytes, other_heads[i], n_head) == 0)
            return false;
    }
    while (n_bytes > 0 && n_good + n_bad < 64) {
        const char *newline = memchr(bytes, '\n', n_bytes);
        const size_t n_line = newline != NULL ? (size_t)(newline - bytes) : n_bytes;
        if (memchr(bytes, '\0', n_line) != NULL)
            return false;
        if (is_folded_line(bytes, n_line))
            n_good++;
        else
            n_bad += n_line > 1 && bytes[0] != '#';
        bytes += n_line + (newline != NULL);
        n_bytes -= n_line + (newline != NULL);
    }
    return n_good > 0 && n_good >= n_bad;
}

enum pp_format pp_format_of_bytes(const void *bytes, size_t n_bytes)
{
    const char *text = bytes;
    size_t at = 0;

    if (pp_is_gzip(bytes, n_bytes))
        return PP_FORMAT_PPROF; /* the only gzipped one */
    if (n_bytes >= sizeof recording_magic - 1 &&
        memcmp(bytes, recording_magic, sizeof recording_magic - 1) == 0)
        return PP_FORMAT_RECORDING;
    if (is_pprof(bytes, n_bytes))
        return PP_FORMAT_PPROF_RAW;
    while (at < n_bytes &&
           (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t'))
        at++;
    if (at < n_bytes && text[at] == '{')
        return PP_FORMAT_JSON;
    if (at < n_bytes && text[at] == '<')
        return PP_FORMAT_SVG;
    return is_folded(bytes, n_bytes) ? PP_FORMAT_FOLDED : PP_FORMAT_UNKNOWN;
}
