/* Source files with what each of their lines cost. */
#include "views/source_view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "profile/top.h"
#include "views/clean_text.h"
#include "views/source_file.h"

/* Lines around those that cost something. */
enum { LINES_AROUND = 5 };

struct writing {
    const struct pprofc_profile *profile;
    const struct pp_source_options *options;
    int64_t whole;
    struct pp_buffer *out;
};

static int order_rows(const void *left, const void *right)
{
    const struct pp_top_row *a = left, *b = right;
    int order = strcmp(a->name, b->name);

    if (order == 0)
        order = strcmp(a->file, b->file);
    return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

static void put_value(const struct writing *writing, int64_t value)
{
    char text[PP_NUMBER_TEXT_BYTES];

    pp_buffer_printf(
        writing->out, "%11s ",
        value == 0 ? "." : pp_view_value(writing->profile, &writing->options->scope, value, text));
}

static void put_line(const struct writing *writing, int64_t line, const struct pp_top_row *row,
                     const char *text, size_t n_bytes)
{
    pp_autofree char *copy = strndup(text, n_bytes);
    struct pp_buffer *out = writing->out;

    put_value(writing, row != NULL ? row->flat : 0);
    put_value(writing, row != NULL ? row->cum : 0);
    pp_buffer_printf(out, "%6" PRId64 ": ", line);
    for (size_t i = 0; copy != NULL && copy[i] != '\0'; i++)
        copy[i] = copy[i] == '\t' ? ' ' : copy[i]; /* not to be taken for a control character */
    if (copy == NULL)
        out->failed = true;
    else
        pp_clean_text_append(out, copy);
    while (!out->failed && out->bytes[out->n_bytes - 1] == ' ')
        out->n_bytes--;
    pp_buffer_text(out, "\n");
}

/* The lines of 'text' from a little before the first row's to a little behind the last one's. */
static void put_text(const struct writing *writing, const struct pp_top_row *rows, size_t n_rows,
                     const struct pp_buffer *text)
{
    const int64_t first = rows[0].line - LINES_AROUND, last = rows[n_rows - 1].line + LINES_AROUND;
    const char *at = text->bytes, *end = text->bytes + text->n_bytes;
    int64_t line = 1;
    size_t row = 0;

    for (; at < end && line <= last; line++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline != NULL ? newline : end;
        while (row < n_rows && rows[row].line < line)
            row++;
        if (line >= first)
            put_line(writing, line, row < n_rows && rows[row].line == line ? &rows[row] : NULL, at,
                     (size_t)(stop - at) - (stop > at && stop[-1] == '\r'));
        at = stop + 1;
    }
    for (; row < n_rows; row++)
        if (rows[row].line >= line)
            put_line(writing, rows[row].line, &rows[row], "(behind the end of the file)", 28);
}

/* One function in one file: rows of its lines, in their order. */
static void put_function(const struct writing *writing, const struct pp_top_row *rows,
                         size_t n_rows)
{
    pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;
    struct pp_buffer *out = writing->out;
    struct pprofc_error reason;
    int64_t flat = 0, cum = 0;

    for (size_t i = 0; i < n_rows; i++) {
        if (__builtin_add_overflow(flat, rows[i].flat, &flat))
            flat = INT64_MAX;
        if (__builtin_add_overflow(cum, rows[i].cum, &cum))
            cum = INT64_MAX;
    }
    pp_clean_text_append(out, rows[0].name);
    pp_buffer_text(out, "  in ");
    pp_clean_text_append(out, rows[0].file[0] != '\0' ? rows[0].file : "an unknown file");
    pp_buffer_text(out, "\n");
    put_value(writing, flat);
    put_value(writing, cum);
    pp_buffer_printf(out, "       (flat, cum) %.1f %% of the total\n",
                     pp_percent(cum, writing->whole));
    if (rows[0].file[0] == '\0' || rows[n_rows - 1].line <= 0)
        pp_buffer_text(out, "        there are no lines in the profile\n");
    else if (pp_source_file_read(rows[0].file, writing->options->source_path,
                                 writing->options->trim_path, &text, &reason) == 0)
        put_text(writing, rows, n_rows, &text);
    else
        pp_buffer_printf(out, "        %s\n", reason.message);
    for (size_t i = 0; i < n_rows && text.n_bytes == 0 && rows[i].file[0] != '\0'; i++)
        put_line(writing, rows[i].line, &rows[i], "", 0);
    pp_buffer_text(out, "\n");
}

int pp_source_rows(const struct pprofc_profile *profile, const struct pp_source_options *options,
                   struct pp_top *top, size_t *n_out, struct pprofc_error *err)
{
    size_t n_matches = 0;
    const int failed = pp_top_make(profile, options->scope.type, PP_BY_LINE, top, err);

    if (failed != 0)
        return failed;
    for (uint32_t i = 0; i < top->n_rows; i++)
        if (pp_pattern_matches(options->pattern, top->rows[i].name))
            top->rows[n_matches++] = top->rows[i];
    if (n_matches > 1)
        qsort(top->rows, n_matches, sizeof *top->rows, order_rows);
    *n_out = n_matches;
    if (n_matches > 0)
        return 0;
    pp_top_done(top);
    return pp_fail(err, -ENOENT, 0, "no function matches '%s'", pp_pattern_text(options->pattern));
}

size_t pp_source_end(const struct pp_top_row *rows, size_t n_rows, size_t first)
{
    size_t end = first + 1;

    while (end < n_rows && strcmp(rows[first].name, rows[end].name) == 0 &&
           strcmp(rows[first].file, rows[end].file) == 0)
        end++;
    return end;
}

int pp_source_write(const struct pprofc_profile *profile, const struct pp_source_options *options,
                    struct pp_buffer *out, struct pprofc_error *err)
{
    struct writing writing = {.profile = profile,
                              .options = options,
                              .whole = pp_view_whole(profile, &options->scope),
                              .out = out};
    struct pp_top top;
    size_t n_matches = 0;
    const int failed = pp_source_rows(profile, options, &top, &n_matches, err);

    if (failed != 0)
        return failed;
    pp_profile_head_write(profile, &options->scope, out);
    for (size_t first = 0, end; first < n_matches; first = end) {
        end = pp_source_end(top.rows, n_matches, first);
        put_function(&writing, top.rows + first, end - first);
    }
    pp_top_done(&top);
    return out->failed ? pp_fail(err, -ENOMEM, 0, "cannot write the source: out of memory") : 0;
}
