/* pprofc_compare(): two functions of this program in turn, and what differs. */
#include "pprofc/compare.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/encode.h"
#include "profile/diff.h"
#include "serve/capture_calls.h"

enum { DEFAULT_RUNS = 10, MOST_RUNS = 1000, NAME_BYTES = 512 };

static const double default_rate_hz = 1000;

/* A function under measurement: its times are taken inside, without the profiler's start and end.
 */
struct timed_call {
    void (*fn)(void *);
    void *argument;
    double wall_s, cpu_s;
};

struct comparing {
    void (*functions[PP_N_SIDES])(void *);
    void *argument;
    uint32_t n_runs;
    double rate_hz;
    double *wall_s[PP_N_SIDES], *cpu_s[PP_N_SIDES]; /* by run */
    struct pprofc_profile **profiles[PP_N_SIDES];
    const char *name;
    char stem[NAME_BYTES]; /* of the files, with the folder */
};

static void comparing_done(struct comparing *comparing)
{
    for (int side = 0; side < PP_N_SIDES; side++) {
        for (uint32_t i = 0; comparing->profiles[side] != NULL && i < comparing->n_runs; i++)
            pprofc_profile_free(comparing->profiles[side][i]);
        free(comparing->profiles[side]);
        free(comparing->wall_s[side]);
        free(comparing->cpu_s[side]);
    }
}

/* ---- the runs ---- */

