/* Views of a history. */
#include "cli/history_views.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json_writer.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "profile/top.h"

/* ---- lists ---- */

static void time_text(int64_t time_s, char text[24])
{
    const time_t seconds = (time_t)time_s;
    struct tm parts;

    text[0] = '\0';
    if (gmtime_r(&seconds, &parts) != NULL)
        (void)strftime(text, 24, "%Y-%m-%d %H:%M:%S", &parts);
}

static const char *unit_of(const struct pp_history_window *window)
{
    const struct pprofc_profile *profile = window->profile;

    return pp_profile_chars(profile, profile->types[window->type].unit);
}

static const char *type_of(const struct pp_history_window *window)
{
    const struct pprofc_profile *profile = window->profile;

    return pp_profile_chars(profile, profile->types[window->type].type);
}

static int64_t samples_of(const struct pp_history_window *window)
{
    const int count = pp_profile_count_type(window->profile, window->type);

    return count < 0 ? (int64_t)window->profile->n_samples
                     : pp_profile_total(window->profile, (uint32_t)count);
}

static void list_one(const struct pp_history *history, const struct pp_history_window *window,
                     struct pp_buffer *out)
{
    const struct pp_window_name *name = &window->file->name;
    char when[24], path[PATH_MAX], length[PP_NUMBER_TEXT_BYTES], value[PP_NUMBER_TEXT_BYTES],
        count[PP_NUMBER_TEXT_BYTES];

    time_text(name->time_s, when);
    pp_history_path(history, window->file, path);
    pp_buffer_printf(
        out, "%-19s  %8s  %-16s %7d  %-6s %9s  %10s %-12s  %s\n", when,
        pp_duration_text((double)window->profile->duration_ns, length), name->program,
        (int)name->pid, name->kind, pp_count_text(samples_of(window), count),
        pp_value_text(pp_profile_total(window->profile, window->type), unit_of(window), value),
        type_of(window), path);
}

void pp_history_list_write(const struct pp_history *history,
                           const struct pp_history_windows *windows, struct pp_buffer *out)
{
    pp_buffer_printf(out, "%-19s  %8s  %-16s %7s  %-6s %9s  %10s %-12s  %s\n", "begin (UTC)", "for",
                     "program", "process", "kind", "samples", "total", "of", "file");
    for (uint32_t i = 0; i < windows->n; i++)
        list_one(history, &windows->items[i], out);
}

void pp_history_list_json(const struct pp_history *history,
                          const struct pp_history_windows *windows, struct pp_buffer *out)
{
    struct pp_json json = {.out = out};

    pp_json_begin_array(&json, NULL);
    for (uint32_t i = 0; i < windows->n; i++) {
        const struct pp_history_window *window = &windows->items[i];
        char path[PATH_MAX];
        pp_history_path(history, window->file, path);
        pp_json_begin_object(&json, NULL);
        pp_json_integer(&json, "time_s", window->file->name.time_s);
        pp_json_integer(&json, "duration_ns", window->profile->duration_ns);
        pp_json_text(&json, "program", window->file->name.program);
        pp_json_integer(&json, "pid", window->file->name.pid);
        pp_json_text(&json, "kind", window->file->name.kind);
        pp_json_text(&json, "sample_type", type_of(window));
        pp_json_text(&json, "unit", unit_of(window));
        pp_json_integer(&json, "n_samples", samples_of(window));
        pp_json_integer(&json, "total", pp_profile_total(window->profile, window->type));
        pp_json_integer(&json, "lost_samples", window->profile->quality.n_lost);
        pp_json_text(&json, "file", path);
        pp_json_end_object(&json);
    }
    pp_json_end_array(&json);
    pp_buffer_text(out, "\n");
}

/* ---- windows of one length ---- */

static int compare_lengths(const void *a, const void *b)
{
    const int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;

    return one < other ? -1 : one > other;
}

static int64_t median_length(const struct pp_history_windows *windows)
{
    pp_autofree int64_t *lengths = calloc((size_t)windows->n + 1, sizeof *lengths);

    if (lengths == NULL)
        return 0;
    for (uint32_t i = 0; i < windows->n; i++)
        lengths[i] = windows->items[i].profile->duration_ns;
    qsort(lengths, windows->n, sizeof *lengths, compare_lengths);
    return lengths[windows->n / 2];
}

static bool is_odd(const struct pp_history_window *window, int64_t usual_ns)
{
    return llabs(window->profile->duration_ns - usual_ns) > usual_ns / 5;
}

