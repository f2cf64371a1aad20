/* Two commands run in turn, and what differs in their time and their profiles. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_writer.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "cli/bench_options.h"
#include "cli/bench_run.h"
#include "cli/messages.h"
#include "cli/values.h"
#include "cli/verbs.h"
#include "formats/diff_json.h"
#include "formats/encode.h"
#include "profile/diff.h"
#include "views/diff_table.h"

enum { DEFAULT_RUNS = 20, DEFAULT_ROWS = 20 };

static const char *const side_names[PP_N_SIDES] = {"before", "after"};

struct benchmark {
    const struct pp_bench_options *options;
    uint32_t n_runs, n_rows;
    double *wall_s[PP_N_SIDES], *cpu_s[PP_N_SIDES]; /* by run */
    struct pprofc_profile **profiles[PP_N_SIDES];
    struct pp_diff *diff; /* NULL: without profiles */
};

static void benchmark_done(struct benchmark *benchmark)
{
    for (int side = 0; side < PP_N_SIDES; side++) {
        struct pprofc_profile **profiles = benchmark->profiles[side];
        for (uint32_t i = 0; profiles != NULL && i < benchmark->n_runs; i++)
            pprofc_profile_free(profiles[i]);
        free(profiles);
        free(benchmark->wall_s[side]);
        free(benchmark->cpu_s[side]);
    }
    pp_diff_free(benchmark->diff);
}

/* ---- the runs ---- */

static int reserve(struct benchmark *benchmark)
{
    for (int side = 0; side < PP_N_SIDES; side++) {
        benchmark->wall_s[side] = calloc(benchmark->n_runs, sizeof(double));
        benchmark->cpu_s[side] = calloc(benchmark->n_runs, sizeof(double));
        benchmark->profiles[side] = calloc(benchmark->n_runs, sizeof(struct pprofc_profile *));
        if (benchmark->wall_s[side] == NULL || benchmark->cpu_s[side] == NULL ||
            benchmark->profiles[side] == NULL)
            return -ENOMEM;
    }
    return 0;
}

/* 0, or what to exit with. */
static int run_once(struct benchmark *benchmark, struct pp_bench *bench, enum pp_diff_side side,
                    uint32_t i)
{
    struct pp_bench_figures figures;
    struct pprofc_error err;
    char name[32];

    (void)snprintf(name, sizeof name, "%s_%04u", side_names[side], i);
    if (pp_bench_run(bench, benchmark->options->commands[side], name, &figures, &err) < 0) {
        pp_complain("%s", err.message);
        return PP_EXIT_FAILED;
    }
    if (figures.code != 0) {
        pp_complain("run %u of --%s failed with %d: %s", i + 1, side_names[side], figures.code,
                    benchmark->options->commands[side]);
        return figures.code;
    }
    benchmark->wall_s[side][i] = fmax(figures.wall_s, 1e-9);
    benchmark->cpu_s[side][i] = fmax(figures.cpu_s, 1e-9);
    if (bench->is_profiled &&
        pp_bench_profile(bench, name, &benchmark->profiles[side][i], &err) < 0) {
        pp_complain("%s; times are compared without profiles", err.message);
        bench->is_profiled = false;
    }
    return 0;
}

/* In turn, and the first of a pair is the other one each time: what drifts, drifts for both. */
static int run_all(struct benchmark *benchmark, struct pp_bench *bench)
{
    int code = 0;

    for (uint32_t i = 0; i < benchmark->n_runs && code == 0; i++) {
        const enum pp_diff_side first = i % 2 == 0 ? PP_BEFORE : PP_AFTER;
        code = run_once(benchmark, bench, first, i);
        if (code == 0)
            code = run_once(benchmark, bench, first == PP_BEFORE ? PP_AFTER : PP_BEFORE, i);
    }
    return code;
}

