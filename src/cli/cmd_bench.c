/* pprofc bench: what differs in the time and the profiles of two commands run in turn, or of the
 * cases of a benchmark and what they were when they were measured before. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/numbers.h"
#include "cli/bench_options.h"
#include "cli/messages.h"
#include "cli/options.h"
#include "cli/values.h"
#include "cli/verbs.h"
#include "formats/bench_times.h"
#include "formats/formats.h"

enum {
    OPTION_BEFORE,
    OPTION_AFTER,
    OPTION_CASE,
    OPTION_SAVE_BASELINE,
    OPTION_BASELINE,
    OPTION_LOAD_BASELINE,
    OPTION_FILTER,
    OPTION_LIST,
    OPTION_STORE,
    OPTION_NOISE,
    OPTION_RUNS,
    OPTION_RATE,
    OPTION_FAIL_ABOVE,
    OPTION_CUM,
    OPTION_TOP,
    OPTION_JSON,
    OPTION_OUTPUT,
    OPTION_KEEP,
    OPTION_FORCE,
    OPTION_QUIET,
    OPTION_HELP,
    N_OPTIONS
};

static const struct pp_option bench_options[N_OPTIONS] = {
    [OPTION_BEFORE] = {"before", 0, true, false},
    [OPTION_AFTER] = {"after", 0, true, false},
    [OPTION_CASE] = {"case", 0, true, false},
    [OPTION_SAVE_BASELINE] = {"save-baseline", 0, true, false},
    [OPTION_BASELINE] = {"baseline", 0, true, false},
    [OPTION_LOAD_BASELINE] = {"load-baseline", 0, true, false},
    [OPTION_FILTER] = {"filter", 0, true, false},
    [OPTION_LIST] = {"list", 0, false, false},
    [OPTION_STORE] = {"store", 0, true, false},
    [OPTION_NOISE] = {"noise-threshold", 0, true, false},
    [OPTION_RUNS] = {"runs", 'n', true, false},
    [OPTION_RATE] = {"frequency", 'F', true, false},
    [OPTION_FAIL_ABOVE] = {"fail-above", 0, true, false},
    [OPTION_CUM] = {"cum", 0, false, false},
    [OPTION_TOP] = {"top", 0, true, false},
    [OPTION_JSON] = {"json", 0, false, false},
    [OPTION_OUTPUT] = {"output", 'o', true, false},
    [OPTION_KEEP] = {"keep", 0, true, false},
    [OPTION_FORCE] = {"force", 'f', false, false},
    [OPTION_QUIET] = {"quiet", 'q', false, false},
    [OPTION_HELP] = {"help", 'h', false, false},
};

static const double default_rate_hz = 1000;
static const double default_noise = 0.01; /* as Criterion has it */

static void options_done(struct pp_bench_options *options)
{
    free(options->cases);
}

static int set_runs(struct pp_bench_options *options, const char *value, struct pprofc_error *err)
{
    int64_t n;

    if (!pp_parse_int64(value, strlen(value), &n) || n < 1 || n > PP_BENCH_MOST_RUNS)
        return pp_fail(err, -EINVAL, 0, "--runs '%s' is no number of runs; give 1 to 1000", value);
    options->n_runs = (uint32_t)n;
    return 0;
}

static int add_case(struct pp_bench_options *options, const char *value, struct pprofc_error *err)
{
    if (value[0] == '\0' || value[0] == '=')
        return pp_fail(err, -EINVAL, 0, "--case '%s' has no name; write --case NAME=COMMAND",
                       value);
    if (pp_array_reserve(&options->cases, &options->cases_capacity, options->n_cases + 1,
                         sizeof *options->cases) != 0)
        return pp_fail(err, -ENOMEM, 0, "no memory for the names of the cases");
    options->cases[options->n_cases++] = value;
    return 0;
}

/* It becomes the name of a folder. */
static int set_baseline(const char **place, const char *value, struct pprofc_error *err)
{
    if (value[0] == '\0' || value[0] == '.' || strchr(value, '/') != NULL || strlen(value) > 100)
        return pp_fail(err, -EINVAL, 0,
                       "a baseline cannot be called '%s'; give a short name without / or a dot at "
                       "its beginning",
                       value);
    *place = value;
    return 0;
}

