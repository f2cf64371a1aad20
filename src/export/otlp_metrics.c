/* Source: opentelemetry-proto 1.11, metrics/v1/metrics.proto.  Names are those of /metrics
 * (serve/route_metrics.c); units are such that Prometheus keeps the names: it appends the unit that
 * a name lacks, "ratio" for a gauge of unit 1, and "total" to what only grows. */
#include "export/otlp_metrics.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "export/otlp_values.h"
#include "formats/wire.h"
#include "profile/fragmentation.h"
#include "profile/tables.h"
#include "profile/top.h"

enum { MAX_FUNCTIONS = 20, MAX_NAME_BYTES = 120 };

enum { REQUEST_RESOURCE_METRICS = 1 };
enum { RM_RESOURCE = 1, RM_SCOPE_METRICS = 2, SM_SCOPE = 1, SM_METRICS = 2 };
enum { M_NAME = 1, M_DESCRIPTION = 2, M_UNIT = 3, M_GAUGE = 5, M_SUM = 7, DATA_POINTS = 1 };
enum { SUM_TEMPORALITY = 2, SUM_IS_MONOTONIC = 3, CUMULATIVE = 2 };
enum { P_START = 2, P_TIME = 3, P_DOUBLE = 4, P_INT = 6, P_ATTRIBUTES = 7 };

/* ---- what is counted ---- */

enum metric {
    SAMPLES,
    LOST,
    CPU,
    OWN_CPU,
    ALLOCATIONS,
    ALLOCATED_BYTES,
    FREES,
    CONTENTIONS,
    LOCK_WAIT,
    WAITS,
    WAIT,
    N_METRICS,
};

/* Values in nanoseconds are sent as seconds. */
static const struct {
    const char *name, *unit, *description;
} metrics[N_METRICS] = {
    [SAMPLES] = {"profiling_samples_total", "{sample}", "Samples taken."},
    [LOST] = {"profiling_lost_samples_total", "{sample}",
              "Samples that are in no stack, by cause."},
    [CPU] = {"profiling_process_cpu_seconds_total", "s",
             "CPU time of the process while it was profiled, by the kernel's clock."},
    [OWN_CPU] = {"profiling_own_cpu_seconds_total", "s",
                 "CPU time that profiling took of the process."},
    [ALLOCATIONS] = {"profiling_allocations_total", "{allocation}", "Calls that allocated memory."},
    [ALLOCATED_BYTES] = {"profiling_allocated_bytes_total", "By", "Bytes that were asked for."},
    [FREES] = {"profiling_frees_total", "{free}", "Calls that freed memory."},
    [CONTENTIONS] = {"profiling_lock_contentions_total", "{contention}",
                     "Locks that were waited for."},
    [LOCK_WAIT] = {"profiling_lock_wait_seconds_total", "s", "Time spent waiting for locks."},
    [WAITS] = {"profiling_offcpu_waits_total", "{wait}", "Times that threads left the CPU."},
    [WAIT] = {"profiling_offcpu_wait_seconds_total", "s", "Time that threads were off the CPU."},
};

/* Sample types whose sum is counted. */
static const struct {
    const char *type;
    enum metric metric;
} summed[] = {
    {"alloc_objects", ALLOCATIONS},
    {"alloc_space", ALLOCATED_BYTES},
    {"contentions", CONTENTIONS},
    {"delay", LOCK_WAIT},
    {"waits", WAITS},
    {"wait", WAIT},
};

static bool is_time(enum metric metric)
{
    return strcmp(metrics[metric].unit, "s") == 0;
}

/* 'is_whole': the value is since the start, not of a window. */
static void count(struct pp_metric_series *series, enum metric metric, const char *cause,
                  int64_t value, bool is_whole)
{
    struct pp_counter *counter = NULL;

    if (value < 0) /* not known */
        return;
    for (size_t i = 0; i < series->n_counters && counter == NULL; i++)
        if (series->counters[i].metric == (int)metric &&
            strncmp(series->counters[i].cause, cause, PP_CAUSE_BYTES - 1) == 0)
            counter = &series->counters[i];
    if (counter == NULL) {
        if (series->n_counters == PP_MAX_COUNTERS)
            return;
        counter = &series->counters[series->n_counters++];
        *counter = (struct pp_counter){.metric = (int)metric};
        (void)snprintf(counter->cause, sizeof counter->cause, "%s", cause);
    }
    if (!is_whole)
        counter->value = pp_add_values(counter->value, value);
    else if (value > counter->value)
        counter->value = value;
}

