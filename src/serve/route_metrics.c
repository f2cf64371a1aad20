/* /metrics, in OpenMetrics text. */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "base/memory.h"
#include "formats/recording_facts.h"
#include "formats/recording_heap.h"
#include "profile/top.h"
#include "serve/metrics_windows.h"
#include "serve/routes.h"

enum { MAX_FUNCTIONS = 20, MAX_NAME_BYTES = 120, PROCESS_BYTES = 192 };

struct metrics {
    struct pp_buffer *out;
    struct pp_service *service;
    struct pprofc_profile **profiles; /* one a target, NULL where it could not be read */
    uint32_t n_profiles;
    char process[PROCESS_BYTES]; /* the labels of the process */
};

/* A label's value: what would end it is escaped, what is no UTF-8 becomes '?'. */
static void append_value(struct pp_buffer *out, const char *text)
{
    const size_t n_bytes = strlen(text);
    size_t n;

    for (size_t i = 0; i < n_bytes && i < MAX_NAME_BYTES; i += n) {
        n = pp_utf8_length(text + i, n_bytes - i);
        if (n == 0 || i + n > MAX_NAME_BYTES) {
            pp_buffer_text(out, "?");
            n = 1;
        } else if (text[i] == '\\' || text[i] == '"') {
            pp_buffer_printf(out, "\\%c", text[i]);
        } else if (text[i] == '\n') {
            pp_buffer_text(out, "\\n");
        } else {
            pp_buffer_append(out, text + i, n);
        }
    }
}

static void name_process(const struct pp_served *target, char process[PROCESS_BYTES])
{
    pp_autobuffer struct pp_buffer program = PP_BUFFER_INIT;

    append_value(&program, target->program);
    pp_buffer_text(&program, "");
    (void)snprintf(process, PROCESS_BYTES, "pid=\"%d\",program=\"%s\"", target->pid,
                   program.bytes != NULL ? program.bytes : "");
}

static void each(struct metrics *metrics,
                 void (*write)(struct metrics *, struct pp_served *, const struct pprofc_profile *))
{
    for (uint32_t i = 0; i < metrics->n_profiles; i++) {
        struct pp_served *target = metrics->service->targets[i];
        if (metrics->profiles[i] == NULL)
            continue;
        name_process(target, metrics->process);
        write(metrics, target, metrics->profiles[i]);
    }
}

static void write_samples(struct metrics *metrics, struct pp_served *target,
                          const struct pprofc_profile *profile)
{
    (void)target;
    pp_buffer_printf(metrics->out, "profiling_samples_total{%s,kind=\"cpu\"} %lld\n",
                     metrics->process, (long long)profile->quality.n_samples);
}

static void write_losses(struct metrics *metrics, struct pp_served *target,
                         const struct pprofc_profile *profile)
{
    for (uint32_t i = 0; i < profile->quality.n_losses; i++)
        pp_buffer_printf(metrics->out, "profiling_lost_samples_total{%s,cause=\"%s\"} %lld\n",
                         metrics->process,
                         pp_profile_chars(profile, profile->quality.losses[i].cause),
                         (long long)profile->quality.losses[i].n);
    for (int cause = PP_LOSS_HEAP_OBJECT; cause <= PP_LOSS_HEAP_STACK; cause++) {
        const uint64_t n = atomic_load(&pp_served_header(target)->losses[cause]);
        if (n > 0)
            pp_buffer_printf(metrics->out, "profiling_lost_samples_total{%s,cause=\"%s\"} %llu\n",
                             metrics->process, pp_recorded_loss_name(cause), (unsigned long long)n);
    }
}

static void write_cpu(struct metrics *metrics, struct pp_served *target,
                      const struct pprofc_profile *profile)
{
    (void)target;
    pp_buffer_printf(metrics->out, "profiling_process_cpu_seconds_total{%s} %.6f\n",
                     metrics->process, (double)profile->quality.cpu_ns / 1e9);
}

static void write_own_cpu(struct metrics *metrics, struct pp_served *target,
                          const struct pprofc_profile *profile)
{
    (void)target;
    pp_buffer_printf(metrics->out, "profiling_own_cpu_seconds_total{%s} %.6f\n", metrics->process,
                     (double)profile->quality.own_cpu_ns / 1e9);
}

