/* /metrics, in OpenMetrics text. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "formats/recording_facts.h"
#include "formats/recording_heap.h"
#include "profile/top.h"
#include "serve/metrics_heap.h"
#include "serve/metrics_text.h"
#include "serve/metrics_windows.h"
#include "serve/routes.h"

enum { MAX_FUNCTIONS = 20, PROCESS_BYTES = 192 };

struct metrics {
    struct pp_buffer *out;
    struct pp_service *service;
    struct pprofc_profile **profiles; /* one a target, NULL where it could not be read */
    uint32_t n_profiles;
    char process[PROCESS_BYTES]; /* the labels of the process */
};

/* A family of lines. */
struct family {
    const char *name, *type, *unit, *help;
    /* One of the two: for every process, or at once. */
    void (*write)(struct metrics *, const struct family *, struct pp_served *,
                  const struct pprofc_profile *);
    void (*write_once)(struct metrics *, const struct family *);
    size_t what; /* that the writer writes */
};

static void name_process(const struct pp_served *target, char process[PROCESS_BYTES])
{
    pp_autobuffer struct pp_buffer program = PP_BUFFER_INIT;

    pp_metrics_append_value(&program, target->program);
    pp_buffer_text(&program, "");
    (void)snprintf(process, PROCESS_BYTES, "pid=\"%d\",program=\"%s\"", target->pid,
                   program.bytes != NULL ? program.bytes : "");
}

static void put_count(struct metrics *metrics, const struct family *family, uint64_t n)
{
    pp_buffer_printf(metrics->out, "%s_total{%s} %" PRIu64 "\n", family->name, metrics->process, n);
}

static void put_seconds(struct metrics *metrics, const struct family *family, int64_t time_ns)
{
    pp_buffer_printf(metrics->out, "%s_total{%s} %.6f\n", family->name, metrics->process,
                     (double)time_ns / 1e9);
}

static void write_samples(struct metrics *metrics, const struct family *family,
                          struct pp_served *target, const struct pprofc_profile *profile)
{
    (void)target;
    pp_buffer_printf(metrics->out, "%s_total{%s,kind=\"cpu\"} %lld\n", family->name,
                     metrics->process, (long long)profile->quality.n_samples);
}

static void write_losses(struct metrics *metrics, const struct family *family,
                         struct pp_served *target, const struct pprofc_profile *profile)
{
    for (uint32_t i = 0; i < profile->quality.n_losses; i++)
        pp_buffer_printf(metrics->out, "%s_total{%s,cause=\"%s\"} %lld\n", family->name,
                         metrics->process,
                         pp_profile_chars(profile, profile->quality.losses[i].cause),
                         (long long)profile->quality.losses[i].n);
    for (int cause = PP_LOSS_HEAP_OBJECT; cause <= PP_LOSS_HEAP_STACK; cause++) {
        const uint64_t n = atomic_load(&pp_served_header(target)->losses[cause]);
        if (n > 0)
            pp_buffer_printf(metrics->out, "%s_total{%s,cause=\"%s\"} %llu\n", family->name,
                             metrics->process, pp_recorded_loss_name(cause), (unsigned long long)n);
    }
}

static void write_cpu(struct metrics *metrics, const struct family *family,
                      struct pp_served *target, const struct pprofc_profile *profile)
{
    (void)target;
    put_seconds(metrics, family, profile->quality.cpu_ns);
}

static void write_own_cpu(struct metrics *metrics, const struct family *family,
                          struct pp_served *target, const struct pprofc_profile *profile)
{
    (void)target;
    put_seconds(metrics, family, profile->quality.own_cpu_ns);
}

static void write_rate(struct metrics *metrics, const struct family *family,
                       struct pp_served *target, const struct pprofc_profile *profile)
{
    const struct pp_rec_header *header = pp_served_header(target);
    const bool is_sampling = atomic_load(&header->state) == PP_REC_RUNNING;

