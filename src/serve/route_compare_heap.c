/* Two heaps beside each other: what is in use at two moments, what is allocated in two spans of
 * time. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_writer.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "base/utf8.h"
#include "profile/top.h"
#include "serve/routes.h"
#include "views/heap_facts.h"

enum { DEFAULT_SECONDS = 10, TEXT_ROWS = 30 };
enum { BEFORE, AFTER, CHANGE, N_SIDES };

/* A value, and how sure it is. */
struct amount {
    double value;
    struct pp_estimate estimate;
};

struct row {
    const char *name;
    struct amount flat[N_SIDES], cum[N_SIDES];
};

struct comparison {
    struct pp_heap_pair pair;
    struct pp_top tops[N_SIDES];
    bool has_top[N_SIDES];
    bool is_rate; /* values are a second's */
    double seconds[2], scale[N_SIDES];
    const char *type, *unit;
    struct row *rows;
    uint32_t n_rows;
    struct amount totals[N_SIDES];
};

static void done(struct comparison *comparison)
{
    for (int side = 0; side < N_SIDES; side++)
        if (comparison->has_top[side])
            pp_top_done(&comparison->tops[side]);
    free(comparison->rows);
    pp_heap_pair_done(&comparison->pair);
}

/* ---- the figures ---- */

static void add(struct amount *to, double value, const struct pp_estimate *estimate, double scale)
{
    to->value += value * scale;
    to->estimate.variance += estimate->variance * scale * scale;
    to->estimate.n_sampled += estimate->n_sampled;
}

static void add_amount(struct amount *to, const struct amount *more, double scale)
{
    add(to, more->value, &more->estimate, scale);
}

static void take_rows(struct comparison *comparison, int side)
{
    const struct pp_top *top = &comparison->tops[side];
    const double scale = comparison->scale[side];

    for (uint32_t i = 0; comparison->has_top[side] && i < top->n_rows; i++) {
        const struct pp_top_row *from = &top->rows[i];
        struct row *row = &comparison->rows[comparison->n_rows++];
        row->name = from->name;
        add(&row->flat[side], (double)from->flat, &from->flat_estimate, scale);
        add(&row->cum[side], (double)from->cum, &from->cum_estimate, scale);
    }
    if (comparison->has_top[side])
        add(&comparison->totals[side], (double)top->total, &top->total_estimate, scale);
}

/* Of two spans of time the difference is as unsure as both. */
static void subtract(struct amount amounts[N_SIDES])
{
    const double doubt = amounts[BEFORE].estimate.variance;

    add_amount(&amounts[CHANGE], &amounts[AFTER], 1);
    amounts[CHANGE].value -= amounts[BEFORE].value;
    amounts[CHANGE].estimate.variance += doubt;
    amounts[CHANGE].estimate.n_sampled += amounts[BEFORE].estimate.n_sampled;
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(((const struct row *)left)->name, ((const struct row *)right)->name);
}

/* What changed most comes first. */
static int compare_changes(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    const double in_a = fabs(a->flat[CHANGE].value), in_b = fabs(b->flat[CHANGE].value);

    return in_a != in_b ? (in_a < in_b) - (in_a > in_b) : strcmp(a->name, b->name);
}

/* One row a name: functions of one name in two modules are one here. */
static void join(struct comparison *comparison)
{
    struct row *rows = comparison->rows;
    uint32_t n = 0;

    qsort(rows, comparison->n_rows, sizeof *rows, compare_names);
    for (uint32_t i = 0; i < comparison->n_rows; i++) {
        if (n == 0 || strcmp(rows[n - 1].name, rows[i].name) != 0) {
            rows[n++] = rows[i];
            continue;
        }
        for (int side = 0; side < N_SIDES; side++) {
            add_amount(&rows[n - 1].flat[side], &rows[i].flat[side], 1);
            add_amount(&rows[n - 1].cum[side], &rows[i].cum[side], 1);
        }
    }
    comparison->n_rows = n;
    for (uint32_t i = 0; i < n && !comparison->has_top[CHANGE]; i++) {
        subtract(rows[i].flat);
        subtract(rows[i].cum);
    }
    if (!comparison->has_top[CHANGE])
        subtract(comparison->totals);
    qsort(rows, n, sizeof *rows, compare_changes);
}