static void write_rate(struct metrics *metrics, struct pp_served *target,
                       const struct pprofc_profile *profile)
{
    const struct pp_rec_header *header = pp_served_header(target);
    const bool is_sampling = atomic_load(&header->state) == PP_REC_RUNNING;

    (void)profile;
    pp_buffer_printf(metrics->out, "profiling_frequency_hertz{%s} %g\n", metrics->process,
                     is_sampling ? (double)atomic_load(&header->rate_millihertz) / 1000 : 0);
}

static void write_budget(struct metrics *metrics, struct pp_served *target,
                         const struct pprofc_profile *profile)
{
    const uint64_t share_ppm = atomic_load(&pp_served_header(target)->budget.share_ppm);

    (void)profile;
    if (share_ppm > 0)
        pp_buffer_printf(metrics->out, "profiling_budget_ratio{%s} %g\n", metrics->process,
                         (double)share_ppm / 1e6);
}

static void write_budget_changes(struct metrics *metrics, struct pp_served *target,
                                 const struct pprofc_profile *profile)
{
    const struct pp_rec_budget *budget = &pp_served_header(target)->budget;

    (void)profile;
    if (atomic_load(&budget->share_ppm) == 0)
        return;
    pp_buffer_printf(metrics->out, "profiling_budget_changes_total{%s,direction=\"down\"} %u\n",
                     metrics->process, atomic_load(&budget->n_lowered));
    pp_buffer_printf(metrics->out, "profiling_budget_changes_total{%s,direction=\"up\"} %u\n",
                     metrics->process, atomic_load(&budget->n_raised));
}

/* ---- the heap: of processes that measure it ---- */

static void write_heap_count(struct metrics *metrics, struct pp_served *target, const char *name,
                             uint64_t count)
{
    if (pp_served_has_heap(target))
        pp_buffer_printf(metrics->out, "%s{%s} %llu\n", name, metrics->process,
                         (unsigned long long)count);
}

static void write_allocations(struct metrics *metrics, struct pp_served *target,
                              const struct pprofc_profile *profile)
{
    const struct pp_rec_heap *heap = &pp_served_header(target)->heap;

    (void)profile;
    write_heap_count(metrics, target, "profiling_allocations_total", atomic_load(&heap->n_allocs));
}

static void write_reallocations(struct metrics *metrics, struct pp_served *target,
                                const struct pprofc_profile *profile)
{
    const struct pp_rec_heap *heap = &pp_served_header(target)->heap;

    (void)profile;
    write_heap_count(metrics, target, "profiling_reallocations_total",
                     atomic_load(&heap->n_reallocs));
}

static void write_frees(struct metrics *metrics, struct pp_served *target,
                        const struct pprofc_profile *profile)
{
    const struct pp_rec_heap *heap = &pp_served_header(target)->heap;

    (void)profile;
    write_heap_count(metrics, target, "profiling_frees_total", atomic_load(&heap->n_frees));
}

static void write_requested(struct metrics *metrics, struct pp_served *target,
                            const struct pprofc_profile *profile)
{
    const struct pp_rec_heap *heap = &pp_served_header(target)->heap;

    (void)profile;
    write_heap_count(metrics, target, "profiling_requested_bytes_total",
                     atomic_load(&heap->requested_bytes));
}

/* What the program mapped by itself, where that is followed. */
static void write_mapping_count(struct metrics *metrics, struct pp_served *target, const char *name,
                                uint64_t count)
{
    if (atomic_load(&pp_served_header(target)->heap.mappings.are_followed) != 0)
        write_heap_count(metrics, target, name, count);
}

static void write_maps(struct metrics *metrics, struct pp_served *target,
                       const struct pprofc_profile *profile)
{
    (void)profile;
    write_mapping_count(metrics, target, "profiling_maps_total",
                        atomic_load(&pp_served_header(target)->heap.mappings.n_maps));
}

static void write_mapped(struct metrics *metrics, struct pp_served *target,
                         const struct pprofc_profile *profile)
{
    (void)profile;
    write_mapping_count(metrics, target, "profiling_mapped_bytes_total",
                        atomic_load(&pp_served_header(target)->heap.mappings.mapped_bytes));
}