static int compare_profiles(struct benchmark *benchmark, struct pprofc_error *err)
{
    const struct pp_diff_options options = {.judge = PP_JUDGE_COST};
    const int rc = pp_diff_make(
        (const struct pprofc_profile *const *)benchmark->profiles[PP_BEFORE], benchmark->n_runs,
        (const struct pprofc_profile *const *)benchmark->profiles[PP_AFTER], benchmark->n_runs,
        &options, &benchmark->diff, err);

    if (rc == 0 && benchmark->options->by_cum)
        pp_diff_sort(benchmark->diff, true);
    return rc;
}

/* ---- what is shown ---- */

static void put_times(struct pp_buffer *out, const char *what, double *const times[PP_N_SIDES],
                      uint32_t n)
{
    char before[PP_NUMBER_TEXT_BYTES], after[PP_NUMBER_TEXT_BYTES];
    struct pp_interval limits;
    const double ratio = pp_paired_ratio(times[PP_BEFORE], times[PP_AFTER], n, &limits);
    double sums[PP_N_SIDES] = {0, 0};

    for (uint32_t i = 0; i < n; i++) {
        sums[PP_BEFORE] += times[PP_BEFORE][i] / n;
        sums[PP_AFTER] += times[PP_AFTER][i] / n;
    }
    (void)pp_duration_text(sums[PP_BEFORE] * 1e9, before);
    (void)pp_duration_text(sums[PP_AFTER] * 1e9, after);
    pp_buffer_printf(out, "%-8s before %s, after %s: %+.1f %%", what, before, after,
                     100 * (ratio - 1));
    if (n > 1)
        pp_buffer_printf(out, " (95 %%: %+.1f to %+.1f %%)", 100 * (limits.low - 1),
                         100 * (limits.high - 1));
    pp_buffer_printf(out, ", improvement %.1f %%\n", 100 * (1 - ratio));
}

static void write_table(const struct benchmark *benchmark, struct pp_buffer *out)
{
    const struct pp_diff_table_options options = {.n_rows = benchmark->n_rows,
                                                  .by_cum = benchmark->options->by_cum};

    put_times(out, "Time", benchmark->wall_s, benchmark->n_runs);
    put_times(out, "CPU", benchmark->cpu_s, benchmark->n_runs);
    pp_buffer_text(out, "\n");
    if (benchmark->diff != NULL)
        pp_diff_table_write(benchmark->diff, &options, out);
}

static void json_times(struct pp_json *json, const char *key, double *const times[PP_N_SIDES],
                       uint32_t n)
{
    struct pp_interval limits;
    const double ratio = pp_paired_ratio(times[PP_BEFORE], times[PP_AFTER], n, &limits);

    pp_json_begin_object(json, key);
    for (int side = 0; side < PP_N_SIDES; side++) {
        pp_json_begin_array(json, side_names[side]);
        for (uint32_t i = 0; i < n; i++)
            pp_json_number(json, NULL, times[side][i]);
        pp_json_end_array(json);
    }
    pp_json_number(json, "ratio", ratio);
    pp_diff_json_interval(json, "ratio_95", &limits);
    pp_json_end_object(json);
}

static void write_json(const struct benchmark *benchmark, struct pp_buffer *out)
{
    struct pp_json json = {.out = out};

    pp_json_begin_object(&json, NULL);
    pp_json_integer(&json, "n_runs", benchmark->n_runs);
    json_times(&json, "wall_seconds", benchmark->wall_s, benchmark->n_runs);
    json_times(&json, "cpu_seconds", benchmark->cpu_s, benchmark->n_runs);
    if (benchmark->diff != NULL) {
        pp_json_begin_object(&json, "profiles");
        pp_diff_json_members(benchmark->diff, &json);
        pp_json_end_object(&json);
    } else {
        pp_json_null(&json, "profiles");
    }
    pp_json_end_object(&json);
    pp_buffer_text(out, "\n");
}