uint32_t pp_history_drop_odd(struct pp_history_windows *windows)
{
    const int64_t usual_ns = median_length(windows);
    uint32_t n_odd = 0, n_kept = 0;

    for (uint32_t i = 0; i < windows->n; i++)
        n_odd += is_odd(&windows->items[i], usual_ns);
    if (windows->n - n_odd < 2)
        return 0;
    for (uint32_t i = 0; i < windows->n; i++) {
        if (is_odd(&windows->items[i], usual_ns))
            pprofc_profile_free(windows->items[i].profile);
        else
            windows->items[n_kept++] = windows->items[i];
    }
    windows->n = n_kept;
    return n_odd;
}

/* ---- what could have been found ---- */

/* "0.034", "1.2", "54": two digits that say something. */
static const char *percent_text(double percent, char text[PP_NUMBER_TEXT_BYTES])
{
    (void)snprintf(text, PP_NUMBER_TEXT_BYTES, percent >= 10 ? "%.0f" : "%.2g", percent);
    return text;
}

static struct pp_spread spread_of(const struct pp_history_windows *windows)
{
    const int64_t usual_ns = median_length(windows);
    struct pp_spread spread = {.n = 0};

    for (uint32_t i = 0; i < windows->n; i++)
        if (!is_odd(&windows->items[i], usual_ns))
            pp_spread_add(&spread, pp_history_rate(&windows->items[i]));
    return spread;
}

void pp_history_power_write(const struct pp_history_windows *windows, struct pp_buffer *out)
{
    const struct pp_spread spread = spread_of(windows);
    const double change = pp_detectable_change(&spread, &spread);
    char text[PP_NUMBER_TEXT_BYTES];

    if (!isfinite(change) || spread.mean <= 0)
        return;
    pp_buffer_printf(out,
                     "Power    %zu windows: beside another span like this a change of the whole by "
                     "%s %% would have been found (four times in five, at 5 %%)\n",
                     spread.n, percent_text(100 * change / spread.mean, text));
}

/* What a window pays for the function's own part. */
static double flat_of(const struct pp_history_window *window, const char *function)
{
    struct pp_top top;
    double flat = 0;

    if (pp_top_make(window->profile, window->type, PP_BY_NAME, &top, NULL) != 0)
        return 0;
    for (uint32_t i = 0; i < top.n_rows; i++)
        if (strcmp(top.rows[i].name, function) == 0)
            flat += (double)top.rows[i].flat;
    pp_top_done(&top);
    return flat;
}

static struct pp_spread spread_of_function(const struct pp_history_windows *windows,
                                           const char *function)
{
    struct pp_spread spread = {.n = 0};

    for (uint32_t i = 0; i < windows->n; i++)
        pp_spread_add(&spread, flat_of(&windows->items[i], function));
    return spread;
}

static void put_power(const struct pp_spread *before, const struct pp_spread *after, double whole,
                      const char *name, struct pp_buffer *out)
{
    const double change = pp_detectable_change(before, after);
    char text[PP_NUMBER_TEXT_BYTES];

    if (isfinite(change) && whole > 0)
        pp_buffer_printf(out, "         %6s %% of the whole for %s\n",
                         percent_text(100 * change / whole, text), name);
}

/* The first row that is a function: not "[unsampled]". */
static const char *first_function(const struct pp_diff *diff)
{
    for (uint32_t i = 0; i < diff->n_rows; i++)
        if (diff->rows[i].name[0] != '[')
            return diff->rows[i].name;
    return NULL;
}

void pp_history_diff_power_write(const struct pp_history_windows sides[PP_N_SIDES],
                                 const struct pp_diff *diff, struct pp_buffer *out)
{
    struct pp_spread totals[PP_N_SIDES] = {{.n = 0}}, rows[PP_N_SIDES];
    const char *function = first_function(diff);
    const size_t begin = out->n_bytes;
    size_t head;

    for (int side = 0; side < PP_N_SIDES; side++)
        for (uint32_t i = 0; i < sides[side].n; i++)
            pp_spread_add(&totals[side], (double)pp_profile_total(sides[side].items[i].profile,
                                                                  sides[side].items[i].type));
    pp_buffer_printf(out, "Power    the smallest change that would have been found, four times in "
                          "five, at 5 %%:\n");
    head = out->n_bytes;
    put_power(&totals[PP_BEFORE], &totals[PP_AFTER], totals[PP_BEFORE].mean, "the whole", out);
    if (function != NULL) {
        for (int side = 0; side < PP_N_SIDES; side++)
            rows[side] = spread_of_function(&sides[side], function);
        put_power(&rows[PP_BEFORE], &rows[PP_AFTER], totals[PP_BEFORE].mean, function, out);
    }
    if (out->n_bytes == head) { /* one window a side tells nothing */
        out->n_bytes = begin;
        pp_buffer_printf(out, "Power    with fewer than two windows a side nothing can be said\n");
    }
}