static void count_quality(struct pp_metric_series *series, const struct pprofc_profile *profile,
                          bool is_whole)
{
    const struct pp_quality *quality = &profile->quality;

    if (!quality->is_known)
        return;
    count(series, SAMPLES, "", quality->n_samples, is_whole);
    for (uint32_t i = 0; i < quality->n_losses; i++)
        count(series, LOST, pp_profile_chars(profile, quality->losses[i].cause),
              quality->losses[i].n, is_whole);
    count(series, CPU, "", quality->cpu_ns, is_whole);
    count(series, OWN_CPU, "", quality->own_cpu_ns, is_whole);
}

static void count_types(struct pp_metric_series *series, const struct pprofc_profile *profile,
                        bool is_whole)
{
    for (uint32_t type = 0; type < profile->n_types; type++) {
        const char *name = pp_profile_chars(profile, profile->types[type].type);
        for (size_t i = 0; i < sizeof summed / sizeof summed[0]; i++) {
            const enum metric metric = summed[i].metric;
            const bool is_exact =
                profile->heap.is_known && (metric == ALLOCATIONS || metric == ALLOCATED_BYTES);
            if (strcmp(name, summed[i].type) == 0 && !is_exact)
                count(series, metric, "", pp_profile_total(profile, type), is_whole);
        }
    }
    if (!profile->heap.is_known)
        return;
    count(series, ALLOCATIONS, "", profile->heap.n_allocs, is_whole);
    count(series, ALLOCATED_BYTES, "", profile->heap.requested_bytes, is_whole);
    count(series, FREES, "", profile->heap.n_frees, is_whole);
}

/* That of the process and kind, else the one that nothing was counted in for the longest. */
static struct pp_metric_series *find(struct pp_metric_store *store,
                                     const struct pp_export_window *window)
{
    struct pp_metric_series *oldest = &store->series[0];

    for (size_t i = 0; i < PP_MAX_SERIES; i++) {
        struct pp_metric_series *series = &store->series[i];
        if (series->used_ns != 0 && series->pid == window->pid &&
            strncmp(series->kind, window->kind, PP_KIND_BYTES - 1) == 0)
            return series;
        if (series->used_ns < oldest->used_ns)
            oldest = series;
    }
    *oldest = (struct pp_metric_series){.pid = window->pid, .start_ns = window->begin_ns};
    (void)snprintf(oldest->kind, sizeof oldest->kind, "%s", window->kind);
    return oldest;
}

struct pp_metric_series *pp_metrics_count(struct pp_metric_store *store,
                                          const struct pp_export_window *window)
{
    struct pp_metric_series *series = find(store, window);
    const struct pprofc_profile *profile = window->profile;
    /* A heap's profile may tell of all of the process's life, whatever the window. */
    const uint64_t slack_ns = (window->end_ns - window->begin_ns) / 2;
    const bool is_whole = profile->time_ns > 0 && window->end_ns > window->begin_ns &&
                          (uint64_t)profile->time_ns + slack_ns < window->begin_ns;

    if (is_whole && (uint64_t)profile->time_ns < series->start_ns)
        series->start_ns = (uint64_t)profile->time_ns;
    series->used_ns = window->end_ns;
    count_quality(series, profile, is_whole);
    count_types(series, profile, is_whole);
    return series;
}

/* ---- writing ---- */

static size_t begin_metric(struct pp_buffer *out, const char *name, const char *unit,
                           const char *description)
{
    const size_t begin = pp_wire_begin(out, SM_METRICS);

    pp_wire_put_bytes(out, M_NAME, name, strlen(name));
    pp_wire_put_bytes(out, M_DESCRIPTION, description, strlen(description));
    pp_wire_put_bytes(out, M_UNIT, unit, strlen(unit));
    return begin;
}

static size_t begin_point(struct pp_buffer *out, uint64_t start_ns, uint64_t time_ns)
{
    const size_t begin = pp_wire_begin(out, DATA_POINTS);

    pp_wire_put_fixed64(out, P_START, start_ns);
    pp_wire_put_fixed64(out, P_TIME, time_ns);
    return begin;
}

static void put_counter(struct pp_buffer *out, const struct pp_metric_series *series,
                        const struct pp_counter *counter)
{
    const size_t begin = begin_point(out, series->start_ns, series->used_ns);

    if (is_time((enum metric)counter->metric))
        pp_otlp_put_double_field(out, P_DOUBLE, (double)counter->value / 1e9);
    else
        pp_otlp_put_fixed64_field(out, P_INT, (uint64_t)counter->value);
    pp_otlp_put_text(out, P_ATTRIBUTES, "kind", series->kind);
    if (counter->cause[0] != '\0')
        pp_otlp_put_text(out, P_ATTRIBUTES, "cause", counter->cause);
    pp_wire_end(out, begin);
}