static int compare(struct comparison *comparison, const char *type_name, struct pprofc_error *err)
{
    const struct pprofc_profile *const profiles[N_SIDES] = {
        comparison->pair.before, comparison->pair.after, comparison->pair.change};
    size_t n_rows = 1;

    for (int side = 0; side < N_SIDES; side++) {
        const struct pprofc_profile *profile = profiles[side];
        const int type = profile != NULL ? pp_profile_find_type(profile, type_name, err) : 0;
        int status;
        comparison->scale[side] = 1;
        if (profile == NULL)
            continue;
        status = type < 0 ? type
                          : pp_top_make(profile, (uint32_t)type, PP_BY_FUNCTION,
                                        &comparison->tops[side], err);
        if (status != 0)
            return status;
        comparison->has_top[side] = true;
        n_rows += comparison->tops[side].n_rows;
        comparison->type = pp_profile_chars(profile, profile->types[type].type);
        comparison->unit = pp_profile_chars(profile, profile->types[type].unit);
        if (side < CHANGE)
            comparison->seconds[side] = (double)profile->duration_ns / 1e9;
        if (comparison->is_rate && side < CHANGE && comparison->seconds[side] > 0)
            comparison->scale[side] = 1 / comparison->seconds[side];
    }
    comparison->rows = calloc(n_rows, sizeof *comparison->rows);
    if (comparison->rows == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory to compare");
    for (int side = 0; side < N_SIDES; side++)
        take_rows(comparison, side);
    join(comparison);
    return 0;
}

/* ---- what is shown ---- */

static void put_value(struct pp_buffer *out, const struct comparison *comparison, double value,
                      bool has_sign, int width)
{
    char number[PP_NUMBER_TEXT_BYTES], text[PP_NUMBER_TEXT_BYTES + 8];

    (void)pp_value_text((int64_t)llround(fabs(value)), comparison->unit, number);
    (void)snprintf(text, sizeof text, "%s%s%s",
                   value < 0  ? "-"
                   : has_sign ? "+"
                              : "",
                   number, comparison->is_rate ? "/s" : "");
    pp_buffer_printf(out, "%*s", width, text);
}

/* "± 12 KiB", padded by characters and not by bytes. */
static void put_error(struct pp_buffer *out, const struct comparison *comparison,
                      const struct amount *amount)
{
    char text[PP_ERROR_TEXT_BYTES];
    size_t n_chars = 0;

    (void)pp_error_text(&amount->estimate, comparison->unit, text);
    for (const char *at = text; *at != '\0'; at++)
        n_chars += ((unsigned char)*at & 0xc0) != 0x80;
    pp_buffer_printf(out, "%*s%s", n_chars < 12 ? (int)(12 - n_chars) : 1, "", text);
}

static void put_total(struct pp_buffer *out, const struct comparison *comparison, int side)
{
    static const char *const names[] = {"before  ", "after   "};
    const struct amount *total = &comparison->totals[side];
    char error[PP_ERROR_TEXT_BYTES];

    pp_buffer_text(out, names[side]);
    put_value(out, comparison, total->value, false, 0);
    (void)pp_error_text(&total->estimate, comparison->unit, error);
    pp_buffer_printf(out, "%s%s of %s", error[0] != '\0' ? " " : "", error, comparison->type);
    if (total->estimate.n_sampled > 0)
        pp_buffer_printf(out, " in %.0f samples", total->estimate.n_sampled);
    if (comparison->is_rate)
        pp_buffer_printf(out, ", in %.2f s", comparison->seconds[side]);
    pp_buffer_text(out, "\n");
}

static void write_text(const struct comparison *comparison, struct pp_buffer *out)
{
    put_total(out, comparison, BEFORE);
    put_total(out, comparison, AFTER);
    pp_buffer_printf(out, "\n%12s%12s%12s%12s%12s%12s%12s  function\n", "flat +-", "std. error",
                     "before", "after", "cum +-", "std. error", "after");
    for (uint32_t i = 0; i < comparison->n_rows && i < TEXT_ROWS; i++) {
        const struct row *row = &comparison->rows[i];
        put_value(out, comparison, row->flat[CHANGE].value, true, 12);
        put_error(out, comparison, &row->flat[CHANGE]);
        put_value(out, comparison, row->flat[BEFORE].value, false, 12);
        put_value(out, comparison, row->flat[AFTER].value, false, 12);
        put_value(out, comparison, row->cum[CHANGE].value, true, 12);
        put_error(out, comparison, &row->cum[CHANGE]);
        put_value(out, comparison, row->cum[AFTER].value, false, 12);
        pp_buffer_text(out, "  ");
        pp_utf8_append(out, row->name, strlen(row->name));
        pp_buffer_text(out, "\n");
    }
    if (comparison->n_rows > TEXT_ROWS)
        pp_buffer_printf(out, "%12s and %u more\n", "", comparison->n_rows - TEXT_ROWS);
    pp_buffer_printf(out, "\nfew: fewer than %d samples, which tell no error\n",
                     PP_TOP_FEW_SAMPLES);
}

/* The error is null where too few samples tell, and 0 of what is exact. */
static void write_amount(struct pp_json *json, const char *name, const struct amount *amount)
{
    const double error = amount->estimate.n_sampled <= 0 ? 0 : pp_top_error(&amount->estimate);

    pp_json_begin_object(json, name);
    pp_json_fraction(json, "value", amount->value);
    if (error < 0)
        pp_json_null(json, "error");
    else
        pp_json_fraction(json, "error", error);
    pp_json_end_object(json);
}

static void write_amounts(struct pp_json *json, const char *name, const struct amount *amounts)
{
    pp_json_begin_object(json, name);
    write_amount(json, "before", &amounts[BEFORE]);
    write_amount(json, "after", &amounts[AFTER]);
    write_amount(json, "change", &amounts[CHANGE]);
    pp_json_end_object(json);
}

static void write_json(const struct comparison *comparison, struct pp_buffer *out)
{
    struct pp_json json = {.out = out};

    pp_json_begin_object(&json, NULL);
    pp_json_text(&json, "type", comparison->type);
    pp_json_text(&json, "unit", comparison->unit);
    pp_json_text(&json, "values", comparison->is_rate ? "a second" : "at the moment");
    if (comparison->is_rate) {
        pp_json_fraction(&json, "seconds_before", comparison->seconds[BEFORE]);
        pp_json_fraction(&json, "seconds_after", comparison->seconds[AFTER]);
    }
    write_amounts(&json, "total", comparison->totals);
    pp_json_begin_array(&json, "functions");
    for (uint32_t i = 0; i < comparison->n_rows; i++) {
        pp_json_begin_object(&json, NULL);
        pp_json_text(&json, "name", comparison->rows[i].name);
        write_amounts(&json, "flat", comparison->rows[i].flat);
        write_amounts(&json, "cum", comparison->rows[i].cum);
        pp_json_end_object(&json);
    }
    pp_json_end_array(&json);
    pp_json_end_object(&json);
    pp_buffer_text(out, "\n");
}

/* ---- the route ---- */

/* The type that ?sample= names, else what the kind stands for; NULL after a 400. */
static const char *type_of(struct pp_call *call)
{
    static const char *const types[] = {"inuse_space", "inuse_objects", "alloc_space",
                                        "alloc_objects"};
    const char *sample = pp_http_parameter(call->request, "sample");

    if (sample == NULL)
        sample = pp_http_parameter(call->request, "sample_index");
    if (sample == NULL)
        return strcmp(pp_http_parameter(call->request, "kind"), "allocs") == 0 ? types[2]
                                                                               : types[0];
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(sample, types[i]) == 0)
            return types[i];
    pp_http_error(call->answer, 400,
                  "no sample type is called '%s'; there are alloc_objects, alloc_space, "
                  "inuse_objects and inuse_space",
                  sample);
    return NULL;
}

