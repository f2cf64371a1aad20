/* What can be typed behind `pprofc report`: our own options, and pprof's under their names. */
#include "cli/report_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/units.h"
#include "cli/nearest.h"
#include "cli/options.h"
#include "cli/report_foreign.h"
#include "cli/report_json.h"
#include "cli/values.h"

static const struct pp_option report_options[PP_REPORT_N_OPTIONS] = {
    [PP_REPORT_TOP] = {"top", 0, true, false},
    [PP_REPORT_TEXT] = {"text", 0, false, false},
    [PP_REPORT_TREE] = {"tree", 0, false, false},
    [PP_REPORT_PEEK] = {"peek", 0, true, false},
    [PP_REPORT_LIST] = {"list", 0, true, false},
    [PP_REPORT_TRACES] = {"traces", 0, false, false},
    [PP_REPORT_TAGS] = {"tags", 0, false, false},
    [PP_REPORT_RAW] = {"raw", 0, false, false},
    [PP_REPORT_DOT] = {"dot", 0, false, false},
    [PP_REPORT_SVG] = {"svg", 0, false, false},
    [PP_REPORT_PNG] = {"png", 0, false, false},
    [PP_REPORT_PDF] = {"pdf", 0, false, false},
    [PP_REPORT_GIF] = {"gif", 0, false, false},
    [PP_REPORT_PS] = {"ps", 0, false, false},
    [PP_REPORT_PROTO] = {"proto", 0, false, false},
    [PP_REPORT_TOPPROTO] = {"topproto", 0, false, false},
    [PP_REPORT_CALLGRIND] = {"callgrind", 0, false, false},
    [PP_REPORT_DISASM] = {"disasm", 0, true, false},
    [PP_REPORT_WEBLIST] = {"weblist", 0, true, false},
    [PP_REPORT_COMMENTS] = {"comments", 0, false, false},
    [PP_REPORT_BY] = {"by", 0, true, false},
    [PP_REPORT_GRANULARITY] = {"granularity", 0, true, false},
    [PP_REPORT_FUNCTIONS] = {"functions", 0, false, false},
    [PP_REPORT_FILEFUNCTIONS] = {"filefunctions", 0, false, false},
    [PP_REPORT_FILES] = {"files", 0, false, false},
    [PP_REPORT_LINES] = {"lines", 0, false, false},
    [PP_REPORT_ADDRESSES] = {"addresses", 0, false, false},
    [PP_REPORT_NOINLINES] = {"noinlines", 0, false, false},
    [PP_REPORT_CUM] = {"cum", 0, false, false},
    [PP_REPORT_FLAT] = {"flat", 0, false, false},
    [PP_REPORT_SORT] = {"sort", 0, true, false},
    [PP_REPORT_NODECOUNT] = {"nodecount", 0, true, false},
    [PP_REPORT_NODEFRACTION] = {"nodefraction", 0, true, false},
    [PP_REPORT_EDGEFRACTION] = {"edgefraction", 0, true, false},
    [PP_REPORT_TRIM] = {"trim", 0, true, false},
    [PP_REPORT_CALL_TREE] = {"call_tree", 0, false, false},
    [PP_REPORT_SAMPLE] = {"sample", 0, true, false},
    [PP_REPORT_SAMPLE_INDEX] = {"sample_index", 0, true, false},
    [PP_REPORT_ALLOC_OBJECTS] = {"alloc_objects", 0, false, false},
    [PP_REPORT_ALLOC_SPACE] = {"alloc_space", 0, false, false},
    [PP_REPORT_INUSE_OBJECTS] = {"inuse_objects", 0, false, false},
    [PP_REPORT_INUSE_SPACE] = {"inuse_space", 0, false, false},
    [PP_REPORT_TOTAL_DELAY] = {"total_delay", 0, false, false},
    [PP_REPORT_CONTENTIONS] = {"contentions", 0, false, false},
    [PP_REPORT_MEAN] = {"mean", 0, false, false},
    [PP_REPORT_MEAN_DELAY] = {"mean_delay", 0, false, false},
    [PP_REPORT_DIVIDE_BY] = {"divide_by", 0, true, false},
    [PP_REPORT_UNIT] = {"unit", 0, true, false},
    [PP_REPORT_RELATIVE] = {"relative_percentages", 0, false, false},
    [PP_REPORT_HEAP_PEAK] = {"heap-peak", 0, false, false},
    [PP_REPORT_BASE] = {"base", 0, true, false},
    [PP_REPORT_DIFF_BASE] = {"diff_base", 0, true, false},
    [PP_REPORT_NORMALIZE] = {"normalize", 0, false, false},
    [PP_REPORT_DROP_NEGATIVE] = {"drop_negative", 0, false, false},
    [PP_REPORT_FOCUS] = {"focus", 0, true, false},
    [PP_REPORT_IGNORE] = {"ignore", 0, true, false},
    [PP_REPORT_HIDE] = {"hide", 0, true, false},
    [PP_REPORT_SHOW] = {"show", 0, true, false},
    [PP_REPORT_SHOW_FROM] = {"show_from", 0, true, false},
    [PP_REPORT_PRUNE_FROM] = {"prune_from", 0, true, false},
    [PP_REPORT_TAGFOCUS] = {"tagfocus", 0, true, false},
    [PP_REPORT_TAGIGNORE] = {"tagignore", 0, true, false},
    [PP_REPORT_TAGSHOW] = {"tagshow", 0, true, false},
    [PP_REPORT_TAGHIDE] = {"taghide", 0, true, false},
    [PP_REPORT_TAGROOT] = {"tagroot", 0, true, false},
    [PP_REPORT_TAGLEAF] = {"tagleaf", 0, true, false},
    [PP_REPORT_ALL_FRAMES] = {"all-frames", 0, false, false},
    [PP_REPORT_IGNORE_IDLE] = {"ignore-idle", 0, false, false},
    [PP_REPORT_SECONDS] = {"seconds", 0, true, false},
    [PP_REPORT_TIMEOUT] = {"timeout", 0, true, false},
    [PP_REPORT_TLS_CA] = {"tls_ca", 0, true, false},
    [PP_REPORT_TLS_CERT] = {"tls_cert", 0, true, false},
    [PP_REPORT_TLS_KEY] = {"tls_key", 0, true, false},
    [PP_REPORT_SOURCE_PATH] = {"source_path", 0, true, false},
    [PP_REPORT_TRIM_PATH] = {"trim_path", 0, true, false},
    [PP_REPORT_INTEL_SYNTAX] = {"intel_syntax", 0, false, false},
    [PP_REPORT_COMPACT] = {"compact_labels", 0, false, false},
    [PP_REPORT_SYMBOLIZE] = {"symbolize", 0, true, false},
    [PP_REPORT_TOOLS] = {"tools", 0, true, false},
    [PP_REPORT_ADD_COMMENT] = {"add_comment", 0, true, false},
    [PP_REPORT_JSON] = {"json", 0, false, false},
    [PP_REPORT_OUTPUT] = {"output", 'o', true, false},
    [PP_REPORT_FORCE] = {"force", 'f', false, false},
    [PP_REPORT_HELP] = {"help", 'h', false, false},
};

