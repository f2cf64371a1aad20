/* What a benchmark found, case by case: for people, for programs, and as pictures. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/json_writer.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "cli/bench_case.h"
#include "cli/bench_store.h"
#include "cli/messages.h"
#include "formats/diff_json.h"
#include "formats/encode.h"
#include "views/clean_text.h"

enum { DEFAULT_ROWS = 5 };

static const char *const side_names[PP_N_SIDES] = {"before", "after"};

/* ---- pictures ---- */

static int picture_path(const struct pp_bench_suite *suite, const struct pp_bench_case *one,
                        char path_out[PATH_MAX], struct pprofc_error *err)
{
    const struct pp_bench_options *options = suite->options;
    const char *folder = options->output != NULL  ? options->output
                         : options->store != NULL ? options->store
                                                  : PP_BENCH_STORE;
    pp_autobuffer struct pp_buffer name = PP_BUFFER_INIT;
    int n;

    pp_bench_file_name(one->name, &name);
    n = name.failed ? -1 : snprintf(path_out, PATH_MAX, "%s/%s.svg", folder, name.bytes);
    return n < 0 || n >= PATH_MAX
               ? pp_fail(err, -ENAMETOOLONG, 0, "the name of a picture in %s is too long", folder)
               : 0;
}

static int draw(const struct pp_bench_suite *suite, const struct pp_bench_case *one,
                struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer title = PP_BUFFER_INIT, bytes = PP_BUFFER_INIT;
    struct pp_diff_encoding encoding = {.by_cum = suite->options->by_cum};
    char path[PATH_MAX];
    int rc = picture_path(suite, one, path, err);

    pp_buffer_printf(&title, "%s: %s → now", one->name, suite->compared);
    pp_buffer_text(&title, "");
    encoding.title = title.bytes;
    if (rc == 0 && title.failed)
        rc = pp_fail(err, -ENOMEM, 0, "no memory for a title");
    if (rc == 0)
        rc = pp_encode_diff(one->diff, PP_FORMAT_SVG, &encoding, &bytes, err);
    return rc < 0 ? rc : pp_file_write(path, bytes.bytes, bytes.n_bytes, true, err);
}

int pp_bench_draw(const struct pp_bench_suite *suite, struct pprofc_error *err)
{
    const struct pp_bench_options *options = suite->options;
    int rc = options->output != NULL ? pp_make_folders(options->output, err) : 0;

    for (size_t i = 0; i < suite->n_cases && rc == 0; i++)
        if (suite->cases[i].diff != NULL)
            rc = draw(suite, &suite->cases[i], err);
    return rc;
}

/* ---- for people ---- */

/* "12.3 ns" below a microsecond, where iterations may be. */
static const char *time_text(double time_s, char text[PP_NUMBER_TEXT_BYTES])
{
    if (time_s >= 1e-6)
        return pp_duration_text(time_s * 1e9, text);
    (void)snprintf(text, PP_NUMBER_TEXT_BYTES, "%.3g ns", time_s * 1e9);
    return text;
}

static double mean_of(const double *times, uint32_t n)
{
    double sum = 0;

    for (uint32_t i = 0; i < n; i++)
        sum += log(times[i]) / n;
    return exp(sum);
}

static void put_change(struct pp_buffer *out, const char *what, const double *before,
                       uint32_t n_before, const double *after, uint32_t n_after,
                       const struct pp_bench_verdict *verdict)
{
    char before_text[PP_NUMBER_TEXT_BYTES], after_text[PP_NUMBER_TEXT_BYTES];
    const struct pp_interval *limits = &verdict->ratio.limits;

    (void)time_text(mean_of(before, n_before), before_text);
    (void)time_text(mean_of(after, n_after), after_text);
    pp_buffer_printf(out, "  %-5s %10s -> %10s  %+7.1f %%", what, before_text, after_text,
                     100 * (verdict->ratio.ratio - 1));
    if (isfinite(limits->high))
        pp_buffer_printf(out, " (95 %%: %+.1f to %+.1f %%)", 100 * (limits->low - 1),
                         100 * (limits->high - 1));
    pp_buffer_printf(out, "  %s\n", pp_bench_state_name(verdict->state));
}