    (void)profile;
    pp_buffer_printf(metrics->out, "%s{%s} %g\n", family->name, metrics->process,
                     is_sampling ? (double)atomic_load(&header->rate_millihertz) / 1000 : 0);
}

static void write_budget(struct metrics *metrics, const struct family *family,
                         struct pp_served *target, const struct pprofc_profile *profile)
{
    const uint64_t share_ppm = atomic_load(&pp_served_header(target)->budget.share_ppm);

    (void)profile;
    if (share_ppm > 0)
        pp_buffer_printf(metrics->out, "%s{%s} %g\n", family->name, metrics->process,
                         (double)share_ppm / 1e6);
}

static void write_budget_changes(struct metrics *metrics, const struct family *family,
                                 struct pp_served *target, const struct pprofc_profile *profile)
{
    const struct pp_rec_budget *budget = &pp_served_header(target)->budget;

    (void)profile;
    if (atomic_load(&budget->share_ppm) == 0)
        return;
    pp_buffer_printf(metrics->out, "%s_total{%s,direction=\"down\"} %u\n", family->name,
                     metrics->process, atomic_load(&budget->n_lowered));
    pp_buffer_printf(metrics->out, "%s_total{%s,direction=\"up\"} %u\n", family->name,
                     metrics->process, atomic_load(&budget->n_raised));
}

/* ---- the heap: of processes that measure it ---- */

/* 'what': the offset of its counter in the recording's header. */
static void write_heap_count(struct metrics *metrics, const struct family *family,
                             struct pp_served *target, const struct pprofc_profile *profile)
{
    const char *header = (const char *)pp_served_header(target);

    (void)profile;
    if (pp_served_has_heap(target))
        put_count(metrics, family,
                  atomic_load((const _Atomic uint64_t *)(const void *)(header + family->what)));
}

/* What the program mapped by itself, where that is followed. */
static void write_mapping_count(struct metrics *metrics, const struct family *family,
                                struct pp_served *target, const struct pprofc_profile *profile)
{
    if (atomic_load(&pp_served_header(target)->heap.mappings.are_followed) != 0)
        write_heap_count(metrics, family, target, profile);
}

/* Where they were asked for: else they are not known. */
static void write_usable(struct metrics *metrics, const struct family *family,
                         struct pp_served *target, const struct pprofc_profile *profile)
{
    const struct pp_rec_heap *heap = &pp_served_header(target)->heap;

    if ((atomic_load(&heap->options) & PP_HEAP_COUNTS_USABLE) != 0)
        write_heap_count(metrics, family, target, profile);
}

/* ---- waits and locks: of processes that follow them; exact, as of the helper's last turn ---- */

/* 'what' of these: the offset of a figure in the sum of all threads. */
static int64_t figure_of_all(const struct family *family, const struct pprofc_profile *profile)
{
    int64_t value;

    memcpy(&value, (const char *)&profile->waits.all + family->what, sizeof value);
    return value;
}

static void write_lock_count(struct metrics *metrics, const struct family *family,
                             struct pp_served *target, const struct pprofc_profile *profile)
{
    (void)target;
    if (profile->waits.is_known)
        put_count(metrics, family, (uint64_t)figure_of_all(family, profile));
}

static void write_lock_seconds(struct metrics *metrics, const struct family *family,
                               struct pp_served *target, const struct pprofc_profile *profile)
{
    (void)target;
    if (profile->waits.is_known)
        put_seconds(metrics, family, figure_of_all(family, profile));
}

/* Where locks alone are followed, nobody knows how long threads were there. */
static bool has_times(const struct pprofc_profile *profile)
{
    return profile->waits.is_known && profile->waits.all.wall_ns != 0;
}

static void write_wait_count(struct metrics *metrics, const struct family *family,
                             struct pp_served *target, const struct pprofc_profile *profile)
{
    if (has_times(profile))
        write_lock_count(metrics, family, target, profile);
}

