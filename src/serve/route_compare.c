/* Two spans of time beside each other. */
#include <errno.h>
#include <string.h>

#include "formats/diff_json.h"
#include "profile/diff.h"
#include "serve/routes.h"
#include "views/diff_table.h"

enum { DEFAULT_SECONDS = 10, TEXT_ROWS = 30 };

struct comparison {
    struct pprofc_profile *before, *after;
    struct pp_diff *diff;
};

static void done(struct comparison *comparison)
{
    pp_diff_free(comparison->diff);
    pprofc_profile_free(comparison->before);
    pprofc_profile_free(comparison->after);
}

static int compare(struct comparison *comparison, struct pprofc_error *err)
{
    const struct pprofc_profile *before = comparison->before, *after = comparison->after;
    const struct pp_diff_options options = {.sample = NULL};

    return pp_diff_make(&before, 1, &after, 1, &options, &comparison->diff, err);
}

/* ---- what is shown ---- */

static void write_text(const struct pp_diff *diff, struct pp_buffer *out)
{
    const struct pp_diff_table_options options = {.n_rows = TEXT_ROWS};

    pp_diff_table_write(diff, &options, out);
}

static void write_span(struct pp_json *json, const char *name, const struct pp_diff_total *total)
{
    pp_json_begin_object(json, name);
    pp_json_fraction(json, "cpu_seconds", total->value / 1e9);
    pp_json_integer(json, "n_samples", (int64_t)total->n_samples);
    pp_json_end_object(json);
}

static void write_row(struct pp_json *json, const struct pp_diff_row *row)
{
    const struct pp_interval points = {100 * row->flat.share_change.low,
                                       100 * row->flat.share_change.high};

    pp_json_begin_object(json, NULL);
    pp_json_text(json, "name", row->name);
    pp_json_text(json, "state", pp_diff_state_name(row->flat.state));
    pp_json_fraction(json, "flat_percent_before", 100 * row->flat.share[PP_BEFORE]);
    pp_json_fraction(json, "flat_percent_after", 100 * row->flat.share[PP_AFTER]);
    pp_diff_json_interval(json, "flat_points_95", &points);
    pp_json_fraction(json, "cum_percent_before", 100 * row->cum.share[PP_BEFORE]);
    pp_json_fraction(json, "cum_percent_after", 100 * row->cum.share[PP_AFTER]);
    pp_json_end_object(json);
}

static void write_json(const struct pp_diff *diff, struct pp_buffer *out)
{
    struct pp_json json = {.out = out};

    pp_json_begin_object(&json, NULL);
    write_span(&json, "before", &diff->total[PP_BEFORE]);
    write_span(&json, "after", &diff->total[PP_AFTER]);
    pp_json_begin_array(&json, "functions");
    for (uint32_t i = 0; i < diff->n_rows; i++)
        write_row(&json, &diff->rows[i]);
    pp_json_end_array(&json);
    pp_json_end_object(&json);
    pp_buffer_text(out, "\n");
}

/* ---- the route ---- */

/* With after= the next seconds= and then those; without, all until now and then the next seconds=.
 */
static int take_spans(struct pp_call *call, struct pp_profile_wish *wish, double after_seconds,
                      struct comparison *comparison, struct pprofc_error *err)
{
    int status = after_seconds > 0
                     ? pp_service_profile(call->service, wish, &comparison->before, err)
                     : pp_service_whole(call->service, call->target, PP_FAMILY_CPU, false,
                                        &comparison->before, err);

    if (after_seconds > 0)
        wish->seconds = after_seconds;
    if (status == 0)
        status = pp_service_profile(call->service, wish, &comparison->after, err);
    return status == 0 ? compare(comparison, err) : status;
}

void pp_route_diff(struct pp_call *call)
{
    const char *format = pp_call_format(call), *kind = pp_http_parameter(call->request, "kind");
    struct pp_profile_wish wish = {.target = call->target, .block = "", .request = call->request};
    struct comparison comparison = {.before = NULL};
    struct pprofc_error err;
    double after_seconds = 0;
    int status;

    if (format != NULL && strcmp(format, "json") != 0 && strcmp(format, "text") != 0) {
        pp_http_error(call->answer, 400, "unknown format '%s'; there are text, json", format);
        return;
    }
    if (kind != NULL && (strcmp(kind, "heap") == 0 || strcmp(kind, "allocs") == 0)) {
        pp_route_diff_heap(call);
        return;
    }
    if (kind != NULL && strcmp(kind, "cpu") != 0) {
        pp_http_error(call->answer, 400, "unknown kind '%s'; there are cpu, heap, allocs", kind);
        return;
    }
    if (!pp_call_seconds(call, "seconds", DEFAULT_SECONDS, &wish.seconds) ||
        !pp_call_seconds(call, "after", 0, &after_seconds) || !pp_call_rate(call, &wish.rate_hz))
        return;
    status = take_spans(call, &wish, after_seconds, &comparison, &err);
    if (status != 0) {
        pp_http_error(call->answer, status == -ENODATA ? 404 : pp_http_status_of(status),
                      "Could not compare: %s", err.message);
    } else {
        pp_http_text(call->answer, "");
        if (format != NULL && strcmp(format, "json") == 0) {
            call->answer->content_type = "application/json";
            write_json(comparison.diff, &call->answer->body);
        } else {
            write_text(comparison.diff, &call->answer->body);
        }
    }
    done(&comparison);
}