/* Nothing to compare with: what it took, and how sure that is. */
static void put_times(struct pp_buffer *out, const char *what, const double *times, uint32_t n)
{
    static const double one[2] = {1, 1};
    char text[PP_NUMBER_TEXT_BYTES], low[PP_NUMBER_TEXT_BYTES], high[PP_NUMBER_TEXT_BYTES];
    const struct pp_ratio ratio = pp_unpaired_ratio(one, 2, times, n, 0);

    pp_buffer_printf(out, "  %-5s %10s", what, time_text(mean_of(times, n), text));
    if (isfinite(ratio.limits.high))
        pp_buffer_printf(out, " (95 %%: %s to %s)", time_text(ratio.limits.low, low),
                         time_text(ratio.limits.high, high));
    pp_buffer_text(out, "\n");
}

static void put_functions(const struct pp_bench_suite *suite, const struct pp_bench_case *one,
                          struct pp_buffer *out)
{
    const bool by_cum = suite->options->by_cum;
    const uint32_t most = suite->options->n_rows > 0 ? suite->options->n_rows : DEFAULT_ROWS;
    uint32_t n = 0;

    for (uint32_t i = 0; one->diff != NULL && i < one->diff->n_rows && n < most; i++) {
        const struct pp_diff_row *row = &one->diff->rows[i];
        const struct pp_diff_change *change = by_cum ? &row->cum : &row->flat;
        if (!pp_bench_row_counts(one, row, by_cum))
            continue;
        pp_buffer_printf(out, "        %-10s %+7.1f %% of the whole, now %5.1f %%  ",
                         pp_diff_state_name(change->state), 100 * pp_diff_growth(one->diff, change),
                         100 * change->share[PP_AFTER]);
        pp_clean_text_append(out, row->name);
        pp_buffer_append(out, "\n", 1);
        n++;
    }
}

static void put_case(const struct pp_bench_suite *suite, const struct pp_bench_case *one,
                     struct pp_buffer *out)
{
    const struct pp_bench_times *before = &one->times[PP_BEFORE], *after = &one->times[PP_AFTER];
    char path[PATH_MAX];

    pp_clean_text_append(out, one->name);
    pp_buffer_text(out, suite->compared != NULL && !one->has_before ? "  (new)\n" : "\n");
    if (!one->has_before) {
        put_times(out, "CPU", after->s[PP_BENCH_CPU], after->n_runs);
        put_times(out, "Time", after->s[PP_BENCH_WALL], after->n_runs);
        return;
    }
    put_change(out, "CPU", before->s[PP_BENCH_CPU], before->n_runs, after->s[PP_BENCH_CPU],
               after->n_runs, &one->cpu);
    put_change(out, "Time", before->s[PP_BENCH_WALL], before->n_runs, after->s[PP_BENCH_WALL],
               after->n_runs, &one->wall);
    put_functions(suite, one, out);
    if (one->diff != NULL && picture_path(suite, one, path, NULL) == 0)
        pp_buffer_printf(out, "        flame graph of both: %s\n", path);
}

/* When the baseline was measured, on what, and how the machine does now. */
static void put_head(const struct pp_bench_suite *suite, struct pp_buffer *out)
{
    const struct pp_bench_case *first = NULL;
    double doubt = 0;
    char when[32] = "";
    time_t time_s;
    struct tm parts;

    for (size_t i = 0; i < suite->n_cases; i++) {
        if (first == NULL && suite->cases[i].has_before)
            first = &suite->cases[i];
        doubt = fmax(doubt, suite->cases[i].doubt);
    }
    if (first == NULL)
        return;
    time_s = (time_t)first->times[PP_BEFORE].time_s;
    if (gmtime_r(&time_s, &parts) != NULL)
        (void)strftime(when, sizeof when, "%Y-%m-%d %H:%M UTC", &parts);
    pp_buffer_printf(out, "Before   %s of %s, %u runs a case; now %u\n", suite->compared, when,
                     first->times[PP_BEFORE].n_runs, first->times[PP_AFTER].n_runs);
    pp_buffer_printf(
        out,
        "Judged   fixed work beside the runs puts CPU times in doubt by up to %.1f %%: "
        "limits are wider by that; changes up to %.4g %% count as noise\n",
        100 * expm1(doubt), 100 * suite->options->noise);
    if (strcmp(first->times[PP_BEFORE].machine, first->times[PP_AFTER].machine) != 0) {
        pp_buffer_text(out, "Note     another machine: before ");
        pp_clean_text_append(out, first->times[PP_BEFORE].machine);
        pp_buffer_text(out, ", now ");
        pp_clean_text_append(out, first->times[PP_AFTER].machine);
        pp_buffer_text(out, "\n");
    }
    if (suite->n_missing > 0)
        pp_buffer_printf(out, "Note     %u cases of the baseline were not measured\n",
                         suite->n_missing);
    pp_buffer_text(out, "\n");
}