static void write_wait_seconds(struct metrics *metrics, const struct family *family,
                               struct pp_served *target, const struct pprofc_profile *profile)
{
    if (has_times(profile))
        write_lock_seconds(metrics, family, target, profile);
}

static void write_thread_seconds(struct metrics *metrics, const struct family *family,
                                 struct pp_served *target, const struct pprofc_profile *profile)
{
    const struct pp_wait_thread *all = &profile->waits.all;
    const struct {
        const char *name;
        int64_t time_ns;
    } states[] = {
        {"running", all->cpu_ns},
        {"blocked", all->blocked_ns},
        {"run_queue", all->run_queue_ns},
        {"unattributed", all->unattributed_ns},
    };

    (void)target;
    for (size_t i = 0; i < sizeof states / sizeof states[0] && has_times(profile); i++)
        pp_buffer_printf(metrics->out, "%s_total{%s,state=\"%s\"} %.6f\n", family->name,
                         metrics->process, states[i].name, (double)states[i].time_ns / 1e9);
}

/* ---- functions ---- */

static void write_functions(struct pp_buffer *out, const char *process,
                            const struct pprofc_profile *profile)
{
    struct pp_top top;

    if (pp_top_make(profile, profile->default_type, PP_BY_FUNCTION, &top, NULL) != 0)
        return;
    for (uint32_t i = 0; i < top.n_rows && i < MAX_FUNCTIONS && top.total > 0; i++) {
        pp_buffer_printf(out, "profiling_function_cpu_time_ratio{%s,function=\"", process);
        pp_metrics_append_value(out, top.rows[i].name);
        pp_buffer_printf(out, "\"} %.6f\n", (double)top.rows[i].flat / (double)top.total);
    }
    pp_top_done(&top);
}

static void make_functions(struct pp_service *service, struct pp_buffer *out)
{
    const uint32_t n = atomic_load(&service->n_targets);

    for (uint32_t i = 0; i < n; i++) {
        struct pprofc_profile *profile = NULL;
        char process[PROCESS_BYTES];
        if (pp_service_whole(service, service->targets[i], PP_FAMILY_CPU, false, &profile, NULL) !=
            0)
            continue;
        name_process(service->targets[i], process);
        write_functions(out, process, profile);
        pprofc_profile_free(profile);
    }
}

static void write_all_functions(struct metrics *metrics, const struct family *family)
{
    (void)family;
    pp_hot_functions_append(metrics->service, make_functions, metrics->out);
}

static void write_queue(struct metrics *metrics, const struct family *family)
{
    pp_buffer_printf(metrics->out, "%s{queue=\"profiles\"} %d\n", family->name,
                     atomic_load(&metrics->service->n_waiting));
}

/* 'what': enum pp_windows_metric. */
static void write_windows(struct metrics *metrics, const struct family *family)
{
    pp_metrics_windows_write(metrics->service, (enum pp_windows_metric)family->what, metrics->out);
}

/* Each is written for every process, or at once. */
#define HEADER(member) offsetof(struct pp_rec_header, member)
#define ALL(member) offsetof(struct pp_wait_thread, member)