static void write_unmapped(struct metrics *metrics, struct pp_served *target,
                           const struct pprofc_profile *profile)
{
    (void)profile;
    write_mapping_count(metrics, target, "profiling_unmapped_bytes_total",
                        atomic_load(&pp_served_header(target)->heap.mappings.unmapped_bytes));
}

/* Where they were asked for: else they are not known. */
static void write_usable(struct metrics *metrics, struct pp_served *target, const char *name,
                         uint64_t n_bytes)
{
    const struct pp_rec_heap *heap = &pp_served_header(target)->heap;

    if ((atomic_load(&heap->options) & PP_HEAP_COUNTS_USABLE) != 0)
        write_heap_count(metrics, target, name, n_bytes);
}

static void write_usable_allocated(struct metrics *metrics, struct pp_served *target,
                                   const struct pprofc_profile *profile)
{
    (void)profile;
    write_usable(metrics, target, "profiling_usable_allocated_bytes_total",
                 atomic_load(&pp_served_header(target)->heap.usable_allocated_bytes));
}

static void write_usable_freed(struct metrics *metrics, struct pp_served *target,
                               const struct pprofc_profile *profile)
{
    (void)profile;
    write_usable(metrics, target, "profiling_usable_freed_bytes_total",
                 atomic_load(&pp_served_header(target)->heap.usable_freed_bytes));
}

/* The allocator's own figures, where it has been asked for them. */
static void write_memory_bytes(struct metrics *metrics, const char *name, int64_t n_bytes)
{
    if (n_bytes >= 0)
        pp_buffer_printf(metrics->out, "%s{%s} %lld\n", name, metrics->process, (long long)n_bytes);
}

static bool memory_of(struct pp_served *target, struct pp_heap_memory *memory_out)
{
    return pp_served_has_heap(target) && pp_recorded_memory(pp_served_header(target), memory_out);
}

static void write_objects(struct metrics *metrics, struct pp_served *target,
                          const struct pprofc_profile *profile)
{
    struct pp_heap_memory memory;

    (void)profile;
    if (memory_of(target, &memory))
        write_memory_bytes(metrics, "profiling_heap_object_bytes", memory.object_bytes);
}

static void write_resident(struct metrics *metrics, struct pp_served *target,
                           const struct pprofc_profile *profile)
{
    struct pp_heap_memory memory;

    (void)profile;
    if (memory_of(target, &memory))
        write_memory_bytes(metrics, "profiling_heap_resident_bytes", memory.resident_bytes);
}

