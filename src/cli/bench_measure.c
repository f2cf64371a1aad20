/* Running the cases of a benchmark: in rounds, so that what drifts on the machine drifts for all of
 * them. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/bench_case.h"
#include "cli/bench_run.h"
#include "cli/bench_yardstick.h"
#include "cli/messages.h"
#include "cli/values.h"
#include "cli/verbs.h"
#include "formats/formats.h"
#include "formats/google_benchmark.h"

enum { DEFAULT_RUNS = 10 };

struct measuring {
    struct pp_bench_suite *suite;
    struct pp_bench bench;
    /* Where a Google Benchmark program leaves its times, and what it says meanwhile. */
    char google_path[PATH_MAX], words_path[PATH_MAX];
    struct pp_bench_figures empty; /* of this round */
};

static int reserve(struct pp_bench_case *one, uint32_t n_runs)
{
    struct pp_bench_times *times = &one->times[PP_AFTER];

    if (pp_bench_times_init(times, n_runs) != 0)
        return -ENOMEM;
    one->profiles[PP_AFTER] = calloc((size_t)n_runs + 1, sizeof(struct pprofc_profile *));
    times->name = strdup(one->name);
    times->command = strdup(one->command);
    times->machine = strdup(pp_machine_name());
    times->time_s = (int64_t)time(NULL);
    times->is_per_iteration = one->is_google;
    return one->profiles[PP_AFTER] == NULL || times->name == NULL || times->command == NULL ||
                   times->machine == NULL
               ? -ENOMEM
               : 0;
}

/* ---- Google Benchmark ---- */

static void put_option(struct pp_buffer *command, const char *option, const char *value)
{
    pp_buffer_printf(command, " %s", option);
    pp_shell_quote(command, value);
}

static int google_command(const struct measuring *measuring, const struct pp_bench_case *one,
                          struct pp_buffer *command)
{
    pp_autobuffer struct pp_buffer expression = PP_BUFFER_INIT;

    pp_google_benchmark_filter(one->name, &expression);
    if (expression.failed)
        return -ENOMEM;
    pp_buffer_text(command, one->command);
    put_option(command, "--benchmark_filter=", expression.bytes);
    put_option(command, "--benchmark_out=", measuring->google_path);
    put_option(command, "--benchmark_out_format=", "json");
    pp_buffer_text(command, " 2>");
    pp_shell_quote(command, measuring->words_path);
    pp_buffer_text(command, "");
    return command->failed ? -ENOMEM : 0;
}

/* Its own times are of an iteration, without what comes before the loop. */
static int take_google_times(const struct measuring *measuring, const struct pp_bench_case *one,
                             struct pp_bench_figures *figures, struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    struct pp_google_times times;
    int rc = pp_file_read(measuring->google_path, &bytes, err);

    if (rc == -ENOENT)
        return pp_fail(err, rc, 0,
                       "it left no file of --benchmark_out; of a program that is none of Google "
                       "Benchmark name the cases: --case NAME");
    (void)unlink(measuring->google_path);
    if (rc == 0)
        rc = pp_google_benchmark_read(bytes.bytes, bytes.n_bytes, one->name, &times, err);
    if (rc == 0) {
        figures->wall_s = times.wall_s;
        figures->cpu_s = times.cpu_s;
    }
    return rc;
}

/* What it said, when it failed. */
static void show_words(const struct measuring *measuring)
{
    pp_autoclose FILE *words = fopen(measuring->words_path, "re");
    char line[512];

    while (words != NULL && fgets(line, sizeof line, words) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        pp_say_below("%s", line);
    }
}

/* ---- a run ---- */

static int run_command(struct measuring *measuring, const struct pp_bench_case *one,
                       const char *name, struct pp_bench_figures *figures, struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer command = PP_BUFFER_INIT;
    int rc;

    if (!one->is_google)
        return pp_bench_run(&measuring->bench, one->command, name, figures, err);
    if (google_command(measuring, one, &command) != 0)
        return pp_fail(err, -ENOMEM, 0, "no memory for a command");
    rc = pp_bench_run(&measuring->bench, command.bytes, name, figures, err);
    return rc < 0 || figures->code != 0 ? rc : take_google_times(measuring, one, figures, err);
}

