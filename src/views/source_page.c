/* Source files with what each of their lines cost, as one page for a browser: no scripts, nothing
 * that is fetched.  Names and sources are strangers': all of it is cleaned and escaped. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "views/clean_text.h"
#include "views/flamegraph_parts.h"
#include "views/source_file.h"
#include "views/source_view.h"

enum { LINES_AROUND = 8, N_HEATS = 5 };

static const char opening[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>pprofc: source</title>\n<style>\n"
    ":root{color-scheme:light dark;--ink:#1d1a16;--faint:#77726a;--paper:#fff;--edge:#ddd8d0}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#ece8e1;--faint:#a09a90;--paper:#191714;"
    "--edge:#3a362f}}\n"
    "body{margin:2em;background:var(--paper);color:var(--ink);font:14px/1.45 system-ui,sans-serif}\n"
    "h2{margin:1.6em 0 .2em;font-size:17px;overflow-wrap:anywhere}\n"
    "p{margin:0 0 .5em;color:var(--faint);overflow-wrap:anywhere}\n"
    "pre,table{font:12px/1.5 ui-monospace,Menlo,Consolas,\"DejaVu Sans Mono\",monospace}\n"
    "div{overflow-x:auto;border-top:1px solid var(--edge)}\ntable{border-collapse:collapse}\n"
    "th,td{padding:0 .8em;text-align:right;white-space:pre;font-weight:400}\n"
    "th{color:var(--faint)}td:last-child,th:last-child{text-align:left}\n"
    "td:nth-child(3){color:var(--faint)}\n"
    ".h1{background:#f5a62326}.h2{background:#f5a62350}.h3{background:#f0743a66}"
    ".h4{background:#e5484d80}\n"
    "</style>\n</head>\n<body>\n";

struct page {
    const struct pprofc_profile *profile;
    const struct pp_source_options *options;
    int64_t whole;
    struct pp_buffer *out;
};

static void put_text(struct page *page, const char *text, size_t n_bytes)
{
    pp_autobuffer struct pp_buffer clean = PP_BUFFER_INIT;
    pp_autofree char *copy = strndup(text, n_bytes);

    for (size_t i = 0; copy != NULL && copy[i] != '\0'; i++)
        copy[i] = copy[i] == '\t' ? ' ' : copy[i];
    if (copy != NULL)
        pp_clean_text_append(&clean, copy);
    page->out->failed |= copy == NULL || clean.failed;
    pp_flame_xml(page->out, clean.bytes, clean.n_bytes);
}

static void put_value(struct page *page, int64_t value)
{
    char text[PP_NUMBER_TEXT_BYTES] = "";

    if (value != 0)
        (void)pp_view_value(page->profile, &page->options->scope, value, text);
    pp_buffer_text(page->out, "<td>");
    put_text(page, text, strlen(text));
    pp_buffer_text(page->out, "</td>");
}

/* From nothing to a twentieth and more of the whole. */
static int heat_of(const struct page *page, int64_t value)
{
    static const double steps[N_HEATS - 1] = {0, 0.1, 1, 5};
    const double percent = pp_percent(value, page->whole);
    int heat = 0;

    while (heat < N_HEATS - 1 && percent > steps[heat])
        heat++;
    return heat;
}

static void put_line(struct page *page, int64_t line, const struct pp_top_row *row,
                     const char *text, size_t n_bytes)
{
    pp_buffer_printf(page->out, "<tr class=\"h%d\">", row != NULL ? heat_of(page, row->cum) : 0);
    put_value(page, row != NULL ? row->flat : 0);
    put_value(page, row != NULL ? row->cum : 0);
    pp_buffer_printf(page->out, "<td>%" PRId64 "</td><td>", line);
    put_text(page, text, n_bytes);
    pp_buffer_text(page->out, "</td></tr>\n");
}

/* The file from a little before the first row's line to a little behind the last one's. */
static void put_source(struct page *page, const struct pp_top_row *rows, size_t n_rows,
                       const struct pp_buffer *text)
{
    const int64_t first = rows[0].line - LINES_AROUND, last = rows[n_rows - 1].line + LINES_AROUND;
    const char *at = text->bytes, *end = text->bytes + text->n_bytes;
    size_t row = 0;

    for (int64_t line = 1; at < end && line <= last; line++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline != NULL ? newline : end;
        while (row < n_rows && rows[row].line < line)
            row++;
        if (line >= first)
            put_line(page, line, row < n_rows && rows[row].line == line ? &rows[row] : NULL, at,
                     (size_t)(stop - at) - (stop > at && stop[-1] == '\r'));
        at = stop + 1;
    }
}

/* The lines that cost something, without their text. */
static void put_without_source(struct page *page, const struct pp_top_row *rows, size_t n_rows)
{
    for (size_t i = 0; i < n_rows; i++)
        put_line(page, rows[i].line, &rows[i], "", 0);
}

static void put_function(struct page *page, const struct pp_top_row *rows, size_t n_rows)
{
    pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;
    struct pprofc_error reason = {.message = "the profile names no file"};
    const char *file = rows[0].file;
    int rc = -ENOENT;

    pp_buffer_text(page->out, "<h2>");
    put_text(page, rows[0].name, strlen(rows[0].name));
    pp_buffer_text(page->out, "</h2>\n<p>");
    if (file[0] != '\0' && rows[n_rows - 1].line > 0)
        rc = pp_source_file_read(file, page->options->source_path, page->options->trim_path, &text,
                                 &reason);
    put_text(page, file, strlen(file));
    if (rc < 0) {
        pp_buffer_text(page->out, file[0] != '\0' ? ": " : "");
        put_text(page, reason.message, strlen(reason.message));
    }
    pp_buffer_text(page->out, "</p>\n<div><table>\n<tr><th>flat</th><th>cum</th><th>line</th>"
                              "<th></th></tr>\n");
    if (rc == 0 && text.n_bytes > 0)
        put_source(page, rows, n_rows, &text);
    else
        put_without_source(page, rows, n_rows);
    pp_buffer_text(page->out, "</table></div>\n");
}

int pp_source_page_write(const struct pprofc_profile *profile,
                         const struct pp_source_options *options, struct pp_buffer *out,
                         struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer head = PP_BUFFER_INIT;
    struct page page = {profile, options, pp_view_whole(profile, &options->scope), out};
    struct pp_top top;
    size_t n_rows = 0;
    const int failed = pp_source_rows(profile, options, &top, &n_rows, err);

    if (failed != 0)
        return failed;
    pp_profile_head_write(profile, &options->scope, &head);
    pp_buffer_text(out, opening);
    pp_buffer_text(out, "<pre>");
    pp_flame_xml(out, head.bytes, head.n_bytes);
    pp_buffer_text(out, "</pre>\n");
    for (size_t first = 0, end; first < n_rows; first = end) {
        end = pp_source_end(top.rows, n_rows, first);
        put_function(&page, top.rows + first, end - first);
    }
    pp_buffer_text(out, "</body>\n</html>\n");
    pp_top_done(&top);
    return out->failed || head.failed
               ? pp_fail(err, -ENOMEM, 0, "cannot write the source: out of memory")
               : 0;
}
