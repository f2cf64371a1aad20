/* Which file is what: by its name when we write, by its content when we read. */
#include <string.h>

#include "base/gzip.h"
#include "base/utf8.h"
#include "formats/foreign.h"
#include "formats/formats.h"
#include "formats/otlp.h"
#include "formats/perf_script.h"
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
    {".speedscope.json", PP_FORMAT_SPEEDSCOPE},
    {".json", PP_FORMAT_JSON},
    {".txt", PP_FORMAT_TEXT},
    {".svg", PP_FORMAT_SVG},
    {".ppc", PP_FORMAT_RECORDING},
    {".otlp", PP_FORMAT_OTLP},
    {".csv", PP_FORMAT_CSV},
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
    return ".pb.gz .pprof .prof .pb .folded .collapsed .speedscope.json .otlp .json .csv .txt .svg "
           ".ppc";
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

/* The protobuf of OTLP's profiles has two kinds of fields only, and both are messages.  In pprof's
 * the first of these has numbers within. */
static bool is_otlp(const void *bytes, size_t n_bytes)
{
    struct pp_wire message = pp_wire_of(bytes, n_bytes);
    struct pp_wire_field field, inner;
    bool has_profiles = false;

    while (pp_wire_field(&message, &field) > 0) {
        struct pp_wire inside = field.bytes;
        if (field.type != PP_WIRE_LEN || field.number > PP_OTLP_DICTIONARY)
            return false;
        if (field.number != PP_OTLP_RESOURCE_PROFILES)
            continue;
        while (pp_wire_field(&inside, &inner) > 0) {
            if (inner.type != PP_WIRE_LEN)
                return false;
            has_profiles |= inner.number == PP_OTLP_RP_SCOPE_PROFILES;
        }
    }
    return has_profiles;
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
    if (at > 0 && line[at - 1] == '-')
        at--;
    if (at == 0 || (line[at - 1] != ' ' && line[at - 1] != '\t'))
        return false;
    while (at > 0 && (line[at - 1] == ' ' || line[at - 1] == '\t'))
        at--;
    return at > 0;
}

/* Text whose first lines look like stacks more often than not. */
static bool is_folded(const char *bytes, size_t n_bytes)
{
    int n_good = 0, n_bad = 0;
    bool is_big_endian;
    size_t n_mark;

    if (n_bytes >= 4 && memcmp(bytes, "--- ", 4) == 0)
        return false; /* the head of something of gperftools' that is not read */
    if (pp_folded_is_utf16(bytes, n_bytes, &is_big_endian, &n_mark))
        return true; /* no other format of ours is text in it */
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

/* A record's first line, and below it, where anything is, a frame or another record. */
static bool is_perf_script(const void *bytes, size_t n_bytes)
{
    struct pp_perf_frame_text frame;
    struct pp_perf_header header;
    struct pp_lines lines;
    struct pp_text line;
    int n_before = 0;

    pp_lines_of_bytes(&lines, bytes, n_bytes);
    while (n_before < 8 && pp_lines_next(&lines, &line)) { /* perf may have said something first */
        pp_text_trim(&line);
        if (line.n_bytes == 0 || line.bytes[0] == '#')
            continue;
        n_before++;
        if (!pp_perf_read_header(&line, &header))
            continue;
        do {
            if (!pp_lines_next(&lines, &line))
                return header.event.n_bytes > 0;
            pp_text_trim(&line);
        } while (line.n_bytes == 0);
        return pp_perf_read_frame(&line, &frame) || pp_perf_read_header(&line, &header) ||
               line.bytes[line.n_bytes - 1] == ')';
    }
    return false;
}

static bool begins_with(const void *bytes, size_t n_bytes, const char *magic)
{
    return n_bytes >= strlen(magic) && memcmp(bytes, magic, strlen(magic)) == 0;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* An object's brace is followed by a name in quotes, or nothing; PHP's "{main};f 3" is a stack. */
static bool is_json(const char *text, size_t n_bytes)
{
    size_t at = 1;

    if (n_bytes == 0 || text[0] != '{')
        return false;
    while (at < n_bytes && is_space(text[at]))
        at++;
    return at == n_bytes || text[at] == '"' || text[at] == '}';
}

/* Pages and pictures; "<module>;f 3" is a stack of Python's, and "<unknown>" one of ours. */
static bool is_markup(const char *text, size_t n_bytes)
{
    static const char *const beginnings[] = {"<?xml", "<svg",  "<!",   "<html",
                                             "<HTML", "<head", "<body"};

    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++)
        if (begins_with(text, n_bytes, beginnings[i]))
            return true;
    return false;
}

/* What begins with bytes of its own. */
static enum pp_format format_of_magic(const void *bytes, size_t n_bytes)
{
    if (pp_is_gzip(bytes, n_bytes))
        return PP_FORMAT_PPROF; /* the only one that is always gzipped */
    if (begins_with(bytes, n_bytes, recording_magic))
        return PP_FORMAT_RECORDING;
    if (begins_with(bytes, n_bytes, "PERFILE2") || begins_with(bytes, n_bytes, "2ELIFREP") ||
        begins_with(bytes, n_bytes, "PERFFILE"))
        return PP_FORMAT_PERF_DATA;
    return PP_FORMAT_UNKNOWN;
}

enum pp_format pp_format_of_bytes(const void *bytes, size_t n_bytes)
{
    const char *text = bytes;
    const enum pp_format format = format_of_magic(bytes, n_bytes);
    size_t at = 0;

    if (format != PP_FORMAT_UNKNOWN)
        return format;
    if (pp_legacy_is(bytes, n_bytes))
        return PP_FORMAT_LEGACY;
    if (is_otlp(bytes, n_bytes))
        return PP_FORMAT_OTLP;
    if (is_pprof(bytes, n_bytes))
        return PP_FORMAT_PPROF_RAW;
    while (at < n_bytes && is_space(text[at]))
        at++;
    if (is_json(text + at, n_bytes - at))
        return pp_format_of_json(text + at, n_bytes - at);
    if (is_markup(text + at, n_bytes - at))
        return PP_FORMAT_SVG;
    if (pp_foreign_advice(bytes, n_bytes) != NULL)
        return PP_FORMAT_UNKNOWN;
    if (is_perf_script(bytes, n_bytes))
        return PP_FORMAT_PERF_SCRIPT;
    return is_folded(bytes, n_bytes) ? PP_FORMAT_FOLDED : PP_FORMAT_UNKNOWN;
}