/* Options that choose one thing of several: which, and what. */
static const struct {
    enum pp_report_option option;
    enum pp_group group;
} group_flags[] = {
    {PP_REPORT_FUNCTIONS, PP_BY_NAME},    {PP_REPORT_FILEFUNCTIONS, PP_BY_FUNCTION},
    {PP_REPORT_FILES, PP_BY_FILE},        {PP_REPORT_LINES, PP_BY_LINE},
    {PP_REPORT_ADDRESSES, PP_BY_ADDRESS},
};

static const struct {
    enum pp_report_option option;
    enum pp_report_view view;
} view_flags[] = {
    {PP_REPORT_TOP, PP_VIEW_TOP},           {PP_REPORT_TEXT, PP_VIEW_TOP},
    {PP_REPORT_TREE, PP_VIEW_CALLS},        {PP_REPORT_PEEK, PP_VIEW_CALLS},
    {PP_REPORT_LIST, PP_VIEW_SOURCE},       {PP_REPORT_TRACES, PP_VIEW_TRACES},
    {PP_REPORT_TAGS, PP_VIEW_TAGS},         {PP_REPORT_RAW, PP_VIEW_RAW},
    {PP_REPORT_DOT, PP_VIEW_DOT},           {PP_REPORT_SVG, PP_VIEW_DOT},
    {PP_REPORT_PNG, PP_VIEW_DOT},           {PP_REPORT_PDF, PP_VIEW_DOT},
    {PP_REPORT_GIF, PP_VIEW_DOT},           {PP_REPORT_PS, PP_VIEW_DOT},
    {PP_REPORT_PROTO, PP_VIEW_PROTO},       {PP_REPORT_COMMENTS, PP_VIEW_COMMENTS},
    {PP_REPORT_DISASM, PP_VIEW_DISASM},     {PP_REPORT_WEBLIST, PP_VIEW_PAGE},
    {PP_REPORT_TOPPROTO, PP_VIEW_TOPPROTO}, {PP_REPORT_CALLGRIND, PP_VIEW_CALLGRIND},
};

