/* What was asked of `pprofc run`: its options, and the environment for what they leave open. */
#include "cli/run_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/continuous_options.h"
#include "cli/options.h"
#include "cli/values.h"

static const double standard_hz = 100, low_hz = 10;

enum {
    OPTION_KINDS,
    OPTION_RATE,
    OPTION_MODE,
    OPTION_DURATION,
    OPTION_OUTPUT,
    OPTION_BLOCK,
    OPTION_BLOCK_DROP,
    OPTION_SIGNAL,
    OPTION_FOLLOW,
    OPTION_STRICT,
    OPTION_FORCE,
    OPTION_QUIET,
    OPTION_VERBOSE,
    OPTION_HELP,
    OPTION_HEAP_INTERVAL,
    OPTION_HEAP_PEAK,
    OPTION_HEAP_MMAP,
    OPTION_HEAP_USABLE,
    OPTION_HEAP_LIFETIMES,
    OPTION_IGNORE_IDLE,
    OPTION_HTTP,
    OPTION_BUDGET,
    OPTION_OF_CONTINUOUS,
    N_OPTIONS = OPTION_OF_CONTINUOUS + PP_N_CONTINUOUS_OPTIONS
};

static const struct pp_option run_options[N_OPTIONS] = {
    [OPTION_KINDS] = {"kinds", 'k', true, false},
    [OPTION_RATE] = {"frequency", 'F', true, false},
    [OPTION_MODE] = {"mode", 0, true, false},
    [OPTION_DURATION] = {"duration", 'd', true, false},
    [OPTION_OUTPUT] = {"output", 'o', true, false},
    [OPTION_BLOCK] = {"block-lib", 0, true, false},
    [OPTION_BLOCK_DROP] = {"block-drop", 0, false, false},
    [OPTION_SIGNAL] = {"signal", 0, true, false},
    [OPTION_FOLLOW] = {"follow", 0, false, false},
    [OPTION_STRICT] = {"strict", 0, false, false},
    [OPTION_FORCE] = {"force", 'f', false, false},
    [OPTION_QUIET] = {"quiet", 'q', false, false},
    [OPTION_VERBOSE] = {"verbose", 'v', false, false},
    [OPTION_HELP] = {"help", 'h', false, false},
    [OPTION_HEAP_INTERVAL] = {"heap-interval", 0, true, false},
    [OPTION_HEAP_PEAK] = {"heap-peak", 0, false, false},
    [OPTION_HEAP_MMAP] = {"heap-mmap", 0, false, false},
    [OPTION_HEAP_USABLE] = {"heap-usable", 0, false, false},
    [OPTION_HEAP_LIFETIMES] = {"heap-lifetimes", 0, false, false},
    [OPTION_IGNORE_IDLE] = {"ignore-idle", 0, false, false},
    [OPTION_HTTP] = {"http", 0, true, false},
    [OPTION_BUDGET] = {"budget", 0, true, false},
    [OPTION_OF_CONTINUOUS] = PP_CONTINUOUS_OPTIONS,
};

static int set_rate(struct pp_run_options *options, const char *value, bool is_mode,
                    struct pprofc_error *err)
{
    if (options->rate_hz > 0)
        return pp_fail(err, -EINVAL, 0, "give one of -F and --mode, once");
    return is_mode ? pp_parse_mode(value, &options->rate_hz, err)
                   : pp_parse_rate(value, &options->rate_hz, err);
}

/* Library names go on one line to the capture library, parted by commas. */
static int add_blocked(struct pp_run_options *options, const char *value, struct pprofc_error *err)
{
    if (value[0] == '\0' || value[0] == ',')
        return pp_fail(err, -EINVAL, 0, "--block-lib needs library names, such as libc,libm");
    if (strchr(value, '/') != NULL)
        return pp_fail(err, -EINVAL, 0,
                       "--block-lib takes a library's own name, such as libc, not the path %s",
                       value);
    if (options->block.n_bytes > 0)
        pp_buffer_text(&options->block, ",");
    pp_buffer_text(&options->block, value);
    if (options->block.failed)
        return pp_fail(err, -ENOMEM, 0, "no memory for options");
    if (options->block.n_bytes > 255)
        return pp_fail(err, -E2BIG, 0, "--block-lib names more than 255 characters of libraries");
    return 0;
}

static int set_budget(struct pp_run_options *options, const char *value, struct pprofc_error *err)
{
    double share;
    const int rc = pp_parse_percent(value, &share, err);

    if (rc < 0)
        return rc;
    if (!(share >= 0.0001 && share <= 1))
        return pp_fail(
            err, -ERANGE, 0,
            "a budget of %s is out of range; give 0.01 %% to 100 %% of the program's CPU", value);
    options->budget = value;
    return 0;
}

