/* pprofc overhead: a command without the profiler and with it, in turn, and what differs. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/memory.h"
#include "base/numbers.h"
#include "cli/bench_run.h"
#include "cli/environment.h"
#include "cli/messages.h"
#include "cli/options.h"
#include "cli/overhead_view.h"
#include "cli/target.h"
#include "cli/values.h"
#include "cli/verbs.h"
#include "formats/encode.h"

enum {
    OPTION_ROUNDS,
    OPTION_KINDS,
    OPTION_RATE,
    OPTION_MODE,
    OPTION_JSON,
    OPTION_QUIET,
    OPTION_HELP,
    N_OPTIONS
};

static const struct pp_option overhead_options[N_OPTIONS] = {
    [OPTION_ROUNDS] = {"runs", 'n', true, false},    [OPTION_KINDS] = {"kinds", 'k', true, false},
    [OPTION_RATE] = {"frequency", 'F', true, false}, [OPTION_MODE] = {"mode", 0, true, false},
    [OPTION_JSON] = {"json", 0, false, false},       [OPTION_QUIET] = {"quiet", 'q', false, false},
    [OPTION_HELP] = {"help", 'h', false, false},
};

enum { DEFAULT_ROUNDS = 10, MOST_ROUNDS = 1000 };

static const double standard_hz = 100;

struct measuring {
    char **command;
    struct pp_target target;
    struct pp_overhead_result result;
    struct pp_overhead_times wall, cpu;
    bool is_json, wants_help;
};

/* ---- the command line ---- */

static int set_rounds(struct measuring *measuring, const char *value, struct pprofc_error *err)
{
    int64_t n;

    if (!pp_parse_int64(value, strlen(value), &n) || n < 1 || n > MOST_ROUNDS)
        return pp_fail(err, -EINVAL, 0, "--runs '%s' is no number of runs; give 1 to 1000", value);
    measuring->result.n_rounds = (uint32_t)n;
    return 0;
}

static int take(struct measuring *measuring, int option, const char *value,
                struct pprofc_error *err)
{
    switch (option) {
    case OPTION_ROUNDS:
        return set_rounds(measuring, value, err);
    case OPTION_KINDS:
        return pp_parse_kinds(value, &measuring->result.kinds, err);
    case OPTION_RATE:
        return pp_parse_rate(value, &measuring->result.rate_hz, err);
    case OPTION_MODE:
        return pp_parse_mode(value, &measuring->result.rate_hz, err);
    case OPTION_JSON:
        measuring->is_json = true;
        return 0;
    case OPTION_QUIET:
        pp_messages_set_loudness(PP_QUIET);
        return 0;
    default:
        measuring->wants_help = true;
        return 0;
    }
}

static int read_options(char **words, struct measuring *measuring, struct pprofc_error *err)
{
    struct pp_option_reader reader = {.options = overhead_options,
                                      .n_options = N_OPTIONS,
                                      .verb = "overhead",
                                      .words = words,
                                      .stops_at_word = true};
    int option;

    while ((option = pp_option_next(&reader, err)) >= 0) {
        const int rc = take(measuring, option, reader.value, err);
        if (rc < 0 || measuring->wants_help)
            return rc;
    }
    if (option != PP_OPTION_END)
        return option;
    measuring->command = words + reader.at;
    if (measuring->command[0] == NULL)
        return pp_fail(err, -EINVAL, 0,
                       "no program given; write pprofc overhead [OPTIONS] -- PROGRAM ARGUMENTS");
    return 0;
}

/* ---- the runs ---- */

/* Larger than this only the program itself can have been. */
static double own_peak_bytes(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_SELF, &usage) == 0 ? (double)usage.ru_maxrss * 1024 : INFINITY;
}

static void take_figures(struct measuring *measuring, enum pp_overhead_run run, uint32_t round,
                         const struct pp_bench_figures *figures)
{
    struct pp_overhead_result *result = &measuring->result;
    const double peak_bytes = (double)figures->peak_bytes;

    measuring->wall.seconds[run][round] = fmax(figures->wall_s, 1e-9);
    measuring->cpu.seconds[run][round] = fmax(figures->cpu_s, 1e-9);
    if (run == PP_RUN_PROFILED)
        result->profiled_peak_bytes += peak_bytes / result->n_rounds;
    else
        result->baseline_peak_bytes += peak_bytes / 2 / result->n_rounds;
    result->knows_peak = result->knows_peak && peak_bytes > own_peak_bytes();
    pp_own_cost_sum(&result->own, &figures->own);
}

/* 0, or what to exit with. */
static int run_once(struct measuring *measuring, struct pp_bench *bench, enum pp_overhead_run run,
                    uint32_t round)
{
    const struct pp_bench_program program = {.path = measuring->target.path,
                                             .arguments = measuring->command,
                                             .is_baseline = run != PP_RUN_PROFILED,
                                             .has_no_input = true,
                                             .links_capture = measuring->target.links_capture};
    struct pp_bench_figures figures;
    struct pprofc_error err;
    char name[32];

    (void)snprintf(name, sizeof name, "run_%04u", round);
    if (pp_bench_run_program(bench, &program, name, &figures, &err) < 0) {
        pp_complain("%s", err.message);
        return PP_EXIT_FAILED;
    }
    if (figures.code != 0) {
        pp_complain("%s ended with %d %s the profiler, in round %u: nothing is compared",
                    measuring->command[0], figures.code,
                    run == PP_RUN_PROFILED ? "with" : "without", round + 1);
        return figures.code;
    }
    if (run == PP_RUN_PROFILED && figures.own.n_recordings == 0) {
        pp_complain("the profiled run left no recording: the program ends without its libraries' "
                    "ends, or cannot be profiled; see pprofc run -- %s",
                    measuring->command[0]);
        return PP_EXIT_FAILED;
    }
    take_figures(measuring, run, round, &figures);
    return 0;
}

