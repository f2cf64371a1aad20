/* Two spans of time beside each other. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_writer.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "base/utf8.h"
#include "profile/top.h"
#include "serve/routes.h"

enum { DEFAULT_SECONDS = 10, TEXT_ROWS = 30 };

/* A function's share of the CPU time of each span, in percent. */
struct change {
    const char *name;
    double before, after;           /* with callees */
    double flat_before, flat_after; /* without */
};

struct comparison {
    struct pprofc_profile *before, *after;
    struct pp_top top_before, top_after;
    bool has_before, has_after; /* the tops */
    struct change *changes;
    uint32_t n_changes;
};

static void done(struct comparison *comparison)
{
    if (comparison->has_before)
        pp_top_done(&comparison->top_before);
    if (comparison->has_after)
        pp_top_done(&comparison->top_after);
    free(comparison->changes);
    pprofc_profile_free(comparison->before);
    pprofc_profile_free(comparison->after);
}

/* ---- the figures ---- */

static int compare_names(const void *left, const void *right)
{
    return strcmp(((const struct change *)left)->name, ((const struct change *)right)->name);
}

static double size_of(double value)
{
    return value < 0 ? -value : value;
}

/* What changed most comes first. */
static int compare_changes(const void *left, const void *right)
{
    const struct change *a = left, *b = right;
    const double in_a = size_of(a->flat_after - a->flat_before);
    const double in_b = size_of(b->flat_after - b->flat_before);

    return in_a != in_b ? (in_a < in_b) - (in_a > in_b) : strcmp(a->name, b->name);
}

static void take_rows(struct comparison *comparison, const struct pp_top *top, bool is_after)
{
    for (uint32_t i = 0; i < top->n_rows; i++) {
        struct change *change = &comparison->changes[comparison->n_changes++];
        const double cum = pp_percent(top->rows[i].cum, top->total);
        const double flat = pp_percent(top->rows[i].flat, top->total);
        *change = (struct change){.name = top->rows[i].name};
        *(is_after ? &change->after : &change->before) = cum;
        *(is_after ? &change->flat_after : &change->flat_before) = flat;
    }
}

/* One row a name: functions of one name in two modules are one here. */
static void join(struct comparison *comparison)
{
    struct change *changes = comparison->changes;
    uint32_t n = 0;

    qsort(changes, comparison->n_changes, sizeof *changes, compare_names);
    for (uint32_t i = 0; i < comparison->n_changes; i++) {
        if (n > 0 && strcmp(changes[n - 1].name, changes[i].name) == 0) {
            changes[n - 1].before += changes[i].before;
            changes[n - 1].after += changes[i].after;
            changes[n - 1].flat_before += changes[i].flat_before;
            changes[n - 1].flat_after += changes[i].flat_after;
        } else {
            changes[n++] = changes[i];
        }
    }
    comparison->n_changes = n;
    qsort(changes, n, sizeof *changes, compare_changes);
}

static int compare(struct comparison *comparison, struct pprofc_error *err)
{
    const struct pprofc_profile *before = comparison->before, *after = comparison->after;
    int status =
        pp_top_make(before, before->default_type, PP_BY_FUNCTION, &comparison->top_before, err);

    comparison->has_before = status == 0;
    if (status == 0)
        status =
            pp_top_make(after, after->default_type, PP_BY_FUNCTION, &comparison->top_after, err);
    comparison->has_after = comparison->has_before && status == 0;
    if (status != 0)
        return status;
    comparison->changes =
        calloc((size_t)comparison->top_before.n_rows + comparison->top_after.n_rows + 1,
               sizeof *comparison->changes);
    if (comparison->changes == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory to compare");
    take_rows(comparison, &comparison->top_before, false);
    take_rows(comparison, &comparison->top_after, true);
    join(comparison);
    return 0;
}

/* ---- what is shown ---- */

static void write_text(const struct comparison *comparison, struct pp_buffer *out)
{
    pp_buffer_printf(
        out,
        "before  %.2f s of CPU, %lld samples\nafter   %.2f s of CPU, %lld samples\n\n"
        "%9s %9s %9s %9s %9s  function\n",
        (double)comparison->top_before.total / 1e9, (long long)comparison->top_before.n_samples,
        (double)comparison->top_after.total / 1e9, (long long)comparison->top_after.n_samples,
        "flat +-", "before", "after", "cum +-", "after");
    for (uint32_t i = 0; i < comparison->n_changes && i < TEXT_ROWS; i++) {
        const struct change *change = &comparison->changes[i];
        pp_buffer_printf(out, "%+7.1f %% %7.1f %% %7.1f %% %+7.1f %% %7.1f %%  ",
                         change->flat_after - change->flat_before, change->flat_before,
                         change->flat_after, change->after - change->before, change->after);
        pp_utf8_append(out, change->name, strlen(change->name));
        pp_buffer_text(out, "\n");
    }
}

static void write_span(struct pp_json *json, const char *name, const struct pp_top *top)
{
    pp_json_begin_object(json, name);
    pp_json_fraction(json, "cpu_seconds", (double)top->total / 1e9);
    pp_json_integer(json, "n_samples", top->n_samples);
    pp_json_end_object(json);
}

static void write_json(const struct comparison *comparison, struct pp_buffer *out)
{
    struct pp_json json = {.out = out};

    pp_json_begin_object(&json, NULL);
    write_span(&json, "before", &comparison->top_before);
    write_span(&json, "after", &comparison->top_after);
    pp_json_begin_array(&json, "functions");
    for (uint32_t i = 0; i < comparison->n_changes; i++) {
        const struct change *change = &comparison->changes[i];
        pp_json_begin_object(&json, NULL);
        pp_json_text(&json, "name", change->name);
        pp_json_fraction(&json, "flat_percent_before", change->flat_before);
        pp_json_fraction(&json, "flat_percent_after", change->flat_after);
        pp_json_fraction(&json, "cum_percent_before", change->before);
        pp_json_fraction(&json, "cum_percent_after", change->after);
        pp_json_end_object(&json);
    }
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
        pp_http_error(call->answer, pp_http_status_of(status), "Could not compare: %s",
                      err.message);
    } else {
        pp_http_text(call->answer, "");
        if (format != NULL && strcmp(format, "json") == 0) {
            call->answer->content_type = "application/json";
            write_json(&comparison, &call->answer->body);
        } else {
            write_text(&comparison, &call->answer->body);
        }
    }
    done(&comparison);
}