static int take(void *command, int option, const char *value, struct pprofc_error *err)
{
    struct pp_bench_options *options = command;

    switch (option) {
    case OPTION_BEFORE:
        options->commands[PP_BEFORE] = value;
        return 0;
    case OPTION_AFTER:
        options->commands[PP_AFTER] = value;
        return 0;
    case OPTION_CASE:
        return add_case(options, value, err);
    case OPTION_SAVE_BASELINE:
        return set_baseline(&options->save_baseline, value, err);
    case OPTION_BASELINE:
        return set_baseline(&options->baseline, value, err);
    case OPTION_LOAD_BASELINE:
        return set_baseline(&options->load_baseline, value, err);
    case OPTION_FILTER:
        options->filter = value;
        return 0;
    case OPTION_LIST:
        options->lists = true;
        return 0;
    case OPTION_STORE:
        options->store = value;
        return 0;
    case OPTION_NOISE:
        return pp_parse_percent(value, &options->noise, err);
    case OPTION_RUNS:
        return set_runs(options, value, err);
    case OPTION_RATE:
        return pp_parse_rate(value, &options->rate_hz, err);
    case OPTION_FAIL_ABOVE:
        return pp_parse_percent(value, &options->limit, err);
    case OPTION_CUM:
        options->by_cum = true;
        return 0;
    case OPTION_TOP:
        return pp_parse_top(value, &options->n_rows, err);
    case OPTION_JSON:
        options->is_json = true;
        return 0;
    case OPTION_OUTPUT:
        options->output = value;
        return 0;
    case OPTION_KEEP:
        options->keep = value;
        return 0;
    case OPTION_FORCE:
        options->overwrites = true;
        return 0;
    case OPTION_QUIET:
        pp_messages_set_loudness(PP_QUIET);
        return 0;
    case OPTION_HELP:
        options->wants_help = true;
        return 0;
    default:
        return 0;
    }
}

static bool has_cases(const struct pp_bench_options *options)
{
    return options->n_cases > 0 || options->program != NULL || options->load_baseline != NULL;
}

/* What only one of the two forms has. */
static int check_form(const struct pp_bench_options *options, struct pprofc_error *err)
{
    const bool is_pair =
        options->commands[PP_BEFORE] != NULL || options->commands[PP_AFTER] != NULL;
    const bool is_stored = options->save_baseline != NULL || options->baseline != NULL ||
                           options->filter != NULL || options->lists || options->store != NULL;

    if (is_pair && (has_cases(options) || is_stored))
        return pp_fail(err, -EINVAL, 0,
                       "either two commands, --before and --after, or cases and a baseline");
    if (!is_pair && is_stored && !has_cases(options))
        return pp_fail(err, -EINVAL, 0,
                       "no cases given; write --case NAME=COMMAND, or -- PROGRAM for the "
                       "benchmarks of a Google Benchmark program");
    if (options->load_baseline != NULL && (options->n_cases > 0 || options->program != NULL ||
                                           options->lists || options->save_baseline != NULL))
        return pp_fail(err, -EINVAL, 0,
                       "--load-baseline measures nothing: its cases are the baseline's, and "
                       "nothing is saved");
    if (options->save_baseline != NULL && options->baseline != NULL)
        return pp_fail(err, -EINVAL, 0,
                       "--save-baseline compares with what it replaces and --baseline leaves it: "
                       "one of them");
    return 0;
}

static int check_pair(const struct pp_bench_options *options, struct pprofc_error *err)
{
    static const char *const names[PP_N_SIDES] = {"before", "after"};
    enum pp_format format;

    for (int side = 0; side < PP_N_SIDES; side++)
        if (options->commands[side] == NULL)
            return pp_fail(err, -EINVAL, 0, "there is no --%s COMMAND", names[side]);
    if (options->output == NULL)
        return 0;
    format = pp_format_of_path(options->output);
    if (format != PP_FORMAT_SVG && format != PP_FORMAT_JSON && format != PP_FORMAT_TEXT)
        return pp_fail(err, -EINVAL, 0, "%s: a comparison is written as .svg, .json or .txt",
                       options->output);
    return 0;
}

static int read_options(char **words, struct pp_bench_options *options, struct pprofc_error *err)
{
    struct pp_option_reader reader = {.options = bench_options,
                                      .n_options = N_OPTIONS,
                                      .verb = "bench",
                                      .words = words,
                                      .stops_at_word = true};
    int rc = pp_option_each(&reader, take, options, err);
    const char *word = words[reader.at];

    if (rc < 0 || options->wants_help)
        return rc;
    if (word != NULL && !reader.only_words)
        return pp_fail(err, -EINVAL, 0,
                       "'%s': commands stand in one word: --before '%s ..'; a benchmark program "
                       "stands behind --",
                       word, word);
    if (word != NULL)
        options->program = words + reader.at;
    rc = check_form(options, err);
    return rc < 0 || has_cases(options) ? rc : check_pair(options, err);
}

int pp_cmd_bench(char **words)
{
    __attribute__((cleanup(options_done))) struct pp_bench_options options = {
        .rate_hz = default_rate_hz, .limit = -1, .noise = default_noise};
    struct pprofc_error err;

    if (read_options(words, &options, &err) < 0) {
        pp_complain("%s", err.message);
        return PP_EXIT_USAGE;
    }
    if (options.wants_help) {
        (void)pp_help_show("bench");
        return PP_EXIT_OK;
    }
    return has_cases(&options) ? pp_bench_cases(&options) : pp_bench_pair(&options);
}