static int run_all(struct measuring *measuring, struct pp_bench *bench)
{
    int code = 0;

    for (uint32_t round = 0; round < measuring->result.n_rounds && code == 0; round++)
        for (uint32_t place = 0; place < PP_N_OVERHEAD_RUNS && code == 0; place++)
            code = run_once(measuring, bench, pp_overhead_turn(round, place), round);
    return code;
}

static double cpu_clock_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* What is done once with a recording, beside the program: of the last run. */
static void make_profile(struct measuring *measuring, const struct pp_bench *bench)
{
    struct pp_overhead_result *result = &measuring->result;
    pp_autobuffer struct pp_buffer file = PP_BUFFER_INIT;
    struct pprofc_profile *profile = NULL;
    const double before_s = cpu_clock_s();
    struct pprofc_error err;
    char name[32];
    int rc;

    (void)snprintf(name, sizeof name, "run_%04u", result->n_rounds - 1);
    rc = pp_bench_profile(bench, name, &profile, &err);
    if (rc == 0)
        rc = pp_encode_profile(profile, PP_FORMAT_PPROF, profile->default_type, &file, &err);
    pprofc_profile_free(profile);
    if (rc < 0) {
        pp_complain("%s; what a file costs is not known", err.message);
        return;
    }
    result->has_profile = true;
    result->names_s = cpu_clock_s() - before_s;
    result->profile_bytes = file.n_bytes;
}

/* ---- the whole ---- */

static int show(struct measuring *measuring)
{
    pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;
    struct pprofc_error err;

    pp_overhead_judge(&measuring->wall, &measuring->result.wall);
    pp_overhead_judge(&measuring->cpu, &measuring->result.cpu);
    if (measuring->is_json)
        pp_overhead_write_json(&measuring->result, &text);
    else
        pp_overhead_write_text(&measuring->result, &text);
    if (text.failed)
        (void)pp_fail(&err, -ENOMEM, 0, "no memory to show what was measured");
    else if (pp_file_write("-", text.bytes, text.n_bytes, true, &err) == 0)
        return PP_EXIT_OK;
    pp_complain("%s", err.message);
    return PP_EXIT_FAILED;
}

static int measure(struct measuring *measuring)
{
    const uint32_t n = measuring->result.n_rounds;
    struct pprofc_error err;
    struct pp_bench bench;
    int code = PP_EXIT_FAILED;

    if (pp_overhead_times_init(&measuring->wall, n) != 0 ||
        pp_overhead_times_init(&measuring->cpu, n) != 0) {
        pp_complain("no memory for %u rounds", n);
        return PP_EXIT_FAILED;
    }
    if (pp_bench_init(&bench, NULL, measuring->result.kinds, measuring->result.rate_hz, &err) < 0) {
        pp_complain("%s", err.message);
    } else {
        code = run_all(measuring, &bench);
        if (code == 0)
            make_profile(measuring, &bench);
    }
    pp_bench_done(&bench);
    return code == 0 ? show(measuring) : code;
}

/* 0, or what to exit with: there must be something to measure. */
static int find_program(struct measuring *measuring)
{
    const char *command = measuring->command[0];
    const int rc = pp_target_find(command, &measuring->target);

    if (rc < 0) {
        pp_complain(rc == -EACCES ? "%s is not executable; try chmod +x, or give its interpreter"
                                  : "%s: not found; check the name, or give its path",
                    command);
        return rc == -EACCES ? PP_EXIT_NOT_EXECUTABLE : PP_EXIT_NOT_FOUND;
    }
    if (pp_child_environment_is_off()) {
        pp_complain("PPROFC=off is set, so there is nothing to measure; unset it");
        return PP_EXIT_FAILED;
    }
    if (measuring->target.shortcoming[0] != '\0') {
        pp_complain("%s", measuring->target.shortcoming);
        return PP_EXIT_FAILED;
    }
    return 0;
}

int pp_cmd_overhead(char **words)
{
    struct measuring measuring = {.result = {.n_rounds = DEFAULT_ROUNDS,
                                             .kinds = PP_KIND_CPU,
                                             .rate_hz = standard_hz,
                                             .knows_peak = true}};
    struct pprofc_error err;
    int code;

    if (read_options(words, &measuring, &err) < 0) {
        pp_complain("%s", err.message);
        return PP_EXIT_USAGE;
    }
    if (measuring.wants_help) {
        (void)pp_help_show("overhead");
        return PP_EXIT_OK;
    }
    code = find_program(&measuring);
    if (code == 0)
        code = measure(&measuring);
    pp_overhead_times_done(&measuring.wall);
    pp_overhead_times_done(&measuring.cpu);
    return code;
}
