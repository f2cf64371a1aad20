/* pprofc report: where the time, or the memory, of a profile went. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/output_format.h"
#include "cli/merged_input.h"
#include "cli/messages.h"
#include "cli/report_base.h"
#include "cli/report_filter.h"
#include "cli/report_options.h"
#include "cli/report_view.h"
#include "cli/verbs.h"
#include "formats/formats.h"

/* A profile, and what of it is to be shown. */
struct shown {
    struct pprofc_profile *profile;
    struct pp_view_scope scope;
    struct pp_buffer filters; /* what scope.filters says */
};

static void shown_done(struct shown *shown)
{
    pprofc_profile_free(shown->profile);
    pp_buffer_done(&shown->filters);
}

static int write_report(const struct pp_report *report, const struct shown *shown,
                        struct pprofc_error *err)
{
    const char *output =
        report->values[PP_REPORT_OUTPUT] != NULL ? report->values[PP_REPORT_OUTPUT] : "-";
    pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;
    int rc = pp_report_view_write(report, shown->profile, &shown->scope, &text, err);

    if (rc < 0)
        return rc;
    rc = pp_file_write(output, text.bytes, text.n_bytes, report->values[PP_REPORT_FORCE] != NULL,
                       err);
    if (rc == -EEXIST)
        rc = pp_fail(err, rc, 0, "%s exists; give -f to overwrite or another -o", output);
    return rc;
}

/* The total before anything was taken out; of means what one count was worth. */
static int64_t whole_of(const struct pp_report *report, const struct shown *shown)
{
    const struct pprofc_profile *profile = shown->profile;
    const uint32_t type = shown->scope.type;
    int64_t n = 0;

    if (shown->scope.base != NULL)
        return shown->scope.whole;
    for (uint32_t i = 0; report->is_mean && i < profile->n_samples; i++)
        n += pp_profile_type_samples(profile, type,
                                     profile->sample_values + (size_t)i * profile->n_types);
    return n != 0 ? pp_profile_total(profile, type) / n : pp_profile_total(profile, type);
}

/* Shares are of what was there before anything was taken out, unless --relative_percentages. */
static int prepare(const struct pp_report *report, struct shown *shown, struct pprofc_error *err)
{
    const bool sums_time = report->view == PP_VIEW_TRACES || report->view == PP_VIEW_RAW;
    const int64_t whole = whole_of(report, shown);
    const int rc = pp_report_filter(shown->profile, report, shown->scope.type, sums_time,
                                    &shown->filters, err);

    if (rc < 0)
        return rc;
    shown->scope.unit = report->values[PP_REPORT_UNIT];
    shown->scope.divide_by = report->divide_by;
    shown->scope.is_compact = report->values[PP_REPORT_COMPACT] != NULL;
    shown->scope.whole = report->values[PP_REPORT_RELATIVE] == NULL ? whole : 0;
    if (shown->filters.n_bytes > 0) {
        pp_buffer_text(&shown->filters, "");
        shown->scope.filters = shown->filters.bytes;
    }
    return shown->filters.failed ? pp_fail(err, -ENOMEM, 0, "no memory for the report") : 0;
}

static bool is_program(const char *path)
{
    char begin[4] = "";
    pp_autoclose FILE *file = fopen(path, "re");

    return file != NULL && fread(begin, 1, sizeof begin, file) == sizeof begin &&
           memcmp(begin, "\177ELF", sizeof begin) == 0;
}

/* pprof takes the program before its profiles, to look names up in; ours are in the profile. */
static const char *const *profiles_of(const struct pp_report *report)
{
    if (report->n_paths < 2 || !is_program(report->paths[0]))
        return report->paths;
    pp_say("%s is the program, not a profile: names are as the profile has them (--symbolize local "
           "gives it those that it lacks)",
           report->paths[0]);
    return report->paths + 1;
}

