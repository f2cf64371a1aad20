/* The views of `pprofc report`. */
#include "cli/report_view.h"

#include <errno.h>
#include <string.h>

#include "cli/comments.h"
#include "cli/disassembly.h"
#include "cli/graphviz.h"
#include "cli/report_json.h"
#include "cli/samples_json.h"
#include "cli/top_profile.h"
#include "formats/formats.h"
#include "views/call_table.h"
#include "views/callgrind_view.h"
#include "views/dot_view.h"
#include "views/sample_views.h"
#include "views/source_view.h"
#include "views/top_table.h"

/* What is left out where nothing else is asked for: as with pprof, for who knows its pictures. */
enum { DEFAULT_ROWS = 20, DEFAULT_NODES = 80 };

static const double default_node_share = 0.005, default_edge_share = 0.001;

static void free_pattern(struct pp_pattern **pattern)
{
    pp_pattern_free(*pattern);
}

static bool wants_json(const struct pp_report *report)
{
    return report->values[PP_REPORT_JSON] != NULL;
}

static bool is_trimmed(const struct pp_report *report)
{
    const char *trim = report->values[PP_REPORT_TRIM];

    return trim == NULL || strcmp(trim, "false") != 0;
}

static struct pp_top_table_options top_options(const struct pp_report *report,
                                               const struct pp_view_scope *scope)
{
    return (struct pp_top_table_options){
        .type = scope->type,
        .group = report->group,
        .label_key = report->label_key,
        .n_rows = !is_trimmed(report)   ? UINT32_MAX
                  : report->n_rows == 0 ? DEFAULT_ROWS
                                        : report->n_rows,
        .by_cum = report->by_cum,
        .min_share = report->node_share < 0 || !is_trimmed(report) ? 0 : report->node_share,
        .drops_negative = report->values[PP_REPORT_DROP_NEGATIVE] != NULL,
        .whole = scope->whole,
        .unit = scope->unit,
        .filters = scope->filters,
        .base = scope->base,
        .divide_by = scope->divide_by,
        .is_compact = scope->is_compact,
        .is_mean = report->is_mean};
}

static int write_top(const struct pp_report *report, const struct pprofc_profile *profile,
                     const struct pp_view_scope *scope, struct pp_buffer *out,
                     struct pprofc_error *err)
{
    const struct pp_top_table_options options = top_options(report, scope);

    return wants_json(report) ? pp_report_json_write(profile, &options, out, err)
                              : pp_top_table_write(profile, &options, out, err);
}

/* As with pprof, all rows but the light ones. */
static int write_top_profile(const struct pp_report *report, const struct pprofc_profile *profile,
                             const struct pp_view_scope *scope, struct pp_buffer *out,
                             struct pprofc_error *err)
{
    struct pp_top_table_options options = top_options(report, scope);

    if (report->n_rows == 0)
        options.n_rows = UINT32_MAX;
    if (report->node_share < 0 && is_trimmed(report))
        options.min_share = default_node_share;
    return pp_top_profile_write(profile, &options, out, err);
}

/* Peek looks for what may weigh little: nothing is left out there. */
static struct pp_graph_wish graph_wish(const struct pp_report *report, uint32_t type)
{
    const bool is_whole = report->values[PP_REPORT_PEEK] != NULL || !is_trimmed(report);

    return (struct pp_graph_wish){.type = type,
                                  .group = report->group,
                                  .node_share = is_whole                 ? 0
                                                : report->node_share < 0 ? default_node_share
                                                                         : report->node_share,
                                  .edge_share = is_whole                 ? 0
                                                : report->edge_share < 0 ? default_edge_share
                                                                         : report->edge_share,
                                  .max_nodes = is_whole              ? 0
                                               : report->n_rows == 0 ? DEFAULT_NODES
                                                                     : report->n_rows,
                                  .by_cum = report->by_cum,
                                  .is_picture = report->view == PP_VIEW_DOT,
                                  .is_tree = report->values[PP_REPORT_CALL_TREE] != NULL,
                                  .drops_negative =
                                      report->values[PP_REPORT_DROP_NEGATIVE] != NULL};
}

static int write_calls(const struct pp_report *report, const struct pprofc_profile *profile,
                       const struct pp_view_scope *scope, struct pp_pattern *pattern,
                       struct pp_buffer *out, struct pprofc_error *err)
{
    const struct pp_call_table_options options = {
        .scope = *scope, .wish = graph_wish(report, scope->type), .pattern = pattern};

    return wants_json(report) ? pp_calls_json_write(profile, &options, out, err)
                              : pp_call_table_write(profile, &options, out, err);
}

static int write_source(const struct pp_report *report, const struct pprofc_profile *profile,
                        const struct pp_view_scope *scope, struct pp_pattern *pattern,
                        struct pp_buffer *out, struct pprofc_error *err)
{
    const struct pp_source_options options = {.scope = *scope,
                                              .pattern = pattern,
                                              .source_path = report->values[PP_REPORT_SOURCE_PATH],
                                              .trim_path = report->values[PP_REPORT_TRIM_PATH]};