static const struct {
    enum pp_report_option option;
    const char *type;
} type_flags[] = {
    {PP_REPORT_ALLOC_OBJECTS, "alloc_objects"}, {PP_REPORT_ALLOC_SPACE, "alloc_space"},
    {PP_REPORT_INUSE_OBJECTS, "inuse_objects"}, {PP_REPORT_INUSE_SPACE, "inuse_space"},
    {PP_REPORT_TOTAL_DELAY, "delay"},           {PP_REPORT_MEAN_DELAY, "delay"},
    {PP_REPORT_CONTENTIONS, "contentions"},
};

static int choose_group(struct pp_report *report, enum pp_group group, struct pprofc_error *err)
{
    if (report->has_group && report->group != group)
        return pp_fail(err, -EINVAL, 0,
                       "one of --by, --granularity, --functions, --filefunctions, "
                       "--files, --lines and --addresses");
    report->has_group = true;
    report->group = group;
    return 0;
}

static int set_group(struct pp_report *report, const char *value, struct pprofc_error *err)
{
    const char *nearest;

    if (strncmp(value, "label:", strlen("label:")) == 0 && value[strlen("label:")] != '\0') {
        report->label_key = value + strlen("label:");
        return choose_group(report, PP_BY_LABEL, err);
    }
    for (size_t i = 0; i < PP_BY_LABEL; i++)
        if (strcmp(pp_group_names[i], value) == 0)
            return choose_group(report, (enum pp_group)i, err);
    nearest = pp_nearest_name(value, pp_group_names, PP_BY_LABEL, sizeof pp_group_names[0]);
    return pp_fail(err, -EINVAL, 0, "unknown group '%s'; %s%s", value,
                   nearest != NULL ? "the nearest is "
                                   : "there are function, line, file, module, "
                                     "address, thread, pool, name and label:KEY",
                   nearest != NULL ? nearest : "");
}

static int set_granularity(struct pp_report *report, const char *value, struct pprofc_error *err)
{
    for (size_t i = 0; i < sizeof group_flags / sizeof group_flags[0]; i++)
        if (strcmp(report_options[group_flags[i].option].name, value) == 0)
            return choose_group(report, group_flags[i].group, err);
    return pp_fail(err, -EINVAL, 0,
                   "unknown granularity '%s'; there are functions, filefunctions, "
                   "files, lines and addresses",
                   value);
}

static int parse_share(const char *value, const char *option, double *share_out,
                       struct pprofc_error *err)
{
    char *end = NULL;
    const double share = strtod(value, &end);

    if (value[0] < '.' || value[0] > '9' || *end != '\0' || !(share >= 0 && share <= 1))
        return pp_fail(err, -EINVAL, 0, "--%s '%s' is no share; give 0 to 1, such as 0.005", option,
                       value);
    *share_out = share;
    return 0;
}

static int parse_divisor(const char *value, double *divisor_out, struct pprofc_error *err)
{
    char *end = NULL;
    const double divisor = strtod(value, &end);

    if (value[0] < '.' || value[0] > '9' || *end != '\0' || !(divisor > 0 && divisor <= 1e18))
        return pp_fail(err, -EINVAL, 0,
                       "--divide_by '%s' is nothing to divide by; give a number above 0", value);
    *divisor_out = divisor;
    return 0;
}

static int parse_seconds(const char *value, const char *option, uint32_t *seconds_out,
                         struct pprofc_error *err)
{
    const int64_t second_ns = 1000000000, most = 24L * 3600;
    int64_t ns = 0;

    if (pp_parse_duration(value, &ns, NULL) != 0 || ns < second_ns || ns > most * second_ns)
        return pp_fail(err, -EINVAL, 0, "--%s '%s': give seconds, 1 to 86400, or such as 5m",
                       option, value);
    *seconds_out = (uint32_t)(ns / second_ns);
    return 0;
}

static int set_rows(struct pp_report *report, const char *value, const char *option,
                    struct pprofc_error *err)
{
    if (value[0] == '\0')
        return 0;
    if (pp_parse_top(value, &report->n_rows, NULL) != 0)
        return pp_fail(err, -EINVAL, 0, "--%s '%s' is no number of rows; give 1 to 1 000 000",
                       option, value);
    return 0;
}

static int add_path(const char ***paths, size_t *n_paths, size_t *capacity, const char *path,
                    struct pprofc_error *err)
{
    if (pp_array_reserve(paths, capacity, *n_paths + 2, sizeof **paths) != 0)
        return pp_fail(err, -ENOMEM, 0, "no memory for the names of the profiles");
    (*paths)[(*n_paths)++] = path;
    (*paths)[*n_paths] = NULL;
    return 0;
}