static void put_sum(const struct pp_bench_suite *suite, struct pp_buffer *out)
{
    uint32_t n[PP_BENCH_N_STATES] = {0};
    bool has_any = false;

    for (size_t i = 0; i < suite->n_cases; i++)
        n[suite->cases[i].cpu.state]++;
    pp_buffer_printf(out, "\n%zu case%s by CPU time:", suite->n_cases,
                     suite->n_cases == 1 ? "" : "s");
    for (int state = 0; state < PP_BENCH_N_STATES; state++) {
        if (n[state] == 0)
            continue;
        pp_buffer_printf(out, "%s %u %s", has_any ? "," : "", n[state],
                         pp_bench_state_name((enum pp_bench_state)state));
        has_any = true;
    }
    pp_buffer_text(out, "\n");
}

static void write_text(const struct pp_bench_suite *suite, struct pp_buffer *out)
{
    put_head(suite, out);
    for (size_t i = 0; i < suite->n_cases; i++)
        put_case(suite, &suite->cases[i], out);
    if (suite->compared != NULL)
        put_sum(suite, out);
}

/* ---- for programs ---- */

static void json_times(struct pp_json *json, const char *key, const struct pp_bench_case *one,
                       bool is_cpu)
{
    const struct pp_bench_verdict *verdict = is_cpu ? &one->cpu : &one->wall;

    pp_json_begin_object(json, key);
    for (int side = one->has_before ? PP_BEFORE : PP_AFTER; side < PP_N_SIDES; side++) {
        const double *times =
            is_cpu ? one->times[side].s[PP_BENCH_CPU] : one->times[side].s[PP_BENCH_WALL];
        pp_json_begin_array(json, side_names[side]);
        for (uint32_t i = 0; i < one->times[side].n_runs; i++)
            pp_json_number(json, NULL, times[i]);
        pp_json_end_array(json);
    }
    if (one->has_before) {
        pp_json_number(json, "ratio", verdict->ratio.ratio);
        pp_diff_json_interval(json, "ratio_95", &verdict->ratio.limits);
        pp_json_number(json, "p", verdict->ratio.p);
        pp_json_number(json, "p_adjusted", verdict->p_adjusted);
        pp_json_text(json, "state", pp_bench_state_name(verdict->state));
    }
    pp_json_end_object(json);
}

static void json_case(struct pp_json *json, const struct pp_bench_case *one)
{
    pp_json_begin_object(json, NULL);
    pp_json_text(json, "case", one->name);
    pp_json_text(json, "per", one->times[PP_AFTER].is_per_iteration ? "iteration" : "run");
    json_times(json, "wall_seconds", one, false);
    json_times(json, "cpu_seconds", one, true);
    if (one->has_before)
        pp_json_number(json, "machine_doubt", expm1(one->doubt));
    if (one->diff != NULL) {
        pp_json_begin_object(json, "profiles");
        pp_diff_json_members(one->diff, json);
        pp_json_end_object(json);
    } else {
        pp_json_null(json, "profiles");
    }
    pp_json_end_object(json);
}

static void write_json(const struct pp_bench_suite *suite, struct pp_buffer *out)
{
    struct pp_json json = {.out = out};

    pp_json_begin_object(&json, NULL);
    if (suite->compared != NULL)
        pp_json_text(&json, "baseline", suite->compared);
    else
        pp_json_null(&json, "baseline");
    if (suite->saved != NULL)
        pp_json_text(&json, "saved", suite->saved);
    else
        pp_json_null(&json, "saved");
    pp_json_begin_array(&json, "cases");
    for (size_t i = 0; i < suite->n_cases; i++)
        json_case(&json, &suite->cases[i]);
    pp_json_end_array(&json);
    pp_json_end_object(&json);
    pp_buffer_text(out, "\n");
}

int pp_bench_show(const struct pp_bench_suite *suite, struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;

    if (suite->options->is_json)
        write_json(suite, &text);
    else
        write_text(suite, &text);
    if (text.failed)
        return pp_fail(err, -ENOMEM, 0, "no memory to show the benchmark");
    return pp_file_write("-", text.bytes, text.n_bytes, true, err);
}