static double clock_s(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void call_timed(void *argument)
{
    struct timed_call *call = argument;
    const double wall_s = clock_s(CLOCK_MONOTONIC), cpu_s = clock_s(CLOCK_THREAD_CPUTIME_ID);

    call->fn(call->argument);
    call->wall_s = clock_s(CLOCK_MONOTONIC) - wall_s;
    call->cpu_s = clock_s(CLOCK_THREAD_CPUTIME_ID) - cpu_s;
}

static double at_least_a_nanosecond(double seconds)
{
    return seconds > 1e-9 ? seconds : 1e-9;
}

static int run_once(struct comparing *comparing, enum pp_diff_side side, uint32_t i,
                    struct pprofc_error *err)
{
    struct timed_call call = {.fn = comparing->functions[side], .argument = comparing->argument};
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_recording *recording = NULL;
    int rc;

    options.frequency_hz = comparing->rate_hz;
    rc = pprofc_profile_call(call_timed, &call, &options, &recording, err);
    if (rc != 0)
        return rc;
    comparing->wall_s[side][i] = at_least_a_nanosecond(call.wall_s);
    comparing->cpu_s[side][i] = at_least_a_nanosecond(call.cpu_s);
    rc = pprofc_profile_from_recording(recording, &comparing->profiles[side][i], err);
    pprofc_recording_free(recording);
    return rc;
}

/* In turn, the first of a pair being the other one each time. */
static int run_all(struct comparing *comparing, struct pprofc_error *err)
{
    int rc = 0;

    for (uint32_t i = 0; i < comparing->n_runs && rc == 0; i++) {
        const enum pp_diff_side first = i % 2 == 0 ? PP_BEFORE : PP_AFTER;
        rc = run_once(comparing, first, i, err);
        if (rc == 0)
            rc = run_once(comparing, first == PP_BEFORE ? PP_AFTER : PP_BEFORE, i, err);
    }
    return rc;
}

/* ---- files ---- */

static int write_bytes(const struct comparing *comparing, const char *suffix,
                       const struct pp_buffer *bytes, struct pprofc_error *err)
{
    char path[NAME_BYTES + 32];

    (void)snprintf(path, sizeof path, "%s_%s.svg", comparing->stem, suffix);
    return pp_file_write(path, bytes->bytes, bytes->n_bytes, true, err);
}

static int write_side(const struct comparing *comparing, enum pp_diff_side side,
                      struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    struct pprofc_profile *all = pp_profile_new();
    int rc = 0;

    if (all == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory for a flame graph");
    for (uint32_t i = 0; i < comparing->n_runs && rc == 0; i++)
        rc = pp_profile_merge(all, comparing->profiles[side][i], err);
    if (rc == 0)
        rc = pp_encode_profile(all, PP_FORMAT_SVG, all->default_type, &bytes, err);
    if (rc == 0)
        rc = write_bytes(comparing, side == PP_BEFORE ? "before" : "after", &bytes, err);
    pprofc_profile_free(all);
    return rc;
}

static int write_diff(const struct comparing *comparing, const struct pp_diff *diff,
                      struct pprofc_error *err)
{
    const struct pp_diff_encoding encoding = {.title = comparing->name};
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    const int rc = pp_encode_diff(diff, PP_FORMAT_SVG, &encoding, &bytes, err);

    return rc != 0 ? rc : write_bytes(comparing, "diff", &bytes, err);
}

/* ---- the result ---- */

static double mean(const double *values, uint32_t n)
{
    double sum = 0;

    for (uint32_t i = 0; i < n; i++)
        sum += values[i];
    return sum / n;
}

static void fill(const struct comparing *comparing, const struct pp_diff *diff,
                 struct pprofc_comparison *out)
{
    const uint32_t n = comparing->n_runs;
    struct pp_interval wall, cpu;
    const double wall_ratio =
        pp_paired_ratio(comparing->wall_s[PP_BEFORE], comparing->wall_s[PP_AFTER], n, &wall);
    const double cpu_ratio =
        pp_paired_ratio(comparing->cpu_s[PP_BEFORE], comparing->cpu_s[PP_AFTER], n, &cpu);

    out->before_s = mean(comparing->wall_s[PP_BEFORE], n);
    out->after_s = mean(comparing->wall_s[PP_AFTER], n);
    out->improvement_percent = 100 * (1 - wall_ratio);
    out->improvement_low = 100 * (1 - wall.high);
    out->improvement_high = 100 * (1 - wall.low);
    out->cpu_before_s = mean(comparing->cpu_s[PP_BEFORE], n);
    out->cpu_after_s = mean(comparing->cpu_s[PP_AFTER], n);
    out->cpu_improvement_percent = 100 * (1 - cpu_ratio);
    out->cpu_improvement_low = 100 * (1 - cpu.high);
    out->cpu_improvement_high = 100 * (1 - cpu.low);
    out->n_regressed = out->n_improved = 0;
    for (uint32_t i = 0; i < diff->n_rows; i++) {
        const enum pp_diff_state state = diff->rows[i].flat.state;
        out->n_regressed += state == PP_DIFF_REGRESSED || state == PP_DIFF_NEW;
        out->n_improved += state == PP_DIFF_IMPROVED || state == PP_DIFF_GONE;
    }
}

static int compare(struct comparing *comparing, struct pprofc_comparison *out,
                   struct pprofc_error *err)
{
    const struct pp_diff_options options = {.judge = PP_JUDGE_COST};
    struct pp_diff *diff = NULL;
    int rc = run_all(comparing, err);

    if (rc == 0)
        rc = pp_diff_make((const struct pprofc_profile *const *)comparing->profiles[PP_BEFORE],
                          comparing->n_runs,
                          (const struct pprofc_profile *const *)comparing->profiles[PP_AFTER],
                          comparing->n_runs, &options, &diff, err);
    for (int side = 0; side < PP_N_SIDES && rc == 0; side++)
        rc = write_side(comparing, (enum pp_diff_side)side, err);
    if (rc == 0)
        rc = write_diff(comparing, diff, err);
    if (rc == 0 && out != NULL)
        fill(comparing, diff, out);
    pp_diff_free(diff);
    return rc;
}

/* ---- the call ---- */

static int name_files(struct comparing *comparing, const char *name, const char *folder,
                      struct pprofc_error *err)
{
    const int n = snprintf(comparing->stem, sizeof comparing->stem, "%s%s%s",
                           folder != NULL ? folder : "", folder != NULL ? "/" : "", name);

    if (n < 0 || (size_t)n >= sizeof comparing->stem)
        return pp_fail(err, -EINVAL, 0, "the name of the comparison is too long");
    for (char *c = comparing->stem + n - strlen(name); *c != '\0'; c++)
        if (!isalnum((unsigned char)*c) && strchr("-_.+", *c) == NULL)
            *c = '_';
    return 0;
}

static int reserve(struct comparing *comparing, struct pprofc_error *err)
{
    for (int side = 0; side < PP_N_SIDES; side++) {
        comparing->wall_s[side] = calloc(comparing->n_runs, sizeof(double));
        comparing->cpu_s[side] = calloc(comparing->n_runs, sizeof(double));
        comparing->profiles[side] = calloc(comparing->n_runs, sizeof(struct pprofc_profile *));
        if (comparing->wall_s[side] == NULL || comparing->cpu_s[side] == NULL ||
            comparing->profiles[side] == NULL)
            return pp_fail(err, -ENOMEM, 0, "no memory for %u runs", comparing->n_runs);
    }
    return 0;
}

int pprofc_compare(const char *name, void (*before)(void *), void (*after)(void *), void *argument,
                   const struct pprofc_compare_options *options,
                   struct pprofc_comparison *comparison_out, struct pprofc_error *err)
{
    const struct pprofc_compare_options defaults = PPROFC_COMPARE_OPTIONS_INIT;
    struct comparing comparing = {.functions = {before, after}, .argument = argument, .name = name};
    int rc;

    if (options == NULL)
        options = &defaults;
    if (name == NULL || name[0] == '\0' || before == NULL || after == NULL ||
        options->struct_bytes < sizeof defaults || options->n_runs > MOST_RUNS ||
        (comparison_out != NULL && comparison_out->struct_bytes < sizeof *comparison_out))
        return pp_fail(err, -EINVAL, 0,
                       "a comparison needs a name, two functions and initialised structs");
    if (pprofc_profile_call == NULL || pprofc_recording_free == NULL)
        return pp_fail(
            err, -ENOSYS, 0,
            "this program has no capture library: link it as pkg-config --libs pprofc says");
    comparing.n_runs = options->n_runs > 0 ? options->n_runs : DEFAULT_RUNS;
    comparing.rate_hz = options->frequency_hz > 0 ? options->frequency_hz : default_rate_hz;
    rc = name_files(&comparing, name, options->folder, err);
    if (rc == 0)
        rc = reserve(&comparing, err);
    if (rc == 0)
        rc = compare(&comparing, comparison_out, err);
    comparing_done(&comparing);
    return rc;
}