static const struct family families[] = {
    {"profiling_samples", "counter", "", "Samples taken.", write_samples, NULL, 0},
    {"profiling_lost_samples", "counter", "", "Samples that are in no stack, by cause.",
     write_losses, NULL, 0},
    {"profiling_process_cpu_seconds", "counter", "seconds",
     "CPU time of the process while it was profiled, by the kernel's clock.", write_cpu, NULL, 0},
    {"profiling_own_cpu_seconds", "counter", "seconds",
     "CPU time that profiling took of the process.", write_own_cpu, NULL, 0},
    {"profiling_frequency_hertz", "gauge", "hertz",
     "Samples a CPU second asked for now; 0: paused or ended.", write_rate, NULL, 0},
    {"profiling_budget_ratio", "gauge", "ratio",
     "What profiling may cost of the program's CPU time, where there is a budget.", write_budget,
     NULL, 0},
    {"profiling_budget_changes", "counter", "",
     "Times that the budget has lowered or raised what is sampled.", write_budget_changes, NULL, 0},
    {"profiling_allocations", "counter", "", "Calls that allocated memory, exactly.",
     write_heap_count, NULL, HEADER(heap.n_allocs)},
    {"profiling_reallocations", "counter", "",
     "Calls of realloc for memory that was there, exactly.", write_heap_count, NULL,
     HEADER(heap.n_reallocs)},
    {"profiling_frees", "counter", "", "Calls that freed memory, exactly.", write_heap_count, NULL,
     HEADER(heap.n_frees)},
    {"profiling_requested_bytes", "counter", "bytes", "Bytes that were asked for, exactly.",
     write_heap_count, NULL, HEADER(heap.requested_bytes)},
    {"profiling_maps", "counter", "", "Anonymous mappings made by the program itself, exactly.",
     write_mapping_count, NULL, HEADER(heap.mappings.n_maps)},
    {"profiling_mapped_bytes", "counter", "bytes", "Bytes of those, exactly.", write_mapping_count,
     NULL, HEADER(heap.mappings.mapped_bytes)},
    {"profiling_unmapped_bytes", "counter", "bytes",
     "Bytes that the program unmapped, whatever lay there, exactly.", write_mapping_count, NULL,
     HEADER(heap.mappings.unmapped_bytes)},
    {"profiling_usable_allocated_bytes", "counter", "bytes",
     "Usable bytes of what was allocated, exactly, where they are counted.", write_usable, NULL,
     HEADER(heap.usable_allocated_bytes)},
    {"profiling_usable_freed_bytes", "counter", "bytes",
     "Usable bytes of what was freed, exactly, where they are counted.", write_usable, NULL,
     HEADER(heap.usable_freed_bytes)},
    {"profiling_thread_seconds", "counter", "seconds",
     "Time of all threads by what they did, exactly.", write_thread_seconds, NULL, 0},
    {"profiling_throttled_seconds", "counter", "seconds",
     "Of run_queue while the control group had used up its share of CPU.", write_wait_seconds, NULL,
     ALL(throttled_ns)},
    {"profiling_offcpu_waits", "counter", "", "Waits in calls of libc, exactly.", write_wait_count,
     NULL, ALL(n_waits)},
    {"profiling_offcpu_wait_seconds", "counter", "seconds",
     "Time in waits, without that for a CPU, exactly.", write_wait_seconds, NULL, ALL(blocked_ns)},
    {"profiling_lock_contentions", "counter", "", "Waits for locks, exactly.", write_lock_count,
     NULL, ALL(n_contentions)},
    {"profiling_lock_wait_seconds", "counter", "seconds", "How long those took, exactly.",
     write_lock_seconds, NULL, ALL(delay_ns)},
    {"profiling_function_cpu_time_ratio", "gauge", "ratio",
     "Share of the CPU time recorded that was spent in the function itself; the first 20.", NULL,
     write_all_functions, 0},
    {"profiling_queue_depth", "gauge", "",
     "Requests that wait for what is being sampled, or looked for; 32 at most.", NULL, write_queue,
     0},
    {"profiling_windows", "counter", "",
     "Windows of continuous mode; missed: the process did not answer, or there was no memory.",
     NULL, write_windows, PP_METRIC_WINDOWS},
    {"profiling_flight_bundles", "counter", "",
     "Of the flight recorder; held_back: too soon after the one before.", NULL, write_windows,
     PP_METRIC_FLIGHTS},
    {"profiling_exported_windows", "counter", "",
     "By where windows go, and what became of them there.", NULL, write_windows, PP_METRIC_EXPORTS},
    {"profiling_exported_bytes", "counter", "bytes", "Stored, or sent and accepted.", NULL,
     write_windows, PP_METRIC_EXPORTED_BYTES},
    {"profiling_export_queue_depth", "gauge", "", "Windows that wait to be sent.", NULL,
     write_windows, PP_METRIC_EXPORT_QUEUES},
};

