/* What changed, as a table. */
#include "views/diff_table.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/numbers.h"
#include "base/print.h"
#include "views/clean_text.h"
#include "views/flamegraph_parts.h"

enum { DEFAULT_ROWS = 20, WIDEST_NAME_CHARS = 60, CELL_BYTES = 48 };

/* ---- warnings ---- */

const char *pp_diff_warning(const struct pp_diff *diff, uint32_t i)
{
    const char *found[8];
    uint32_t n = 0;
    const double growth =
        pp_diff_run_total(diff, PP_AFTER) / pp_diff_run_total(diff, PP_BEFORE) - 1;

    if (diff->windows_differ && diff->judge == PP_JUDGE_BOTH)
        found[n++] = "the windows differ in length by more than 10 %: a change must be one of the "
                     "share as well, unless --judge says otherwise";
    else if (diff->windows_differ && diff->variance != PP_VARIANCE_RUNS)
        found[n++] = "the windows differ in length by more than 10 %: so may costs";
    if (diff->rates_differ)
        found[n++] =
            "the sampling rates differ: counts of samples are not to be compared, times are";
    if (diff->judge == PP_JUDGE_COST && !diff->windows_differ && fabs(growth) > 0.25 &&
        diff->total[PP_BEFORE].duration_ns == 0)
        found[n++] =
            "the totals differ by more than a quarter; if one was profiled for longer, give "
            "--judge share";
    if (diff->only_one_has_slices)
        found[n++] = "only one side has slices of time: samples are taken for independent on both";
    if (diff->variance != PP_VARIANCE_RUNS)
        found[n++] =
            "how much runs differ by themselves is not known: give three files or more a side "
            "(pprofc bench makes them)";
    return i < n ? found[i] : "";
}

/* ---- the head ---- */

static void put_side(const struct pp_diff *diff, enum pp_diff_side side, struct pp_buffer *out)
{
    const struct pp_diff_total *total = &diff->total[side];
    char text[PP_NUMBER_TEXT_BYTES];

    pp_buffer_printf(
        out, "%s of ",
        pp_value_text((int64_t)pp_diff_run_total(diff, side), pp_diff_unit(diff), text));
    pp_clean_text_append(out, pp_diff_type(diff));
    if (total->n_profiles > 1)
        pp_buffer_printf(out, " a run, %u runs", total->n_profiles);
    pp_buffer_printf(
        out, " in %s samples",
        pp_count_text((int64_t)(total->n_sampled > 0 ? total->n_sampled + 0.5 : total->n_samples),
                      text));
    if (total->duration_ns > 0)
        pp_buffer_printf(out, " during %s", pp_duration_text((double)total->duration_ns, text));
    pp_buffer_text(out, "\n");
}

static void put_change(const struct pp_diff *diff, struct pp_buffer *out)
{
    const double ratio = pp_diff_run_total(diff, PP_AFTER) / pp_diff_run_total(diff, PP_BEFORE);

    pp_buffer_printf(out, "%+.1f %%", 100 * (ratio - 1));
    if (isfinite(diff->total_ratio.low))
        pp_buffer_printf(out, " (95 %%: %+.1f to %+.1f %%)", 100 * (diff->total_ratio.low - 1),
                         100 * (diff->total_ratio.high - 1));
    pp_buffer_printf(out, ", improvement %.1f %%\n", 100 * (1 - ratio));
}

void pp_diff_method_write(const struct pp_diff *diff, struct pp_buffer *out)
{
    const uint32_t before = diff->total[PP_BEFORE].n_batches;
    const uint32_t after = diff->total[PP_AFTER].n_batches;

    switch (diff->variance) {
    case PP_VARIANCE_RUNS:
        pp_buffer_printf(out, "variance between %u and %u runs", before, after);
        break;
    case PP_VARIANCE_SLICES:
        pp_buffer_printf(out, "variance between %u and %u slices of time", before, after);
        break;
    case PP_VARIANCE_SAMPLING:
        pp_buffer_text(out, "variance of the heap's sampling");
        break;
    case PP_VARIANCE_NONE:
        pp_buffer_text(out, "all was counted, nothing sampled");
        break;
    case PP_VARIANCE_BINOMIAL:
        pp_buffer_text(out, "binomial variance: samples taken for independent");
        break;
    }
}

static void put_method(const struct pp_diff *diff, struct pp_buffer *out)
{
    static const char *const judges[] = {[PP_JUDGE_AUTO] = "",
                                         [PP_JUDGE_COST] = "by cost a run",
                                         [PP_JUDGE_SHARE] = "by share of the whole",
                                         [PP_JUDGE_BOTH] = "by cost and share, both"};

    pp_buffer_printf(out, "%s; ", judges[diff->judge]);
    pp_diff_method_write(diff, out);
    pp_buffer_printf(out,
                     "; of %u functions one changed in twenty may be chance (Benjamini-Hochberg)\n",
                     diff->n_rows);
}

void pp_diff_head_write(const struct pp_diff *diff, const char *prefix, struct pp_buffer *out)
{
    pp_buffer_printf(out, "%sBefore   ", prefix);
    put_side(diff, PP_BEFORE, out);
    pp_buffer_printf(out, "%sAfter    ", prefix);
    put_side(diff, PP_AFTER, out);
    pp_buffer_printf(out, "%sChange   ", prefix);
    put_change(diff, out);
    pp_buffer_printf(out, "%sJudged   ", prefix);
    put_method(diff, out);
    for (uint32_t i = 0; pp_diff_warning(diff, i)[0] != '\0'; i++)
        pp_buffer_printf(out, "%sNote     %s\n", prefix, pp_diff_warning(diff, i));
}