static void put_sum(struct pp_buffer *out, const struct pp_metric_series *series,
                    enum metric metric)
{
    size_t begin, begin_sum, n_points = 0;

    for (size_t i = 0; i < series->n_counters; i++)
        n_points += series->counters[i].metric == (int)metric;
    if (n_points == 0)
        return;
    begin =
        begin_metric(out, metrics[metric].name, metrics[metric].unit, metrics[metric].description);
    begin_sum = pp_wire_begin(out, M_SUM);
    for (size_t i = 0; i < series->n_counters; i++)
        if (series->counters[i].metric == (int)metric)
            put_counter(out, series, &series->counters[i]);
    pp_wire_put_integer(out, SUM_TEMPORALITY, CUMULATIVE);
    pp_wire_put_integer(out, SUM_IS_MONOTONIC, 1);
    pp_wire_end(out, begin_sum);
    pp_wire_end(out, begin);
}

/* ---- gauges: of the window ---- */

static void put_gauge(struct pp_buffer *out, const struct pp_export_window *window,
                      const char *name, const char *unit, const char *description, double value)
{
    const size_t begin = begin_metric(out, name, unit, description);
    const size_t begin_gauge = pp_wire_begin(out, M_GAUGE);
    const size_t point = begin_point(out, 0, window->end_ns);

    if (strcmp(unit, "1") == 0)
        pp_otlp_put_double_field(out, P_DOUBLE, value);
    else
        pp_otlp_put_fixed64_field(out, P_INT, (uint64_t)(int64_t)value);
    pp_wire_end(out, point);
    pp_wire_end(out, begin_gauge);
    pp_wire_end(out, begin);
}

/* Cut to its length, a name may be the same as one before: their shares are added up then, since
 * points of a metric differ in their attributes. */
static bool is_same_row(const struct pp_top_row *a, const struct pp_top_row *b)
{
    return strncmp(a->name, b->name, MAX_NAME_BYTES) == 0 &&
           strncmp(pp_profile_base_name(a->module), pp_profile_base_name(b->module),
                   MAX_NAME_BYTES) == 0;
}

static void put_function(struct pp_buffer *out, const struct pp_export_window *window,
                         const struct pp_top *top, uint32_t row)
{
    int64_t flat = 0;
    size_t point;

    for (uint32_t i = 0; i < row; i++)
        if (is_same_row(&top->rows[i], &top->rows[row]))
            return;
    for (uint32_t i = row; i < top->n_rows; i++)
        if (is_same_row(&top->rows[i], &top->rows[row]))
            flat = pp_add_values(flat, top->rows[i].flat);
    point = begin_point(out, 0, window->end_ns);
    pp_otlp_put_double_field(out, P_DOUBLE, (double)flat / (double)top->total);
    pp_otlp_put_short_text(out, P_ATTRIBUTES, "function", top->rows[row].name, MAX_NAME_BYTES);
    pp_otlp_put_short_text(out, P_ATTRIBUTES, "module", pp_profile_base_name(top->rows[row].module),
                           MAX_NAME_BYTES);
    pp_wire_end(out, point);
}

static void put_functions(struct pp_buffer *out, const struct pp_export_window *window)
{
    const struct pprofc_profile *profile = window->profile;
    const int type = pp_profile_find_type(profile, "cpu", NULL);
    struct pp_top top;
    size_t begin, begin_gauge;

    if (type < 0)
        return;
    if (pp_top_make(profile, (uint32_t)type, PP_BY_NAME, &top, NULL) != 0) {
        out->failed = true;
        return;
    }
    if (top.total > 0) {
        begin = begin_metric(out, "profiling_function_cpu_time_ratio", "1",
                             "Share of the window's CPU time spent in the function itself.");
        begin_gauge = pp_wire_begin(out, M_GAUGE);
        for (uint32_t row = 0; row < top.n_rows && row < MAX_FUNCTIONS && top.rows[row].flat > 0;
             row++)
            put_function(out, window, &top, row);
        pp_wire_end(out, begin_gauge);
        pp_wire_end(out, begin);
    }
    pp_top_done(&top);
}

