/* The table of hot spots, as text. */
#include "views/top_table.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/numbers.h"
#include "base/units.h"
#include "views/clean_text.h"
#include "views/flamegraph_parts.h"
#include "views/heap_facts.h"
#include "views/lifetime_facts.h"
#include "views/profile_head.h"

enum { DEFAULT_ROWS = 20, WIDEST_NAME_CHARS = 60, ERROR_CHARS = 11 };

/* ---- names in a terminal ---- */

/* Characters, not bytes: the columns behind a name in any script stay in line (wide characters
 * aside). */
static uint32_t n_chars_of(const char *text)
{
    uint32_t n_chars = 0;

    for (; *text != '\0'; text++)
        n_chars += ((unsigned char)*text & 0xc0) != 0x80;
    return n_chars;
}

/* A long C++ name loses its template arguments first: columns stay columns, and the files have it
 * whole. */
static void put_padded(struct pp_buffer *out, const char *text, uint32_t n_wanted)
{
    pp_autobuffer struct pp_buffer name = PP_BUFFER_INIT;
    const size_t before = out->n_bytes;
    uint32_t n_chars = n_chars_of(text);

    if (n_chars > WIDEST_NAME_CHARS) {
        pp_clean_text_append(&name, text);
        pp_flame_shorten(out, name.bytes, name.n_bytes, WIDEST_NAME_CHARS);
        out->failed = out->failed || name.failed;
        n_chars = out->failed ? n_wanted : 0;
        for (size_t at = before; at < out->n_bytes; at++)
            n_chars += ((unsigned char)out->bytes[at] & 0xc0) !=
                       0x80; /* UTF-8's later bytes take no column */
    } else {
        pp_clean_text_append(out, text);
    }
    for (; n_chars < n_wanted; n_chars++)
        pp_buffer_append(out, " ", 1);
}

static uint32_t widest_name(const struct pp_top *top, uint32_t n_rows)
{
    uint32_t widest = 0;

    for (uint32_t i = 0; i < n_rows; i++) {
        const uint32_t n_chars = n_chars_of(top->rows[i].name);
        widest = n_chars > widest ? n_chars : widest;
    }
    return widest > WIDEST_NAME_CHARS ? WIDEST_NAME_CHARS : widest;
}

/* "myprog.c:118", or the module for what has no file, or nothing. */
static void put_place(struct pp_buffer *out, const struct pp_top_row *row)
{
    if (row->file[0] != '\0' && strcmp(row->file, row->name) != 0) {
        pp_clean_text_append(out, pp_profile_base_name(row->file));
        if (row->line > 0)
            pp_buffer_printf(out, ":%" PRId64, row->line);
    } else if (row->module[0] != '\0') {
        pp_clean_text_append(out, pp_profile_base_name(row->module));
    }
    if (row->is_inlined)
        pp_buffer_text(out, " (inlined)");
}

/* Padding that nothing followed. */
static void end_line(struct pp_buffer *out)
{
    while (!out->failed && out->n_bytes > 0 && out->bytes[out->n_bytes - 1] == ' ')
        out->n_bytes--;
    pp_buffer_append(out, "\n", 1);
}

/* ---- values ---- */

/* "± 0.8 MiB" to the right of its column. */
static void put_error(struct pp_buffer *out, const struct pp_estimate *estimate, const char *unit)
{
    char text[PP_ERROR_TEXT_BYTES];
    uint32_t n_chars;

    (void)pp_error_text(estimate, unit, text);
    for (n_chars = n_chars_of(text); n_chars < ERROR_CHARS; n_chars++)
        pp_buffer_append(out, " ", 1);
    pp_buffer_text(out, text);
    pp_buffer_append(out, " ", 1);
}

static bool is_few(const struct pp_estimate *estimate)
{
    return estimate->n_sampled > 0 && pp_top_error(estimate) < 0;
}

/* ---- the rows ---- */