/* ---- the rows ---- */

/* "+12.3 %", or nothing where there is no before. */
static void put_ratio(const struct pp_diff_change *change, struct pp_buffer *out)
{
    char cell[CELL_BYTES] = "", limits[CELL_BYTES] = "";

    if (change->value[PP_BEFORE] > 0)
        (void)pp_print(cell, sizeof cell, "%+.1f %%",
                       100 * (change->value[PP_AFTER] / change->value[PP_BEFORE] - 1));
    if (isfinite(change->ratio.low) && change->state != PP_DIFF_FEW)
        (void)pp_print(limits, sizeof limits, "%+.1f .. %+.1f", 100 * (change->ratio.low - 1),
                       100 * (change->ratio.high - 1));
    pp_buffer_printf(out, "%9s %18s ", cell, limits);
}

static void put_share(const struct pp_diff_change *change, struct pp_buffer *out)
{
    char limits[CELL_BYTES] = "";

    if (change->state != PP_DIFF_FEW)
        (void)pp_print(limits, sizeof limits, "%+.2f .. %+.2f", 100 * change->share_change.low,
                       100 * change->share_change.high);
    pp_buffer_printf(out, "%6.1f %6.1f %+7.2f %16s ", 100 * change->share[PP_BEFORE],
                     100 * change->share[PP_AFTER],
                     100 * (change->share[PP_AFTER] - change->share[PP_BEFORE]), limits);
}

static void put_name(const struct pp_diff_row *row, struct pp_buffer *out)
{
    pp_autobuffer struct pp_buffer name = PP_BUFFER_INIT;

    pp_clean_text_append(&name, row->name);
    pp_flame_shorten(out, name.bytes, name.n_bytes, WIDEST_NAME_CHARS);
    out->failed = out->failed || name.failed;
    if (row->file[0] == '\0')
        return;
    pp_buffer_text(out, "  ");
    pp_clean_text_append(out, pp_profile_base_name(row->file));
    if (row->line > 0)
        pp_buffer_printf(out, ":%" PRId64, row->line);
}

static void put_row(const struct pp_diff *diff, const struct pp_diff_row *row,
                    const struct pp_diff_change *change, struct pp_buffer *out)
{
    const char *unit = pp_diff_unit(diff);
    char before[PP_NUMBER_TEXT_BYTES], after[PP_NUMBER_TEXT_BYTES];

    (void)pp_value_text((int64_t)(change->value[PP_BEFORE] + 0.5), unit, before);
    (void)pp_value_text((int64_t)(change->value[PP_AFTER] + 0.5), unit, after);
    pp_buffer_printf(out, "%-15s %11s %11s ", pp_diff_state_name(change->state), before, after);
    put_ratio(change, out);
    put_share(change, out);
    (void)pp_count_text((int64_t)change->n_samples[PP_BEFORE], before);
    (void)pp_count_text((int64_t)change->n_samples[PP_AFTER], after);
    pp_buffer_printf(out, "%8s %8s  ", before, after);
    put_name(row, out);
    pp_buffer_text(out, "\n");
}

static void put_rest(const struct pp_diff *diff, uint32_t first, bool by_cum, struct pp_buffer *out)
{
    uint32_t counts[PP_DIFF_N_STATES] = {0};
    const char *separator = ": ";

    if (first >= diff->n_rows)
        return;
    for (uint32_t i = first; i < diff->n_rows; i++)
        counts[by_cum ? diff->rows[i].cum.state : diff->rows[i].flat.state]++;
    pp_buffer_printf(out, "and %u more", diff->n_rows - first);
    for (int state = 0; state < PP_DIFF_N_STATES; state++)
        if (counts[state] > 0) {
            pp_buffer_printf(out, "%s%u %s", separator, counts[state],
                             pp_diff_state_name((enum pp_diff_state)state));
            separator = ", ";
        }
    pp_buffer_text(out, "\n");
}

/* A function that only calls others has no part of its own: there is nothing to show. */
static bool is_nothing(const struct pp_diff *diff, uint32_t row, bool by_cum)
{
    const struct pp_diff_change *change = by_cum ? &diff->rows[row].cum : &diff->rows[row].flat;

    return !(change->value[PP_BEFORE] > 0) && !(change->value[PP_AFTER] > 0);
}

void pp_diff_table_write(const struct pp_diff *diff, const struct pp_diff_table_options *options,
                         struct pp_buffer *out)
{
    const uint32_t n_wanted = options->n_rows == 0 ? DEFAULT_ROWS : options->n_rows;
    uint32_t n_rows = diff->n_rows < n_wanted ? diff->n_rows : n_wanted;

    pp_diff_head_write(diff, "", out);
    pp_buffer_printf(out, "\n%-15s %11s %11s %9s %18s %6s %6s %7s %16s %8s %8s  %s\n",
                     options->by_cum ? "with callees" : "own part", "before", "after", "change",
                     "95 % limits", "% bef", "% aft", "points", "95 % limits", "samples", "after",
                     "function");
    while (n_rows > 0 && is_nothing(diff, n_rows - 1, options->by_cum))
        n_rows--;
    for (uint32_t i = 0; i < n_rows; i++)
        put_row(diff, &diff->rows[i], options->by_cum ? &diff->rows[i].cum : &diff->rows[i].flat,
                out);
    put_rest(diff, n_rows, options->by_cum, out);
}