static int run_case(struct measuring *measuring, size_t number, uint32_t round)
{
    struct pp_bench_case *one = &measuring->suite->cases[number];
    struct pp_bench_times *times = &one->times[PP_AFTER];
    struct pp_bench_figures figures;
    struct pprofc_error err;
    char name[48];
    int rc;

    (void)snprintf(name, sizeof name, "case_%04zu_%04u", number, round);
    times->s[PP_BENCH_EMPTY_WALL][round] = measuring->empty.wall_s;
    times->s[PP_BENCH_EMPTY_CPU][round] = measuring->empty.cpu_s;
    pp_yardstick(&times->s[PP_BENCH_SPIN_WALL][round], &times->s[PP_BENCH_SPIN_CPU][round]);
    rc = run_command(measuring, one, name, &figures, &err);
    if (rc == -ECANCELED) {
        pp_complain("case %s is left out: %s", one->name, err.message);
        one->is_left_out = true;
        return 0;
    }
    if (rc < 0) {
        pp_complain("case %s: %s", one->name, err.message);
        return PP_EXIT_FAILED;
    }
    if (figures.code != 0) {
        pp_complain("run %u of case %s failed with %d: %s", round + 1, one->name, figures.code,
                    one->command);
        if (one->is_google)
            show_words(measuring);
        return figures.code;
    }
    times->s[PP_BENCH_WALL][round] = fmax(figures.wall_s, 1e-15);
    times->s[PP_BENCH_CPU][round] = fmax(figures.cpu_s, one->is_google ? 1e-15 : 1e-9);
    if (measuring->bench.is_profiled &&
        pp_bench_profile(&measuring->bench, name, &one->profiles[PP_AFTER][round], &err) < 0) {
        pp_complain("case %s: %s; times are compared without profiles", one->name, err.message);
        measuring->bench.is_profiled = false;
    }
    return 0;
}

/* What it takes to start and profile a program that does nothing, on this machine now. */
static int run_empty(struct measuring *measuring, uint32_t round)
{
    struct pprofc_error err;
    char name[32];

    (void)snprintf(name, sizeof name, "empty_%04u", round);
    if (pp_bench_run(&measuring->bench, "exec true", name, &measuring->empty, &err) < 0) {
        pp_complain("%s", err.message);
        return PP_EXIT_FAILED;
    }
    measuring->empty.wall_s = fmax(measuring->empty.wall_s, 1e-9);
    measuring->empty.cpu_s = fmax(measuring->empty.cpu_s, 1e-9);
    return 0;
}

/* Without the profile of one run there is none to compare with. */
static void drop_profiles(struct pp_bench_suite *suite)
{
    for (size_t i = 0; i < suite->n_cases; i++) {
        struct pp_bench_case *one = &suite->cases[i];
        for (uint32_t k = 0; k < one->times[PP_AFTER].n_runs; k++)
            pprofc_profile_free(one->profiles[PP_AFTER][k]);
        free(one->profiles[PP_AFTER]);
        one->profiles[PP_AFTER] = NULL;
    }
}

static int run_all(struct measuring *measuring)
{
    struct pp_bench_suite *suite = measuring->suite;
    const uint32_t n_runs = suite->options->n_runs > 0 ? suite->options->n_runs : DEFAULT_RUNS;
    int code = 0;

    for (size_t i = 0; i < suite->n_cases; i++)
        if (reserve(&suite->cases[i], n_runs) != 0) {
            pp_complain("no memory for %u runs of %zu cases", n_runs, suite->n_cases);
            return PP_EXIT_FAILED;
        }
    for (uint32_t round = 0; round < n_runs && code == 0; round++) {
        code = run_empty(measuring, round);
        for (size_t i = 0; i < suite->n_cases && code == 0; i++)
            if (!suite->cases[i].is_left_out)
                code = run_case(measuring, i, round);
    }
    pp_bench_drop_cases(suite);
    if (code == 0 && suite->n_cases == 0) {
        pp_complain("no case is left that could be measured");
        return PP_EXIT_FAILED;
    }
    if (code == 0 && !measuring->bench.is_profiled)
        drop_profiles(suite);
    return code;
}

int pp_bench_measure(struct pp_bench_suite *suite)
{
    struct measuring measuring = {.suite = suite};
    struct pprofc_error err;
    int code = PP_EXIT_FAILED;

    if (pp_bench_init(&measuring.bench, suite->options->keep, PP_KIND_CPU, suite->options->rate_hz,
                      &err) < 0) {
        pp_complain("%s", err.message);
    } else {
        (void)snprintf(measuring.google_path, sizeof measuring.google_path, "%s/google.json",
                       measuring.bench.folder);
        (void)snprintf(measuring.words_path, sizeof measuring.words_path, "%s/google.txt",
                       measuring.bench.folder);
        code = run_all(&measuring);
        (void)unlink(measuring.google_path);
        (void)unlink(measuring.words_path);
    }
    pp_bench_done(&measuring.bench);
    return code;
}
