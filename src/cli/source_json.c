/* Source lines with what they cost, for programs: those that cost something, with their text. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/samples_json.h"
#include "views/source_file.h"

/* A walk through a file, line by line. */
struct text {
    const char *at, *end;
    int64_t line; /* the number of the one that begins at 'at' */
};

/* The bytes of line 'wanted', which is not before the last one asked for; NULL: the file ends
 * before. */
static const char *find_line(struct text *text, int64_t wanted, size_t *n_bytes_out)
{
    while (text->at < text->end) {
        const char *newline = memchr(text->at, '\n', (size_t)(text->end - text->at));
        const char *stop = newline != NULL ? newline : text->end;
        if (text->line == wanted) {
            *n_bytes_out = (size_t)(stop - text->at) - (stop > text->at && stop[-1] == '\r');
            return text->at;
        }
        text->at = newline != NULL ? newline + 1 : text->end;
        text->line++;
    }
    return NULL;
}

static void put_lines(struct pp_json *json, const struct pp_top_row *rows, size_t n_rows,
                      const struct pp_buffer *bytes)
{
    struct text text = {bytes->bytes, bytes->bytes + bytes->n_bytes, 1};

    pp_json_begin_array(json, "lines");
    for (size_t i = 0; i < n_rows; i++) {
        size_t n_bytes = 0;
        const char *line = bytes->n_bytes > 0 ? find_line(&text, rows[i].line, &n_bytes) : NULL;
        pp_json_begin_object(json, NULL);
        pp_json_integer(json, "line", rows[i].line);
        pp_json_integer(json, "flat", rows[i].flat);
        pp_json_integer(json, "cum", rows[i].cum);
        if (line != NULL)
            pp_json_bytes(json, "text", line, n_bytes);
        else
            pp_json_null(json, "text");
        pp_json_end_object(json);
    }
    pp_json_end_array(json);
}

static int64_t sum(int64_t a, int64_t b)
{
    int64_t result;

    return __builtin_add_overflow(a, b, &result) ? INT64_MAX : result;
}

static void put_function(struct pp_json *json, const struct pp_source_options *options,
                         const struct pp_top_row *rows, size_t n_rows)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    struct pprofc_error reason = {.message = "no file is known"};
    int64_t flat = 0, cum = 0;
    int rc = -ENOENT;

    for (size_t i = 0; i < n_rows; i++) {
        flat = sum(flat, rows[i].flat);
        cum = sum(cum, rows[i].cum);
    }
    if (rows[0].file[0] != '\0')
        rc = pp_source_file_read(rows[0].file, options->source_path, options->trim_path, &bytes,
                                 &reason);
    pp_json_begin_object(json, NULL);
    pp_json_text(json, "name", rows[0].name);
    pp_json_text(json, "source_file", rows[0].file);
    pp_json_integer(json, "flat", flat);
    pp_json_integer(json, "cum", cum);
    if (rc == 0)
        pp_json_null(json, "problem");
    else
        pp_json_text(json, "problem", reason.message);
    put_lines(json, rows, n_rows, &bytes);
    pp_json_end_object(json);
}

int pp_source_json_write(const struct pprofc_profile *profile,
                         const struct pp_source_options *options, struct pp_buffer *out,
                         struct pprofc_error *err)
{
    struct pp_json json = {.out = out};
    struct pp_top top;
    size_t n_rows = 0;
    const int failed = pp_source_rows(profile, options, &top, &n_rows, err);

    if (failed != 0)
        return failed;
    pp_scope_json_begin(&json, profile, &options->scope);
    pp_json_begin_array(&json, "functions");
    for (size_t first = 0, end; first < n_rows; first = end) {
        end = pp_source_end(top.rows, n_rows, first);
        put_function(&json, options, top.rows + first, end - first);
    }
    pp_json_end_array(&json);
    pp_json_end_object(&json);
    pp_buffer_append(out, "\n", 1);
    pp_top_done(&top);
    return out->failed ? pp_fail(err, -ENOMEM, 0, "no memory for the report") : 0;
}