static void put_heap(struct pp_buffer *out, const struct pp_export_window *window)
{
    const struct pprofc_profile *profile = window->profile;
    const struct pp_heap_memory *memory = &profile->memory;
    const int objects = pp_profile_find_type(profile, "inuse_objects", NULL);
    const int space = pp_profile_find_type(profile, "inuse_space", NULL);
    struct pp_fragmentation fragmentation;

    if (space < 0)
        return;
    put_gauge(out, window, "profiling_heap_inuse_bytes", "By", "In use, by the samples.",
              (double)pp_profile_total(profile, (uint32_t)space));
    if (objects >= 0)
        put_gauge(out, window, "profiling_heap_inuse_objects", "{object}",
                  "Objects in use, by the samples.",
                  (double)pp_profile_total(profile, (uint32_t)objects));
    if (memory->allocator == 0)
        return;
    put_gauge(out, window, "profiling_heap_resident_bytes", "By", "Of the heap in memory.",
              (double)memory->resident_bytes);
    put_gauge(out, window, "profiling_heap_held_bytes", "By",
              "That the allocator has taken from the kernel.", (double)memory->held_bytes);
    put_gauge(out, window, "profiling_heap_retained_bytes", "By",
              "Given back to the kernel, the addresses kept.", (double)memory->retained_bytes);
    if (!pp_fragmentation_make(memory, &fragmentation))
        return;
    put_gauge(out, window, "profiling_heap_external_bytes", "By",
              "Of the heap in memory, free between objects.", (double)fragmentation.external);
    if (fragmentation.internal >= 0)
        put_gauge(out, window, "profiling_heap_internal_bytes", "By",
                  "Of the objects, rounding and headers.", (double)fragmentation.internal);
    put_gauge(out, window, "profiling_heap_fragmentation_ratio", "1",
              "Of the heap in memory, what holds no object.", fragmentation.ratio);
}

/* ---- the sink itself ---- */

static void put_sent_point(struct pp_buffer *out, const struct pp_sent *sent, uint64_t time_ns,
                           const char *outcome, uint64_t n)
{
    const size_t begin = begin_point(out, sent->start_ns, time_ns);

    pp_otlp_put_fixed64_field(out, P_INT, n);
    if (outcome != NULL)
        pp_otlp_put_text(out, P_ATTRIBUTES, "outcome", outcome);
    pp_wire_end(out, begin);
}

static size_t begin_sent(struct pp_buffer *out, const char *name, const char *unit,
                         const char *description, size_t *sum_out)
{
    const size_t begin = begin_metric(out, name, unit, description);

    *sum_out = pp_wire_begin(out, M_SUM);
    return begin;
}

static void end_sent(struct pp_buffer *out, size_t begin, size_t sum)
{
    pp_wire_put_integer(out, SUM_TEMPORALITY, CUMULATIVE);
    pp_wire_put_integer(out, SUM_IS_MONOTONIC, 1);
    pp_wire_end(out, sum);
    pp_wire_end(out, begin);
}

static void put_sent(struct pp_buffer *out, const struct pp_sent *sent, uint64_t time_ns)
{
    const struct pp_sink_facts *facts = &sent->facts;
    size_t begin, sum;

    if (facts->n_taken == 0 || time_ns <= sent->start_ns)
        return;
    begin = begin_sent(out, "profiling_export_windows_total", "{window}",
                       "Windows that were given to be sent, by what became of them.", &sum);
    put_sent_point(out, sent, time_ns, "accepted", facts->n_done);
    put_sent_point(out, sent, time_ns, "refused", facts->n_refused);
    put_sent_point(out, sent, time_ns, "dropped", facts->n_dropped);
    end_sent(out, begin, sum);
    begin = begin_sent(out, "profiling_export_bytes_total", "By",
                       "Bytes of requests that were accepted.", &sum);
    put_sent_point(out, sent, time_ns, NULL, facts->bytes_done);
    end_sent(out, begin, sum);
}

void pp_otlp_metrics_put(struct pp_buffer *out, const struct pp_resource *resource,
                         const struct pp_metric_series *series,
                         const struct pp_export_window *window, const struct pp_sent *sent)
{
    const size_t n_before = out->n_bytes;
    const size_t begin = pp_wire_begin(out, REQUEST_RESOURCE_METRICS);
    size_t begin_scope, n_empty;

    pp_otlp_put_resource(out, RM_RESOURCE, resource);
    begin_scope = pp_wire_begin(out, RM_SCOPE_METRICS);
    pp_otlp_put_scope(out, SM_SCOPE, "profiling-metrics");
    n_empty = out->n_bytes;
    for (int metric = 0; metric < N_METRICS; metric++)
        put_sum(out, series, (enum metric)metric);
    put_functions(out, window);
    put_heap(out, window);
    if (sent != NULL)
        put_sent(out, sent, window->end_ns);
    if (out->n_bytes == n_empty) { /* nothing is known */
        out->n_bytes = n_before;
        return;
    }
    pp_wire_end(out, begin_scope);
    pp_wire_end(out, begin);
}
