/* pprofc report: where the time of a profile went, as a table or as JSON. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/output_format.h"
#include "cli/messages.h"
#include "cli/nearest.h"
#include "cli/options.h"
#include "cli/profile_input.h"
#include "cli/report_json.h"
#include "cli/values.h"
#include "cli/verbs.h"
#include "views/top_table.h"

enum {
    OPTION_TOP,
    OPTION_BY,
    OPTION_CUM,
    OPTION_SAMPLE,
    OPTION_SAMPLE_INDEX,
    OPTION_HEAP_PEAK,
    OPTION_JSON,
    OPTION_OUTPUT,
    OPTION_FORCE,
    OPTION_HELP,
    OPTION_FOCUS,
    N_OPTIONS
};

static const struct pp_option report_options[N_OPTIONS] = {
    [OPTION_TOP] = {"top", 0, true, false},
    [OPTION_BY] = {"by", 0, true, false},
    [OPTION_CUM] = {"cum", 0, false, false},
    [OPTION_SAMPLE] = {"sample", 0, true, false},
    [OPTION_SAMPLE_INDEX] = {"sample_index", 0, true, false},
    [OPTION_HEAP_PEAK] = {"heap-peak", 0, false, false},
    [OPTION_JSON] = {"json", 0, false, false},
    [OPTION_OUTPUT] = {"output", 'o', true, false},
    [OPTION_FORCE] = {"force", 'f', false, false},
    [OPTION_HELP] = {"help", 'h', false, false},
    [OPTION_FOCUS] = {"focus", 0, true, true},
};

enum { DEFAULT_ROWS = 20 };

struct report {
    const char *path, *output;
    struct pp_input_wish wish;
    enum pp_group group;
    uint32_t n_rows;
    bool by_cum, is_json, overwrites, wants_help;
};

static int set_group(struct report *report, const char *value, struct pprofc_error *err)
{
    const char *nearest;

    for (size_t i = 0; i < PP_N_GROUPS; i++) {
        if (strcmp(pp_group_names[i], value) != 0)
            continue;
        report->group = (enum pp_group)i;
        return 0;
    }
    if (strncmp(value, "label:", strlen("label:")) == 0)
        return pp_fail(err, -EINVAL, 0, "--by label:KEY is not available in this version");
    nearest = pp_nearest_name(value, pp_group_names, PP_N_GROUPS, sizeof pp_group_names[0]);
    return pp_fail(err, -EINVAL, 0, "unknown group '%s'; %s%s", value,
                   nearest != NULL ? "the nearest is "
                                   : "there are function, line, file, module, "
                                     "address and thread",
                   nearest != NULL ? nearest : "");
}

static int take(void *command, int option, const char *value, struct pprofc_error *err)
{
    struct report *report = command;

    switch (option) {
    case OPTION_TOP:
        return pp_parse_top(value, &report->n_rows, err);
    case OPTION_BY:
        return set_group(report, value, err);
    case OPTION_CUM:
        report->by_cum = true;
        return 0;
    case OPTION_SAMPLE:
    case OPTION_SAMPLE_INDEX:
        report->wish.sample = value;
        return 0;
    case OPTION_HEAP_PEAK:
        report->wish.at_heap_peak = true;
        return 0;
    case OPTION_JSON:
        report->is_json = true;
        return 0;
    case OPTION_OUTPUT:
        report->output = value;
        return 0;
    case OPTION_FORCE:
        report->overwrites = true;
        return 0;
    case OPTION_HELP:
        report->wants_help = true;
        return 0;
    default: /* a word */
        if (report->path != NULL)
            return pp_fail(err, -EINVAL, 0, "one profile at a time; %s is the second one", value);
        report->path = value;
        return 0;
    }
}

static int read_options(char **words, struct report *report, struct pprofc_error *err)
{
    struct pp_option_reader reader = {
        .options = report_options, .n_options = N_OPTIONS, .verb = "report", .words = words};
    const int rc = pp_option_each(&reader, take, report, err);

    if (rc < 0)
        return rc;
    if (report->path == NULL && !report->wants_help)
        return pp_fail(err, -EINVAL, 0, "no profile given; write pprofc report FILE");
    return 0;
}

static int write_report(const struct report *report, const struct pprofc_profile *profile,
                        uint32_t type, struct pprofc_error *err)
{
    const struct pp_top_table_options options = {
        .type = type, .group = report->group, .n_rows = report->n_rows, .by_cum = report->by_cum};
    const char *output = report->output != NULL ? report->output : "-";
    pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;
    int rc;

    if (report->is_json)
        rc = pp_report_json_write(profile, &options, &text, err);
    else
        rc = pp_top_table_write(profile, &options, &text, err);
    if (rc < 0)
        return rc;
    rc = pp_file_write(output, text.bytes, text.n_bytes, report->overwrites, err);
    if (rc == -EEXIST)
        rc = pp_fail(err, rc, 0, "%s exists; give -f to overwrite or another -o", output);
    return rc;
}

int pp_cmd_report(char **words)
{
    struct report report = {.n_rows = DEFAULT_ROWS};
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;
    uint32_t type = 0;
    int code;

    if (read_options(words, &report, &err) < 0) {
        pp_complain("%s", err.message);
        return PP_EXIT_USAGE;
    }
    if (report.wants_help) {
        (void)pp_help_show("report");
        return PP_EXIT_OK;
    }
    code = pp_input_read(report.path, &report.wish, &profile, &type);
    if (code != 0)
        return code;
    if (write_report(&report, profile, type, &err) < 0) {
        pp_complain("%s", err.message);
        code = PP_EXIT_FAILED;
    } else if (profile->n_samples == 0) {
        pp_complain("%s holds no samples; profile for longer, or at a higher rate (--mode high)",
                    report.path);
        code = PP_EXIT_NO_SAMPLES;
    }
    pprofc_profile_free(profile);
    return code;
}