/* objdump and dot are looked for in the folders of --tools first: "DIR,DIR", or as pprof has it
 * "objdump:DIR". */
static int use_tools(const char *tools, struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer path = PP_BUFFER_INIT;
    const char *before = getenv("PATH");

    while (tools != NULL && *tools != '\0') {
        const size_t n = strcspn(tools, ",");
        const char *colon = memchr(tools, ':', n);
        const char *folder = colon != NULL ? colon + 1 : tools;
        pp_buffer_append(&path, folder, (size_t)(tools + n - folder));
        pp_buffer_text(&path, ":");
        tools += n + (tools[n] == ',');
    }
    if (path.n_bytes == 0)
        return 0;
    pp_buffer_text(&path, before != NULL ? before : "/usr/bin:/bin");
    pp_buffer_append(&path, "", 1);
    if (path.failed || setenv("PATH", path.bytes, 1) != 0)
        return pp_fail(err, -ENOMEM, 0, "no memory for --tools");
    return 0;
}

static struct pp_fetch fetch_of(const struct pp_report *report)
{
    return (struct pp_fetch){.seconds = report->seconds,
                             .timeout_s = report->timeout_s,
                             .ca_file = report->values[PP_REPORT_TLS_CA],
                             .certificate_file = report->values[PP_REPORT_TLS_CERT],
                             .key_file = report->values[PP_REPORT_TLS_KEY]};
}

static int report_on(const struct pp_report *report)
{
    const struct pp_fetch fetch = fetch_of(report);
    const struct pp_input_wish wish = {.sample = report->sample,
                                       .at_heap_peak = report->values[PP_REPORT_HEAP_PEAK] != NULL,
                                       .fetch = &fetch,
                                       .is_named = report->is_named};
    __attribute__((cleanup(shown_done))) struct shown shown = {.filters = PP_BUFFER_INIT};
    struct pprofc_error err;
    const char *const *paths = profiles_of(report);
    int code = pp_inputs_read(paths, &wish, &shown.profile, &shown.scope.type);
    int rc;

    if (code != 0)
        return code;
    if (shown.profile->n_samples == 0)
        code = PP_EXIT_NO_SAMPLES;
    if (report->values[PP_REPORT_ADD_COMMENT] != NULL)
        pp_profile_comment(shown.profile, "%s", report->values[PP_REPORT_ADD_COMMENT]);
    if (report->n_bases > 0) {
        const int failed = pp_report_base(report, &wish, shown.profile, &shown.scope);
        if (failed != 0)
            return failed;
    }
    rc = use_tools(report->values[PP_REPORT_TOOLS], &err);
    if (rc == 0)
        rc = prepare(report, &shown, &err);
    if (rc == 0)
        rc = write_report(report, &shown, &err);
    if (rc < 0) {
        pp_complain("%s", err.message);
        return rc == -EINVAL ? PP_EXIT_USAGE : PP_EXIT_FAILED;
    }
    if (code == PP_EXIT_NO_SAMPLES)
        pp_complain("%s holds no samples; profile for longer, or at a higher rate (--mode high)",
                    paths[0]);
    else if (shown.profile->n_samples == 0)
        pp_complain("no sample is left %s%s", shown.scope.filters != NULL ? "behind " : "",
                    shown.scope.filters != NULL ? shown.scope.filters : "of the difference");
    return shown.profile->n_samples == 0 ? PP_EXIT_NO_SAMPLES : PP_EXIT_OK;
}

int pp_cmd_report(char **words)
{
    __attribute__((cleanup(pp_report_options_done))) struct pp_report report;
    struct pprofc_error err;

    if (pp_report_options_read(words, &report, &err) < 0) {
        pp_complain("%s", err.message);
        return PP_EXIT_USAGE;
    }
    if (report.values[PP_REPORT_HELP] != NULL) {
        (void)pp_help_show("report");
        return PP_EXIT_OK;
    }
    return report_on(&report);
}