static void answer(struct pp_call *call, const struct comparison *comparison, bool is_json)
{
    pp_http_text(call->answer, "");
    if (is_json) {
        call->answer->content_type = "application/json";
        write_json(comparison, &call->answer->body);
    } else {
        write_text(comparison, &call->answer->body);
    }
}

void pp_route_diff_heap(struct pp_call *call)
{
    const char *format = pp_call_format(call);
    struct pp_profile_wish wish = {.target = call->target, .block = "", .request = call->request};
    struct comparison comparison = {.rows = NULL};
    const char *type = type_of(call);
    struct pprofc_error err;
    double after_seconds = 0;
    int status;

    if (type == NULL || !pp_call_seconds(call, "seconds", DEFAULT_SECONDS, &wish.seconds) ||
        !pp_call_seconds(call, "after", 0, &after_seconds))
        return;
    comparison.is_rate = strncmp(type, "alloc", 5) == 0;
    if (!pp_served_has_heap(call->target)) {
        pp_http_error(call->answer, 404,
                      "process %d does not measure the heap: start it by pprofc run -k heap, or "
                      "with PPROFC=heap",
                      call->target->pid);
        return;
    }
    if (after_seconds > 0 && !comparison.is_rate) {
        pp_http_error(call->answer, 400,
                      "%s is of two moments, now and in seconds=; after= is for alloc_space", type);
        return;
    }
    status =
        comparison.is_rate
            ? pp_service_heap_windows(call->service, &wish, after_seconds, &comparison.pair, &err)
            : pp_service_heap_moments(call->service, &wish, &comparison.pair, &err);
    if (status == 0)
        status = compare(&comparison, type, &err);
    if (status != 0)
        pp_http_error(call->answer, pp_http_status_of(status), "Could not compare: %s",
                      err.message);
    else
        answer(call, &comparison, format != NULL && strcmp(format, "json") == 0);
    done(&comparison);
}