static const char *group_name(enum pp_group group)
{
    static const char *const names[] = {
        [PP_BY_FUNCTION] = "function", [PP_BY_LINE] = "line",       [PP_BY_FILE] = "file",
        [PP_BY_MODULE] = "module",     [PP_BY_ADDRESS] = "address", [PP_BY_THREAD] = "thread",
        [PP_BY_POOL] = "pool",         [PP_BY_NAME] = "function",   [PP_BY_LABEL] = "label",
    };

    return names[group];
}

static void put_row(struct pp_buffer *out, const struct pprofc_profile *profile,
                    const struct pp_view_scope *scope, const struct pp_top *top,
                    const struct pp_top_row *row, uint32_t n_name_chars)
{
    const char *unit = pp_profile_chars(profile, profile->types[scope->type].unit);
    char samples[PP_NUMBER_TEXT_BYTES], flat[PP_NUMBER_TEXT_BYTES], cum[PP_NUMBER_TEXT_BYTES];

    (void)pp_count_text(top->is_estimated ? (int64_t)(row->flat_estimate.n_sampled + 0.5)
                                          : row->n_flat_samples,
                        samples);
    (void)pp_view_value(profile, scope, row->flat, flat);
    (void)pp_view_value(profile, scope, row->cum, cum);
    pp_buffer_printf(out, "%10s %11s ", samples, flat);
    if (top->is_estimated)
        put_error(out, &row->flat_estimate, unit);
    pp_buffer_printf(out, "%6.1f %% %11s ", pp_percent(row->flat, top->total), cum);
    if (top->is_estimated)
        put_error(out, &row->cum_estimate, unit);
    pp_buffer_printf(out, "%6.1f %%  ", pp_percent(row->cum, top->total));
    if (row->lifetimes != NULL)
        pp_lifetime_columns_append(out, row->lifetimes);
    put_padded(out, row->name, n_name_chars + 2);
    put_place(out, row);
    end_line(out);
}

static void put_column_names(struct pp_buffer *out, const struct pprofc_profile *profile,
                             const struct pp_top_table_options *options, const struct pp_top *top)
{
    const char *error = top->is_estimated ? " std. error" : "";
    const char *space = top->is_estimated ? " " : "";

    pp_buffer_printf(out, "%10s %11s %s%s%8s %11s %s%s%8s  ",
                     top->is_estimated ? "samples" : pp_view_count_name(profile, options->type),
                     "flat", error, space, "flat %", "cum", error, space, "cum %");
    if (top->lifetimes != NULL)
        pp_lifetime_names_append(out);
    pp_buffer_printf(out, "%s\n",
                     options->group == PP_BY_LABEL ? options->label_key
                                                   : group_name(options->group));
}

/* What "few" means, where it stands. */
static void put_legend(struct pp_buffer *out, const struct pp_top *top, uint32_t n_rows)
{
    bool has_few = false;

    for (uint32_t i = 0; i < n_rows; i++)
        has_few |= is_few(&top->rows[i].flat_estimate) || is_few(&top->rows[i].cum_estimate);
    if (has_few)
        pp_buffer_printf(out, "\nfew: fewer than %d samples, which tell no error\n",
                         PP_TOP_FEW_SAMPLES);
}

/* Rows that weigh less than the share, and with drop_negative those that have become less. */
static void leave_out(struct pp_top *top, const struct pp_top_table_options *options)
{
    const double least = fabs((double)top->total) * options->min_share;
    uint32_t n_rows = 0;

    for (uint32_t i = 0; i < top->n_rows; i++) {
        const struct pp_top_row *row = &top->rows[i];
        const bool is_negative = row->flat < 0 || (row->flat == 0 && row->cum < 0);
        const bool is_light = fabs((double)row->cum) < trunc(least);
        top->n_light += is_light;
        if (!is_light && !(options->drops_negative && is_negative))
            top->rows[n_rows++] = *row;
    }
    top->n_rows = n_rows;
}

static int64_t mean(int64_t value, int64_t n)
{
    return n != 0 ? value / n : value;
}