/* pprof's words; its "fastlocal" is "local" here, which is fast. */
static int set_names(struct pp_report *report, const char *value, struct pprofc_error *err)
{
    report->is_named = strcmp(value, "none") != 0;
    if (!report->is_named || strcmp(value, "local") == 0 || strcmp(value, "fastlocal") == 0 ||
        strcmp(value, "force") == 0)
        return 0;
    return pp_fail(err, -EINVAL, 0,
                   "--symbolize '%s': give none, local (names from the files here) or force (the "
                   "same)",
                   value);
}

/* Those that mean one thing whatever else is given are settled here, the others by settle(). */
static int take(void *command, int option, const char *value, struct pprofc_error *err)
{
    struct pp_report *report = command;

    if (option == PP_OPTION_WORD)
        return add_path(&report->paths, &report->n_paths, &report->paths_capacity, value, err);
    report->values[option] = report_options[option].has_value ? value : "";
    switch (option) {
    case PP_REPORT_TOP:
    case PP_REPORT_NODECOUNT:
        return set_rows(report, value, report_options[option].name, err);
    case PP_REPORT_BY:
        return set_group(report, value, err);
    case PP_REPORT_GRANULARITY:
        return set_granularity(report, value, err);
    case PP_REPORT_NODEFRACTION:
        return parse_share(value, report_options[option].name, &report->node_share, err);
    case PP_REPORT_EDGEFRACTION:
        return parse_share(value, report_options[option].name, &report->edge_share, err);
    case PP_REPORT_TRIM:
        if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
            return pp_fail(err, -EINVAL, 0, "--trim '%s': give true or false", value);
        return 0;
    case PP_REPORT_BASE:
    case PP_REPORT_DIFF_BASE:
        return add_path(&report->bases, &report->n_bases, &report->bases_capacity, value, err);
    case PP_REPORT_SECONDS:
        return parse_seconds(value, report_options[option].name, &report->seconds, err);
    case PP_REPORT_TIMEOUT:
        return parse_seconds(value, report_options[option].name, &report->timeout_s, err);
    case PP_REPORT_DIVIDE_BY:
        return parse_divisor(value, &report->divide_by, err);
    case PP_REPORT_SYMBOLIZE:
        return set_names(report, value, err);
    case PP_REPORT_PEEK:
    case PP_REPORT_LIST:
    case PP_REPORT_DISASM:
    case PP_REPORT_WEBLIST:
        report->pattern = value;
        return 0;
    case PP_REPORT_UNIT:
        if (strcmp(value, "auto") != 0 && strcmp(value, "minimum") != 0 &&
            pp_unit_find(value, strlen(value)) == NULL)
            return pp_fail(
                err, -EINVAL, 0,
                "unknown unit '%s'; there are ns, us, ms, s, h, B, KiB, MiB, GiB, TiB and "
                "auto",
                value);
        return 0;
    case PP_REPORT_SORT:
        if (strcmp(value, "cum") != 0 && strcmp(value, "flat") != 0)
            return pp_fail(err, -EINVAL, 0, "unknown order '%s'; there are flat and cum", value);
        return 0;
    case PP_REPORT_SAMPLE:
    case PP_REPORT_SAMPLE_INDEX:
        report->sample = value;
        return 0;
    default:
        return 0;
    }
}

/* "--dot --png": the picture of the graph is still the graph. */
static bool is_drawn(enum pp_report_option option)
{
    return option >= PP_REPORT_SVG && option <= PP_REPORT_PS;
}

/* Formats of others, which have no room for JSON beside them. */
static bool has_json(enum pp_report_view view)
{
    return view != PP_VIEW_DOT && view != PP_VIEW_PROTO && view != PP_VIEW_RAW &&
           view != PP_VIEW_DISASM && view != PP_VIEW_PAGE && view != PP_VIEW_TOPPROTO &&
           view != PP_VIEW_CALLGRIND;
}