static int take(struct pp_run_options *options, int option, const char *value,
                struct pprofc_error *err)
{
    switch (option) {
    case OPTION_KINDS:
        return pp_parse_kinds(value, &options->kinds, err);
    case OPTION_RATE:
    case OPTION_MODE:
        return set_rate(options, value, option == OPTION_MODE, err);
    case OPTION_DURATION:
        return pp_parse_duration(value, &options->duration_ns, err);
    case OPTION_OUTPUT:
        options->output = value;
        return 0;
    case OPTION_BLOCK:
        return add_blocked(options, value, err);
    case OPTION_BLOCK_DROP:
        options->block_drops = true;
        return 0;
    case OPTION_SIGNAL:
        return pp_parse_signal(value, &options->signal, err);
    case OPTION_FOLLOW:
        options->follows = true;
        return 0;
    case OPTION_STRICT:
        options->is_strict = true;
        return 0;
    case OPTION_FORCE:
        options->overwrites = true;
        return 0;
    case OPTION_QUIET:
        options->loudness = PP_QUIET;
        return 0;
    case OPTION_VERBOSE:
        options->loudness = PP_VERBOSE;
        return 0;
    case OPTION_HEAP_INTERVAL:
        return pp_parse_bytes(value, &options->heap_interval_bytes, err);
    case OPTION_HEAP_PEAK:
        options->keeps_heap_peak = true;
        return 0;
    case OPTION_HEAP_MMAP:
        options->follows_mappings = true;
        return 0;
    case OPTION_HEAP_USABLE:
        options->counts_heap_usable = true;
        return 0;
    case OPTION_IGNORE_IDLE:
        options->ignores_idle = true;
        return 0;
    case OPTION_HEAP_LIFETIMES:
        options->keeps_heap_lifetimes = true;
        return 0;
    case OPTION_HTTP:
        options->http = value;
        return 0;
    case OPTION_BUDGET:
        return set_budget(options, value, err);
    case OPTION_HELP:
        options->wants_help = true;
        return 0;
    default:
        return pp_continuous_take(&options->continuous, run_options[option].name, value, err);
    }
}

/* What the options left open the environment may say: as when preloaded by hand. */
static int take_environment(struct pp_run_options *options, struct pprofc_error *err)
{
    const char *rate = getenv("PPROFC_FREQUENCY"), *mode = getenv("PPROFC_MODE");
    const char *duration = getenv("PPROFC_DURATION");
    const char *http = getenv("PPROFC_HTTP");
    int rc = 0;

    if (options->http == NULL && http != NULL && http[0] != '\0')
        options->http = http;
    if (options->rate_hz == 0 && rate != NULL && rate[0] != '\0')
        rc = pp_parse_rate(rate, &options->rate_hz, err);
    else if (options->rate_hz == 0 && mode != NULL && mode[0] != '\0')
        rc = pp_parse_mode(mode, &options->rate_hz, err);
    if (rc == 0 && options->duration_ns == 0 && duration != NULL && duration[0] != '\0')
        rc = pp_parse_duration(duration, &options->duration_ns, err);
    options->has_rate = options->rate_hz > 0;
    if (options->rate_hz == 0)
        options->rate_hz = options->continuous.is_on ? low_hz : standard_hz;
    return rc;
}

/* The windows are of what the run measures. */
static int settle_continuous(struct pp_run_options *options, struct pprofc_error *err)
{
    struct pp_continuous_options *continuous = &options->continuous;
    const int rc = pp_continuous_check(continuous, err);

    continuous->rate_hz = options->rate_hz;
    continuous->rests = true;
    if (options->block.n_bytes > 0)
        pp_continuous_set_block(options->block.bytes, continuous);
    return rc;
}

/* One that says how to profile the heap, or NULL. */
static const char *option_of_heap(const struct pp_run_options *options)
{
    return options->keeps_heap_peak            ? "--heap-peak"
           : options->follows_mappings         ? "--heap-mmap"
           : options->counts_heap_usable       ? "--heap-usable"
           : options->keeps_heap_lifetimes     ? "--heap-lifetimes"
           : options->heap_interval_bytes != 0 ? "--heap-interval"
                                               : NULL;
}

int pp_run_options_read(char **words, struct pp_run_options *options, struct pprofc_error *err)
{
    struct pp_option_reader reader = {.options = run_options,
                                      .n_options = N_OPTIONS,
                                      .verb = "run",
                                      .words = words,
                                      .stops_at_word = true};
    struct pprofc_error unread;
    int option, rc;

    memset(options, 0, sizeof *options);
    options->loudness = PP_NORMAL;
    options->kinds = PP_KIND_CPU;
    pp_continuous_options_init(&options->continuous);
    rc = pp_continuous_options_read(&options->continuous, &unread);
    if (rc < 0 && options->continuous.is_on)
        return pp_fail(err, rc, 0, "%s", unread.message);
    while ((option = pp_option_next(&reader, err)) >= 0) {
        rc = take(options, option, reader.value, err);
        if (rc < 0)
            return rc;
        if (options->wants_help)
            return 0;
    }
    if (option != PP_OPTION_END)
        return option;
    options->command = words + reader.at;
    if (options->command[0] == NULL)
        return pp_fail(err, -EINVAL, 0,
                       "no program given; write pprofc run [OPTIONS] -- PROGRAM ARGUMENTS");
    if (options->block_drops && options->block.n_bytes == 0)
        return pp_fail(err, -EINVAL, 0, "--block-drop needs --block-lib");
    if (option_of_heap(options) != NULL && (options->kinds & PP_KIND_HEAP) == 0)
        return pp_fail(err, -EINVAL, 0, "%s needs -k heap, or -k cpu,heap",
                       option_of_heap(options));
    if (options->ignores_idle && (options->kinds & (PP_KIND_OFFCPU | PP_KIND_WALL)) == 0)
        return pp_fail(err, -EINVAL, 0, "--ignore-idle needs -k offcpu or -k wall");
    if (pp_kinds_count(options->kinds) > 1 && options->output != NULL &&
        strcmp(options->output, "-") == 0)
        return pp_fail(err, -EINVAL, 0,
                       "-o - holds one profile and %s kinds were asked for; give one of them, or "
                       "-o with a folder",
                       pp_kinds_count(options->kinds) == 2 ? "two" : "several");
    rc = take_environment(options, err);
    return rc < 0 ? rc : settle_continuous(options, err);
}

void pp_run_options_done(struct pp_run_options *options)
{
    pp_buffer_done(&options->block);
}