/* By enum pp_heap_metric; all are gauges, and written for every process. */
static const struct {
    const char *name, *unit, *help;
} heap_families[] = {
    [PP_METRIC_HEAP_OBJECTS] = {"profiling_heap_object_bytes", "bytes",
                                "In objects of the program, by its allocator's word."},
    [PP_METRIC_HEAP_RESIDENT] = {"profiling_heap_resident_bytes", "bytes",
                                 "Of the heap in memory; what is more than its objects is "
                                 "fragmentation."},
    [PP_METRIC_HEAP_HELD] = {"profiling_heap_held_bytes", "bytes",
                             "That the allocator has taken from the kernel."},
    [PP_METRIC_HEAP_RETAINED] = {"profiling_heap_retained_bytes", "bytes",
                                 "That it has given back, the addresses kept."},
    [PP_METRIC_HEAP_EXTERNAL] = {"profiling_heap_external_bytes", "bytes",
                                 "Of the heap in memory, free between objects."},
    [PP_METRIC_HEAP_INTERNAL] = {"profiling_heap_internal_bytes", "bytes",
                                 "Of the objects, rounding and headers, by the samples."},
    [PP_METRIC_HEAP_FRAGMENTATION] = {"profiling_heap_fragmentation_ratio", "ratio",
                                      "Of the heap in memory, the share that is in no object."},
};

static void write_head(struct pp_buffer *out, const char *name, const char *type, const char *unit,
                       const char *help)
{
    pp_buffer_printf(out, "# TYPE %s %s\n", name, type);
    if (unit[0] != '\0')
        pp_buffer_printf(out, "# UNIT %s %s\n", name, unit);
    pp_buffer_printf(out, "# HELP %s %s\n", name, help);
}

static void write_heaps(struct metrics *metrics)
{
    for (size_t i = 0; i < sizeof heap_families / sizeof heap_families[0]; i++) {
        write_head(metrics->out, heap_families[i].name, "gauge", heap_families[i].unit,
                   heap_families[i].help);
        for (uint32_t k = 0; k < metrics->n_profiles; k++) {
            struct pp_served *target = metrics->service->targets[k];
            if (metrics->profiles[k] == NULL)
                continue;
            name_process(target, metrics->process);
            pp_metrics_heap_write(target, (enum pp_heap_metric)i, heap_families[i].name,
                                  metrics->process, metrics->out);
        }
    }
}

static void write_all(struct metrics *metrics)
{
    write_heaps(metrics);
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        write_head(metrics->out, families[i].name, families[i].type, families[i].unit,
                   families[i].help);
        if (families[i].write_once != NULL)
            families[i].write_once(metrics, &families[i]);
        for (uint32_t k = 0; k < metrics->n_profiles && families[i].write != NULL; k++) {
            if (metrics->profiles[k] == NULL)
                continue;
            name_process(metrics->service->targets[k], metrics->process);
            families[i].write(metrics, &families[i], metrics->service->targets[k],
                              metrics->profiles[k]);
        }
    }
    pp_buffer_text(metrics->out, "# EOF\n");
}

void pp_route_metrics(struct pp_call *call)
{
    struct metrics metrics = {.out = &call->answer->body,
                              .service = call->service,
                              .n_profiles = atomic_load(&call->service->n_targets)};
    pp_autofree struct pprofc_profile **profiles = calloc(metrics.n_profiles, sizeof *profiles);

    if (profiles == NULL) {
        pp_http_error(call->answer, 500, "no memory for the metrics");
        return;
    }
    metrics.profiles = profiles;
    for (uint32_t i = 0; i < metrics.n_profiles; i++)
        if (pp_service_facts(call->service->targets[i], &profiles[i], NULL) != 0)
            profiles[i] = NULL;
    call->answer->status = 200;
    call->answer->content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    write_all(&metrics);
    for (uint32_t i = 0; i < metrics.n_profiles; i++)
        pprofc_profile_free(profiles[i]);
}