static int settle_view(struct pp_report *report, struct pprofc_error *err)
{
    const char *chosen = NULL;

    for (size_t i = 0; i < sizeof view_flags / sizeof view_flags[0]; i++) {
        const bool is_given = report->values[view_flags[i].option] != NULL;
        if (is_given && chosen != NULL && !(i < 2 || is_drawn(view_flags[i].option)))
            return pp_fail(err, -EINVAL, 0, "one view at a time: --%s or --%s", chosen,
                           report_options[view_flags[i].option].name);
        if (!is_given)
            continue;
        chosen = report_options[view_flags[i].option].name;
        report->view = view_flags[i].view;
    }
    if (report->values[PP_REPORT_JSON] != NULL && !has_json(report->view))
        return pp_fail(err, -EINVAL, 0,
                       "--json is for --top, --tree, --peek, --list, --traces, --tags and "
                       "--comments, not for --%s",
                       chosen);
    if (report->values[PP_REPORT_CALL_TREE] != NULL && report->view != PP_VIEW_DOT &&
        report->view != PP_VIEW_CALLGRIND && report->view != PP_VIEW_CALLS)
        return pp_fail(err, -EINVAL, 0,
                       "--call_tree is for --dot and its pictures, --callgrind, --tree and "
                       "--peek, not for --%s",
                       chosen != NULL ? chosen : "top");
    if (report->is_mean && report->view != PP_VIEW_TOP)
        return pp_fail(err, -EINVAL, 0, "--mean is for --top alone, not for --%s", chosen);
    return 0;
}

static int settle_base(struct pp_report *report, struct pprofc_error *err)
{
    if (report->values[PP_REPORT_BASE] != NULL && report->values[PP_REPORT_DIFF_BASE] != NULL)
        return pp_fail(err, -EINVAL, 0, "either --base or --diff_base");
    if (report->values[PP_REPORT_IGNORE_IDLE] != NULL && report->n_bases > 0)
        return pp_fail(err, -EINVAL, 0, "--ignore-idle is for one profile, not for a difference");
    if (report->values[PP_REPORT_NORMALIZE] != NULL && report->n_bases == 0)
        return pp_fail(err, -EINVAL, 0, "--normalize needs a --base or --diff_base to go by");
    return 0;
}

static int settle_fetching(const struct pp_report *report, struct pprofc_error *err)
{
    if ((report->values[PP_REPORT_TLS_CERT] == NULL) != (report->values[PP_REPORT_TLS_KEY] == NULL))
        return pp_fail(err, -EINVAL, 0, "--tls_cert and --tls_key need each other");
    return 0;
}

/* What flags together say. */
static int settle(struct pp_report *report, struct pprofc_error *err)
{
    const char *sort = report->values[PP_REPORT_SORT];
    const bool wants_cum =
        report->values[PP_REPORT_CUM] != NULL || (sort != NULL && strcmp(sort, "cum") == 0);
    const bool wants_flat =
        report->values[PP_REPORT_FLAT] != NULL || (sort != NULL && strcmp(sort, "flat") == 0);

    for (size_t i = 0; i < sizeof group_flags / sizeof group_flags[0]; i++) {
        const int rc = report->values[group_flags[i].option] == NULL
                           ? 0
                           : choose_group(report, group_flags[i].group, err);
        if (rc != 0)
            return rc;
    }
    for (size_t i = 0; i < sizeof type_flags / sizeof type_flags[0]; i++) {
        if (report->values[type_flags[i].option] == NULL)
            continue;
        if (report->sample != NULL && strcmp(report->sample, type_flags[i].type) != 0)
            return pp_fail(err, -EINVAL, 0, "one sample type at a time: %s or %s", report->sample,
                           type_flags[i].type);
        report->sample = type_flags[i].type;
    }
    if (wants_cum && wants_flat)
        return pp_fail(err, -EINVAL, 0, "sort by cum or by flat, not by both");
    report->by_cum = wants_cum;
    report->is_mean =
        report->values[PP_REPORT_MEAN] != NULL || report->values[PP_REPORT_MEAN_DELAY] != NULL;
    if (settle_view(report, err) != 0 || settle_base(report, err) != 0 ||
        settle_fetching(report, err) != 0)
        return -EINVAL;
    if (report->n_paths == 0 && report->values[PP_REPORT_HELP] == NULL)
        return pp_fail(err, -EINVAL, 0, "no profile given; write pprofc report FILE");
    return 0;
}

int pp_report_options_read(char **words, struct pp_report *report, struct pprofc_error *err)
{
    struct pp_option_reader reader = {.options = report_options,
                                      .n_options = PP_REPORT_N_OPTIONS,
                                      .verb = "report",
                                      .words = words,
                                      .number_option = "top",
                                      .foreign = pp_foreign_option};
    int rc;

    *report =
        (struct pp_report){.view = PP_VIEW_TOP, .node_share = -1, .edge_share = -1, .divide_by = 1};
    rc = pp_option_each(&reader, take, report, err);
    return rc < 0 ? rc : settle(report, err);
}

void pp_report_options_done(struct pp_report *report)
{
    free(report->paths);
    free(report->bases);
    *report = (struct pp_report){.view = PP_VIEW_TOP};
}