static int write_output(const struct benchmark *benchmark, struct pprofc_error *err)
{
    const struct pp_diff_encoding encoding = {.n_rows = benchmark->n_rows,
                                              .by_cum = benchmark->options->by_cum};
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    char size[PP_NUMBER_TEXT_BYTES];
    int rc;

    if (benchmark->options->output == NULL || benchmark->diff == NULL)
        return 0;
    rc = pp_encode_diff(benchmark->diff, pp_format_of_path(benchmark->options->output), &encoding,
                        &bytes, err);
    if (rc == 0)
        rc = pp_file_write(benchmark->options->output, bytes.bytes, bytes.n_bytes,
                           benchmark->options->overwrites, err);
    if (rc == -EEXIST)
        return pp_fail(err, rc, 0, "%s exists; give -f to overwrite or another -o",
                       benchmark->options->output);
    if (rc == 0)
        pp_say("wrote %s (%s)", benchmark->options->output,
               pp_bytes_text((double)bytes.n_bytes, size));
    return rc;
}

static int show(const struct benchmark *benchmark, struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;
    int rc;

    if (benchmark->options->is_json)
        write_json(benchmark, &text);
    else
        write_table(benchmark, &text);
    if (text.failed)
        return pp_fail(err, -ENOMEM, 0, "no memory to show the comparison");
    rc = pp_file_write("-", text.bytes, text.n_bytes, true, err);
    return rc < 0 ? rc : write_output(benchmark, err);
}

/* ---- the verdict ---- */

static int judge(const struct benchmark *benchmark)
{
    struct pp_interval limits;
    const double ratio = pp_paired_ratio(benchmark->cpu_s[PP_BEFORE], benchmark->cpu_s[PP_AFTER],
                                         benchmark->n_runs, &limits);
    int64_t worse = -ENOENT;

    if (benchmark->options->limit < 0)
        return PP_EXIT_OK;
    if (limits.low > 1 && ratio - 1 > benchmark->options->limit) {
        pp_complain("the CPU time is more by %.1f %%: the limit is %.4g %%", 100 * (ratio - 1),
                    100 * benchmark->options->limit);
        return PP_EXIT_WORSE;
    }
    if (benchmark->diff != NULL)
        worse = pp_diff_find_worse(benchmark->diff, benchmark->options->limit,
                                   benchmark->options->by_cum);
    if (worse < 0)
        return PP_EXIT_OK;
    pp_complain("%s is dearer by %.1f %% of the whole: the limit is %.4g %%",
                benchmark->diff->rows[worse].name,
                100 * pp_diff_growth(benchmark->diff, benchmark->options->by_cum
                                                          ? &benchmark->diff->rows[worse].cum
                                                          : &benchmark->diff->rows[worse].flat),
                100 * benchmark->options->limit);
    return PP_EXIT_WORSE;
}

static int measure(struct benchmark *benchmark)
{
    struct pp_bench bench;
    struct pprofc_error err;
    int code = PP_EXIT_FAILED;

    if (reserve(benchmark) != 0) {
        pp_complain("no memory for %u runs", benchmark->n_runs);
        return PP_EXIT_FAILED;
    }
    if (pp_bench_init(&bench, benchmark->options->keep, PP_KIND_CPU, benchmark->options->rate_hz,
                      &err) < 0) {
        pp_complain("%s", err.message);
    } else {
        code = run_all(benchmark, &bench);
        if (code == 0 && bench.is_profiled && compare_profiles(benchmark, &err) < 0)
            pp_complain("%s; times are compared without profiles", err.message);
        if (code == 0 && show(benchmark, &err) < 0) {
            pp_complain("%s", err.message);
            code = PP_EXIT_FAILED;
        }
    }
    pp_bench_done(&bench);
    return code == 0 ? judge(benchmark) : code;
}

int pp_bench_pair(const struct pp_bench_options *options)
{
    __attribute__((cleanup(benchmark_done))) struct benchmark benchmark = {
        .options = options,
        .n_runs = options->n_runs > 0 ? options->n_runs : DEFAULT_RUNS,
        .n_rows = options->n_rows > 0 ? options->n_rows : DEFAULT_ROWS};

    return measure(&benchmark);
}
