/* Bundles. */
#include "serve/flight.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/json_writer.h"
#include "base/memory.h"
#include "export/directory.h"
#include "formats/encode.h"
#include "views/thread_stacks.h"

static uint64_t real_ns(void)
{
    struct timespec now = {0, 0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---- the bundle's parts ---- */

struct parts {
    struct pp_buffer cpu, picture, stacks, heap, facts;
    char missing[3][128]; /* why a part is not there */
    uint32_t n_missing;
};

static void parts_done(struct parts *parts)
{
    pp_buffer_done(&parts->cpu);
    pp_buffer_done(&parts->picture);
    pp_buffer_done(&parts->stacks);
    pp_buffer_done(&parts->heap);
    pp_buffer_done(&parts->facts);
}

static void note_missing(struct parts *parts, const char *part, const struct pprofc_error *err)
{
    (void)snprintf(parts->missing[parts->n_missing], sizeof parts->missing[0], "%s: %.110s", part,
                   err->message);
    parts->n_missing++;
}

static void make_cpu(const struct pp_flight_ring *ring, struct parts *parts)
{
    struct pprofc_profile *all = pp_profile_new();
    struct pprofc_error err;
    int status =
        all == NULL ? pp_fail(&err, -ENOMEM, 0, "no memory") : pp_flight_ring_sum(ring, all, &err);

    if (status == 0)
        status = pp_encode_profile(all, PP_FORMAT_SVG, all->default_type, &parts->picture, &err);
    if (status == 0)
        status = pp_encode_profile(all, PP_FORMAT_PPROF, all->default_type, &parts->cpu, &err);
    pprofc_profile_free(all);
    if (status != 0)
        note_missing(parts, "cpu", &err);
}

static void make_stacks(struct pp_service *service, struct pp_served *target, struct parts *parts)
{
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;
    int status = pp_service_threads(service, target, &profile, &err);

    if (status == 0)
        status = pp_thread_stacks_write(profile, &parts->stacks, &err);
    pprofc_profile_free(profile);
    if (status != 0)
        note_missing(parts, "stacks", &err);
}

static void make_heap(struct pp_service *service, struct pp_served *target, struct parts *parts)
{
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;
    int status;

    if (!pp_served_has_heap(target))
        return;
    status = pp_service_whole(service, target, PP_FAMILY_HEAP, true, &profile, &err);
    if (status == 0)
        status =
            pp_encode_profile(profile, PP_FORMAT_PPROF, profile->default_type, &parts->heap, &err);
    pprofc_profile_free(profile);
    if (status != 0)
        note_missing(parts, "heap", &err);
}

static void put_known(struct pp_json *json, const char *key, double value)
{
    if (value < 0)
        pp_json_null(json, key);
    else
        pp_json_number(json, key, value);
}

static void put_bytes(struct pp_json *json, const char *key, int64_t n_bytes)
{
    if (n_bytes < 0)
        pp_json_null(json, key);
    else
        pp_json_integer(json, key, n_bytes);
}

static void put_values(struct pp_json *json, const struct pp_trigger_values *values)
{
    pp_json_begin_object(json, "seen");
    put_known(json, "cpu_ratio", values->cpu_ratio);
    put_bytes(json, "memory_bytes", values->memory_bytes);
    put_bytes(json, "group_bytes", values->group_bytes);
    put_bytes(json, "group_max_bytes", values->group_max_bytes);
    put_known(json, "memory_share", values->memory_share);
    put_known(json, "pressure", values->pressure);
    pp_json_text(json, "pressure_of", values->pressure_of);
    pp_json_end_object(json);
}

static void put_limits(struct pp_json *json, const struct pp_triggers *triggers)
{
    pp_json_begin_object(json, "limits");
    put_known(json, "cpu_ratio", triggers->cpu_ratio > 0 ? triggers->cpu_ratio : -1);
    put_bytes(json, "memory_bytes",
              triggers->memory_bytes > 0 ? (int64_t)triggers->memory_bytes : -1);
    put_known(json, "memory_share", triggers->memory_share > 0 ? triggers->memory_share : -1);
    put_known(json, "pressure", triggers->pressure > 0 ? triggers->pressure : -1);
    put_known(json, "every_s", (double)triggers->every_ns / 1e9);
    pp_json_end_object(json);
}

static void make_facts(const struct pp_served *target, const struct pp_flight_ring *ring,
                       const struct pp_triggers *triggers, const struct pp_flight_cause *cause,
                       uint64_t now_ns, struct parts *parts)
{
    struct pp_json json = {.out = &parts->facts};
    int64_t n_windows = 0;

    for (size_t i = 0; i < ring->n_windows; i++)
        n_windows += (int64_t)ring->windows[i].n_together;

    pp_json_begin_object(&json, NULL);
    pp_json_text(&json, "trigger", cause->trigger);
    pp_json_integer(&json, "time_s", (int64_t)(now_ns / 1000000000));
    pp_json_text(&json, "program", target->program);
    pp_json_integer(&json, "pid", target->pid);
    put_values(&json, &cause->values);
    put_limits(&json, triggers);
    pp_json_integer(&json, "n_held_back", (int64_t)cause->n_held_back);
    pp_json_integer(&json, "n_windows", n_windows);
    pp_json_integer(&json, "n_windows_dropped", (int64_t)ring->n_dropped);
    if (n_windows > 0)
        pp_json_fraction(&json, "covers_s", (double)(now_ns - ring->windows[0].begin_ns) / 1e9);
    pp_json_begin_array(&json, "missing");
    for (uint32_t i = 0; i < parts->n_missing; i++)
        pp_json_text(&json, NULL, parts->missing[i]);
    pp_json_end_array(&json);
    pp_json_end_object(&json);
    pp_buffer_text(&parts->facts, "\n");
}

/* ---- all of it ---- */

static void add_part(struct pp_directory_bundle *bundle, const char *kind, const char *extension,
                     const struct pp_buffer *bytes)
{
    if (bytes->n_bytes > 0)
        bundle->files[bundle->n_files++] =
            (struct pp_directory_file){kind, extension, bytes->bytes, bytes->n_bytes};
}

int pp_flight_write(struct pp_service *service, struct pp_served *target,
                    const struct pp_flight_ring *ring, const struct pp_triggers *triggers,
                    const struct pp_flight_cause *cause, struct pp_sink *directory,
                    char path_out[PATH_MAX], struct pprofc_error *err)
{
    __attribute__((cleanup(parts_done))) struct parts parts = {.n_missing = 0};
    const uint64_t now_ns = real_ns();
    struct pp_directory_bundle bundle = {.is_flight = true,
                                         .time_s = (int64_t)(now_ns / 1000000000),
                                         .program = target->program,
                                         .pid = target->pid};

    make_stacks(service, target, &parts); /* before anything else changes */
    make_heap(service, target, &parts);
    make_cpu(ring, &parts);
    make_facts(target, ring, triggers, cause, now_ns, &parts);
    if (parts.facts.failed)
        return pp_fail(err, -ENOMEM, 0, "no memory for the flight recorder's bundle");
    add_part(&bundle, "cpu", ".svg", &parts.picture);
    add_part(&bundle, "cpu", ".pb.gz", &parts.cpu);
    add_part(&bundle, "stacks", ".txt", &parts.stacks);
    add_part(&bundle, "heap", ".pb.gz", &parts.heap);
    add_part(&bundle, "facts", ".json", &parts.facts);
    return pp_directory_store(directory, &bundle, path_out, err);
}