static void write_held(struct metrics *metrics, struct pp_served *target,
                       const struct pprofc_profile *profile)
{
    struct pp_heap_memory memory;

    (void)profile;
    if (memory_of(target, &memory))
        write_memory_bytes(metrics, "profiling_heap_held_bytes", memory.held_bytes);
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
        append_value(out, top.rows[i].name);
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

static void write_all_functions(struct metrics *metrics)
{
    pp_hot_functions_append(metrics->service, make_functions, metrics->out);
}

static void write_queue(struct metrics *metrics)
{
    pp_buffer_printf(metrics->out, "profiling_queue_depth{queue=\"profiles\"} %d\n",
                     atomic_load(&metrics->service->n_waiting));
}

static void write_windows(struct metrics *metrics)
{
    pp_metrics_windows_write(metrics->service, PP_METRIC_WINDOWS, metrics->out);
}

static void write_flights(struct metrics *metrics)
{
    pp_metrics_windows_write(metrics->service, PP_METRIC_FLIGHTS, metrics->out);
}

static void write_exports(struct metrics *metrics)
{
    pp_metrics_windows_write(metrics->service, PP_METRIC_EXPORTS, metrics->out);
}

static void write_exported_bytes(struct metrics *metrics)
{
    pp_metrics_windows_write(metrics->service, PP_METRIC_EXPORTED_BYTES, metrics->out);
}

static void write_export_queues(struct metrics *metrics)
{
    pp_metrics_windows_write(metrics->service, PP_METRIC_EXPORT_QUEUES, metrics->out);
}

/* Each is written for every process, or at once. */
static const struct {
    const char *name, *type, *unit, *help;
    void (*write)(struct metrics *, struct pp_served *, const struct pprofc_profile *);
    void (*write_once)(struct metrics *);
} families[] = {
    {"profiling_samples", "counter", "", "Samples taken.", write_samples, NULL},
    {"profiling_lost_samples", "counter", "", "Samples that are in no stack, by cause.",
     write_losses, NULL},
    {"profiling_process_cpu_seconds", "counter", "seconds",
     "CPU time of the process while it was profiled, by the kernel's clock.", write_cpu, NULL},
    {"profiling_own_cpu_seconds", "counter", "seconds",
     "CPU time that profiling took of the process.", write_own_cpu, NULL},
    {"profiling_frequency_hertz", "gauge", "hertz",
     "Samples a CPU second asked for now; 0: paused or ended.", write_rate, NULL},
    {"profiling_budget_ratio", "gauge", "ratio",
     "What profiling may cost of the program's CPU time, where there is a budget.", write_budget,
     NULL},
    {"profiling_budget_changes", "counter", "",
     "Times that the budget has lowered or raised what is sampled.", write_budget_changes, NULL},
    {"profiling_allocations", "counter", "", "Calls that allocated memory, exactly.",
     write_allocations, NULL},
    {"profiling_reallocations", "counter", "",
     "Calls of realloc for memory that was there, exactly.", write_reallocations, NULL},
    {"profiling_frees", "counter", "", "Calls that freed memory, exactly.", write_frees, NULL},
    {"profiling_requested_bytes", "counter", "bytes", "Bytes that were asked for, exactly.",
     write_requested, NULL},
    {"profiling_maps", "counter", "", "Anonymous mappings made by the program itself, exactly.",
     write_maps, NULL},
    {"profiling_mapped_bytes", "counter", "bytes", "Bytes of those, exactly.", write_mapped, NULL},
    {"profiling_unmapped_bytes", "counter", "bytes",
     "Bytes that the program unmapped, whatever lay there, exactly.", write_unmapped, NULL},
    {"profiling_usable_allocated_bytes", "counter", "bytes",
     "Usable bytes of what was allocated, exactly, where they are counted.", write_usable_allocated,
     NULL},
    {"profiling_usable_freed_bytes", "counter", "bytes",
     "Usable bytes of what was freed, exactly, where they are counted.", write_usable_freed, NULL},
    {"profiling_heap_object_bytes", "gauge", "bytes",
     "In objects of the program, by its allocator's word.", write_objects, NULL},
    {"profiling_heap_resident_bytes", "gauge", "bytes",
     "Of the heap in memory; what is more than its objects is fragmentation.", write_resident,
     NULL},
    {"profiling_heap_held_bytes", "gauge", "bytes", "That the allocator has taken from the kernel.",
     write_held, NULL},
    {"profiling_function_cpu_time_ratio", "gauge", "ratio",
     "Share of the CPU time recorded that was spent in the function itself; the first 20.", NULL,
     write_all_functions},
    {"profiling_queue_depth", "gauge", "",
     "Requests that wait for what is being sampled, or looked for; 32 at most.", NULL, write_queue},
    {"profiling_windows", "counter", "",
     "Windows of continuous mode; missed: the process did not answer, or there was no memory.",
     NULL, write_windows},
    {"profiling_flight_bundles", "counter", "",
     "Of the flight recorder; held_back: too soon after the one before.", NULL, write_flights},
    {"profiling_exported_windows", "counter", "",
     "By where windows go, and what became of them there.", NULL, write_exports},
    {"profiling_exported_bytes", "counter", "bytes", "Stored, or sent and accepted.", NULL,
     write_exported_bytes},
    {"profiling_export_queue_depth", "gauge", "", "Windows that wait to be sent.", NULL,
     write_export_queues},
};

static void write_all(struct metrics *metrics)
{
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        const char *name = families[i].name;
        pp_buffer_printf(metrics->out, "# TYPE %s %s\n", name, families[i].type);
        if (families[i].unit[0] != '\0')
            pp_buffer_printf(metrics->out, "# UNIT %s %s\n", name, families[i].unit);
        pp_buffer_printf(metrics->out, "# HELP %s %s\n", name, families[i].help);
        if (families[i].write != NULL)
            each(metrics, families[i].write);
        else
            families[i].write_once(metrics);
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