/* Each row's values by its own count, in the order that the sums have, as pprof does it. */
static void take_means(struct pp_top *top, bool has_whole)
{
    if (!has_whole)
        top->total = mean(top->total, top->n_samples);
    for (uint32_t i = 0; i < top->n_rows; i++) {
        top->rows[i].flat = mean(top->rows[i].flat, top->rows[i].n_flat_samples);
        top->rows[i].cum = mean(top->rows[i].cum, top->rows[i].n_cum_samples);
    }
    top->is_estimated = false;
}

int pp_top_table_rows(const struct pprofc_profile *profile,
                      const struct pp_top_table_options *options, struct pp_top *top,
                      struct pprofc_error *err)
{
    const int failed =
        options->group == PP_BY_LABEL
            ? pp_top_make_by_label(profile, options->type, options->label_key, top, err)
            : pp_top_make(profile, options->type, options->group, top, err);

    if (failed != 0)
        return failed;
    if (options->whole != 0)
        top->total = options->whole;
    leave_out(top, options);
    if (options->by_cum)
        pp_top_sort_by_cum(top);
    if (options->is_mean)
        take_means(top, options->whole != 0);
    return 0;
}

int pp_top_table_write(const struct pprofc_profile *profile,
                       const struct pp_top_table_options *options, struct pp_buffer *out,
                       struct pprofc_error *err)
{
    const uint32_t n_wanted = options->n_rows == 0 ? DEFAULT_ROWS : options->n_rows;
    const struct pp_view_scope scope = {.type = options->type,
                                        .whole = options->is_mean ? 0 : options->whole,
                                        .unit = options->unit,
                                        .filters = options->filters,
                                        .base = options->base,
                                        .divide_by = options->divide_by,
                                        .is_compact = options->is_compact};
    struct pp_top top;
    uint32_t n_rows, n_name_chars;
    const int failed = pp_top_table_rows(profile, options, &top, err);

    if (failed != 0)
        return failed;
    n_rows = top.n_rows < n_wanted ? top.n_rows : n_wanted;
    n_name_chars = widest_name(&top, n_rows);
    pp_profile_head_write(profile, &scope, out);
    put_column_names(out, profile, options, &top);
    for (uint32_t i = 0; i < n_rows; i++)
        put_row(out, profile, &scope, &top, &top.rows[i], n_name_chars);
    if (n_rows < top.n_rows)
        pp_buffer_printf(out, "%10s and %u more\n", "", top.n_rows - n_rows);
    if (top.n_light > 0)
        pp_buffer_printf(out, "%10s %u of less than %.4g %% left out (--nodefraction)\n", "",
                         top.n_light, 100 * options->min_share);
    put_legend(out, &top, n_rows);
    pp_top_done(&top);
    return out->failed ? pp_fail(err, -ENOMEM, 0, "cannot write the table: out of memory") : 0;
}

int pp_top_lines_write(const struct pprofc_profile *profile, uint32_t type, uint32_t n_wanted,
                       struct pp_buffer *out, struct pprofc_error *err)
{
    struct pp_top top;
    uint32_t n_rows, n_name_chars;
    const int failed = pp_top_make(profile, type, PP_BY_FUNCTION, &top, err);

    if (failed != 0)
        return failed;
    n_rows = top.n_rows < n_wanted ? top.n_rows : n_wanted;
    while (n_rows > 0 && top.rows[n_rows - 1].flat <= 0)
        n_rows--;
    n_name_chars = widest_name(&top, n_rows);
    for (uint32_t i = 0; i < n_rows; i++) {
        pp_buffer_printf(out, "%6.1f %%  ", pp_percent(top.rows[i].flat, top.total));
        put_padded(out, top.rows[i].name, n_name_chars + 3);
        put_place(out, &top.rows[i]);
        end_line(out);
    }
    pp_top_done(&top);
    return out->failed ? pp_fail(err, -ENOMEM, 0, "cannot write the top lines: out of memory") : 0;
}