    if (report->view == PP_VIEW_PAGE)
        return pp_source_page_write(profile, &options, out, err);
    return wants_json(report) ? pp_source_json_write(profile, &options, out, err)
                              : pp_source_write(profile, &options, out, err);
}

static int write_traces(const struct pp_report *report, const struct pprofc_profile *profile,
                        const struct pp_view_scope *scope, struct pp_buffer *out,
                        struct pprofc_error *err)
{
    return wants_json(report)
               ? pp_traces_json_write(profile, scope, out, err)
               : pp_traces_write(profile, scope, report->has_group ? report->group : PP_BY_NAME,
                                 out, err);
}

static int write_disassembly(const struct pp_report *report, const struct pprofc_profile *profile,
                             const struct pp_view_scope *scope, struct pp_pattern *pattern,
                             struct pp_buffer *out, struct pprofc_error *err)
{
    const struct pp_disassembly_options options = {
        .scope = *scope,
        .pattern = pattern,
        .is_intel = report->values[PP_REPORT_INTEL_SYNTAX] != NULL};

    return pp_disassembly_write(profile, &options, out, err);
}

/* The output's extension says whether graphviz makes a picture of it. */
static int write_dot(const struct pp_report *report, const struct pprofc_profile *profile,
                     const struct pp_view_scope *scope, struct pp_buffer *out,
                     struct pprofc_error *err)
{
    static const char *const formats[] = {"svg", "png", "pdf", "gif", "ps"};
    const struct pp_dot_options options = {.scope = *scope,
                                           .wish = graph_wish(report, scope->type)};
    const char *output = report->values[PP_REPORT_OUTPUT];
    const char *point = output != NULL ? strrchr(output, '.') : NULL;
    const char *format = report->values[PP_REPORT_SVG] != NULL   ? "svg"
                         : report->values[PP_REPORT_PNG] != NULL ? "png"
                         : report->values[PP_REPORT_PDF] != NULL ? "pdf"
                         : report->values[PP_REPORT_GIF] != NULL ? "gif"
                         : report->values[PP_REPORT_PS] != NULL  ? "ps"
                                                                 : NULL;
    __attribute__((cleanup(pp_buffer_done))) struct pp_buffer dot = PP_BUFFER_INIT;
    int rc;

    for (size_t i = 0; format == NULL && point != NULL && i < sizeof formats / sizeof formats[0];
         i++)
        if (strcmp(point + 1, formats[i]) == 0)
            format = formats[i];
    if (format == NULL)
        return pp_dot_write(profile, &options, out, err);
    rc = pp_dot_write(profile, &options, &dot, err);
    return rc < 0 ? rc : pp_graphviz_draw(&dot, format, out, err);
}

/* All of it, for programs that choose themselves; by lines, for those that show the source. */
static int write_callgrind(const struct pp_report *report, const struct pprofc_profile *profile,
                           const struct pp_view_scope *scope, struct pp_buffer *out,
                           struct pprofc_error *err)
{
    struct pp_callgrind_options options = {.scope = *scope,
                                           .wish = graph_wish(report, scope->type)};

    if (!report->has_group)
        options.wish.group = options.wish.is_tree ? PP_BY_FUNCTION : PP_BY_LINE;
    if (report->node_share < 0)
        options.wish.node_share = 0;
    if (report->edge_share < 0)
        options.wish.edge_share = 0;
    if (report->n_rows == 0)
        options.wish.max_nodes = 0;
    return pp_callgrind_write(profile, &options, out, err);
}

int pp_report_view_write(const struct pp_report *report, const struct pprofc_profile *profile,
                         const struct pp_view_scope *scope, struct pp_buffer *out,
                         struct pprofc_error *err)
{
    __attribute__((cleanup(free_pattern))) struct pp_pattern *pattern = NULL;
    int rc = report->pattern == NULL
                 ? 0
                 : pp_pattern_new(report->pattern, PP_PATTERN_ANYWHERE, &pattern, err);

    if (rc < 0)
        return rc;
    switch (report->view) {
    case PP_VIEW_CALLS:
        return write_calls(report, profile, scope, pattern, out, err);
    case PP_VIEW_SOURCE:
    case PP_VIEW_PAGE:
        return write_source(report, profile, scope, pattern, out, err);
    case PP_VIEW_TRACES:
        return write_traces(report, profile, scope, out, err);
    case PP_VIEW_TAGS:
        return wants_json(report) ? pp_tags_json_write(profile, scope, out, err)
                                  : pp_tags_write(profile, scope, out, err);
    case PP_VIEW_RAW:
        return pp_raw_write(profile, out, err);
    case PP_VIEW_DOT:
        return write_dot(report, profile, scope, out, err);
    case PP_VIEW_DISASM:
        return write_disassembly(report, profile, scope, pattern, out, err);
    case PP_VIEW_PROTO:
        return pp_pprof_write(profile, true, out, err);
    case PP_VIEW_TOPPROTO:
        return write_top_profile(report, profile, scope, out, err);
    case PP_VIEW_CALLGRIND:
        return write_callgrind(report, profile, scope, out, err);
    case PP_VIEW_COMMENTS:
        return pp_comments_write(profile, wants_json(report), out, err);
    case PP_VIEW_TOP:
        break;
    }
    return write_top(report, profile, scope, out, err);
}
