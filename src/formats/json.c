/* Our JSON: a profile for programs.  Version 1 is
 *   version, tool, command, kind, time (RFC 3339) and time_ns, duration_ns, period, default_type,
 * comments, quality (null when not known), heap (json_heap.h), types: [{type, unit, total,
 * n_samples, functions: [{name, file, line, module, inlined, flat, cum, flat_percent, cum_percent,
 * n_flat_samples, n_cum_samples}]}], frames: [{name, file, line, module, address}], stacks:
 * {parent, frame}, label_sets: [{key: value}], samples: {stack, labels, values: [one column a
 * type]}. Stacks are a tree in columns: stack i is frame[i] called from stack parent[i], and -1 is
 * no caller; sample i's leaf is samples.stack[i] (-1: no stack known).  Inlined frames are frames
 * like others.  Addresses are strings: JavaScript's numbers hold 53 bits. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/json_writer.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "formats/formats.h"
#include "formats/json_heap.h"
#include "formats/json_waits.h"
#include "profile/top.h"

static void put_string(struct pp_json *json, const char *key, const struct pprofc_profile *profile,
                       pp_id string)
{
    pp_json_bytes(json, key, profile->strings[string], profile->string_bytes[string]);
}

/* ---- the head ---- */

static void put_time(struct pp_json *json, int64_t time_ns)
{
    const time_t seconds = (time_t)(time_ns / 1000000000);
    struct tm parts;
    char text[40];

    if (time_ns > 0 && gmtime_r(&seconds, &parts) != NULL &&
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) > 0)
        pp_json_text(json, "time", text);
    else
        pp_json_null(json, "time");
    pp_json_integer(json, "time_ns", time_ns);
}

/* Negative: not known. */
static void put_known(struct pp_json *json, const char *key, int64_t figure)
{
    if (figure < 0)
        pp_json_null(json, key);
    else
        pp_json_integer(json, key, figure);
}

static void put_quality(struct pp_json *json, const struct pprofc_profile *profile)
{
    const struct pp_quality *quality = &profile->quality;

    if (!quality->is_known) {
        pp_json_null(json, "quality");
        return;
    }
    pp_json_begin_object(json, "quality");
    if (quality->asked_hz < 0)
        pp_json_null(json, "asked_hz");
    else
        pp_json_fraction(json, "asked_hz", quality->asked_hz);
    if (pp_quality_delivered_hz(quality) < 0)
        pp_json_null(json, "delivered_hz");
    else
        pp_json_fraction(json, "delivered_hz", pp_quality_delivered_hz(quality));
    put_known(json, "n_samples", quality->n_samples);
    put_known(json, "n_lost", quality->n_lost);
    pp_json_begin_object(json, "losses");
    for (uint32_t i = 0; i < quality->n_losses && i < PP_N_LOSSES; i++)
        pp_json_integer(json, profile->strings[quality->losses[i].cause], quality->losses[i].n);
    pp_json_end_object(json);
    put_known(json, "n_truncated", quality->n_truncated);
    put_known(json, "n_unsymbolised", quality->n_unsymbolised);
    put_known(json, "n_dropped", quality->n_dropped);
    put_known(json, "cpu_ns", quality->cpu_ns);
    put_known(json, "sampled_ns", quality->sampled_ns);
    put_known(json, "unsampled_ns", quality->unsampled_ns);
    put_known(json, "own_cpu_ns", quality->own_cpu_ns);
    put_known(json, "n_throttled", quality->n_throttled);
    put_known(json, "throttled_ns", quality->throttled_ns);
    put_known(json, "children_cpu_ns", quality->children_cpu_ns);
    if (quality->budget_ppm > 0) {
        pp_json_integer(json, "budget_ppm", quality->budget_ppm);
        put_known(json, "budget_changes", quality->n_budget_changes);
    }
    put_string(json, "delivery", profile, quality->delivery);
    put_string(json, "delivery_reason", profile, quality->delivery_reason);
    put_string(json, "missing_modules", profile, quality->missing_modules);
    pp_json_end_object(json);
}

static void put_head(struct pp_json *json, const struct pprofc_profile *profile)
{
    pp_json_integer(json, "version", 1);
    pp_json_text(json, "tool", "pprof-c");
    put_string(json, "command", profile, profile->command);
    put_string(json, "kind", profile, profile->kind);
    put_time(json, profile->time_ns);
    pp_json_integer(json, "duration_ns", profile->duration_ns);
    pp_json_begin_object(json, "period");
    put_string(json, "type", profile, profile->period_type.type);
    put_string(json, "unit", profile, profile->period_type.unit);
    pp_json_integer(json, "value", profile->period);
    pp_json_end_object(json);
    if (profile->n_types > 0)
        put_string(json, "default_type", profile, profile->types[profile->default_type].type);
    pp_json_begin_array(json, "comments");
    for (uint32_t i = 0; i < profile->n_comments; i++)
        put_string(json, NULL, profile, profile->comments[i]);
    pp_json_end_array(json);
    put_quality(json, profile);
    pp_json_heap(json, profile);
    pp_json_waits(json, profile);
}

/* ---- the tops ---- */

static void put_row(struct pp_json *json, const struct pp_top *top, const struct pp_top_row *row)
{
    pp_json_begin_object(json, NULL);
    pp_json_text(json, "name", row->name);
    pp_json_text(json, "file", row->file);
    pp_json_integer(json, "line", row->line);
    pp_json_text(json, "module", row->module);
    pp_json_bool(json, "inlined", row->is_inlined);
    pp_json_integer(json, "flat", row->flat);
    pp_json_integer(json, "cum", row->cum);
    pp_json_fraction(json, "flat_percent", pp_percent(row->flat, top->total));
    pp_json_fraction(json, "cum_percent", pp_percent(row->cum, top->total));
    pp_json_integer(json, "n_flat_samples", row->n_flat_samples);
    pp_json_integer(json, "n_cum_samples", row->n_cum_samples);
    if (top->is_estimated) {
        pp_json_error(json, "flat_error", &row->flat_estimate);
        pp_json_error(json, "cum_error", &row->cum_estimate);
    }
    pp_json_lifetime(json, row->lifetimes);
    pp_json_end_object(json);
}

static int put_types(struct pp_json *json, const struct pprofc_profile *profile,
                     struct pprofc_error *err)
{
    pp_json_begin_array(json, "types");
    for (uint32_t type = 0; type < profile->n_types; type++) {
        struct pp_top top;
        const int failed = pp_top_make(profile, type, PP_BY_FUNCTION, &top, err);
        if (failed != 0)
            return failed;
        pp_json_begin_object(json, NULL);
        put_string(json, "type", profile, profile->types[type].type);
        put_string(json, "unit", profile, profile->types[type].unit);
        pp_json_integer(json, "total", top.total);
        pp_json_integer(json, "n_samples", top.n_samples);
        if (top.is_estimated)
            pp_json_error(json, "total_error", &top.total_estimate);
        pp_json_begin_array(json, "functions");
        for (uint32_t i = 0; i < top.n_rows; i++)
            put_row(json, &top, &top.rows[i]);
        pp_json_end_array(json);
        pp_json_end_object(json);
        pp_top_done(&top);
    }
    pp_json_end_array(json);
    return 0;
}

/* ---- frames and stacks ---- */

static uint32_t frames_of(const struct pprofc_profile *profile, pp_id location)
{
    const uint32_t n_lines = profile->locations[location].n_lines;

    return n_lines > 0 ? n_lines : 1;
}

static void put_frame(struct pp_json *json, const struct pprofc_profile *profile, pp_id location,
                      uint32_t i)
{
    const struct pp_location *frame = &profile->locations[location];
    char scratch[512], address[24];
    const struct pp_line none = {0, 0};
    const struct pp_line *line =
        i < frame->n_lines ? &profile->lines[frame->first_line + i] : &none;

    (void)snprintf(address, sizeof address, "0x%" PRIx64, frame->address);
    pp_json_begin_object(json, NULL);
    pp_json_text(json, "name",
                 pp_profile_frame_name(profile, location, i, scratch, sizeof scratch));
    put_string(json, "file", profile, profile->functions[line->function].file);
    pp_json_integer(json, "line", line->line);
    put_string(json, "module", profile, profile->mappings[frame->mapping].path);
    pp_json_text(json, "address", frame->address != 0 ? address : "");
    pp_json_bool(json, "inlined", i + 1 < frame->n_lines);
    pp_json_end_object(json);
}

/* All frames, each location's innermost first.  'first_frame' gets the index of that, by location.
 */
static void put_frames(struct pp_json *json, const struct pprofc_profile *profile,
                       uint32_t *first_frame)
{
    uint32_t n_frames = 0;

    pp_json_begin_array(json, "frames");
    for (pp_id location = 1; location < profile->n_locations; location++) {
        first_frame[location] = n_frames;
        for (uint32_t i = 0; i < frames_of(profile, location); i++, n_frames++)
            put_frame(json, profile, location, i);
    }
    pp_json_end_array(json);
}

/* The tree with a stack for each frame of a node.  'leaf_of' gets the stack of the innermost, by
 * node. */
static void put_stacks(struct pp_json *json, const struct pprofc_profile *profile,
                       const uint32_t *first_frame, int64_t *leaf_of)
{
    int64_t n_stacks = 0;

    leaf_of[0] = -1;
    pp_json_begin_object(json, "stacks");
    pp_json_begin_array(json, "parent");
    for (pp_id node = 1; node < profile->n_nodes; node++) {
        pp_json_integer(json, NULL, leaf_of[profile->node_parent[node]]);
        for (uint32_t i = frames_of(profile, profile->node_location[node]); i > 1; i--)
            pp_json_integer(json, NULL, n_stacks++);
        leaf_of[node] = n_stacks++;
    }
    pp_json_end_array(json);
    pp_json_begin_array(json, "frame");
    for (pp_id node = 1; node < profile->n_nodes; node++) {
        const pp_id location = profile->node_location[node];
        for (uint32_t i = frames_of(profile, location); i-- > 0;)
            pp_json_integer(json, NULL, (int64_t)first_frame[location] + i);
    }
    pp_json_end_array(json);
    pp_json_end_object(json);
}

/* ---- samples ---- */

static void put_label_sets(struct pp_json *json, const struct pprofc_profile *profile)
{
    pp_json_begin_array(json, "label_sets");
    for (pp_id set = 0; set < profile->n_label_sets; set++) {
        pp_id last_key = 0;
        pp_json_begin_object(json, NULL);
        for (uint32_t i = 0; i < profile->label_sets[set].n_labels; i++) {
            const struct pp_label *label = &profile->labels[profile->label_sets[set].first + i];
            const char *key = profile->strings[label->key];
            if (i > 0 && label->key == last_key)
                continue; /* a key stands once in an object; pprof allows more */
            last_key = label->key;
            if (label->text != 0)
                put_string(json, key, profile, label->text);
            else
                pp_json_integer(json, key, label->number);
        }
        pp_json_end_object(json);
    }
    pp_json_end_array(json);
}

static void put_samples(struct pp_json *json, const struct pprofc_profile *profile,
                        const int64_t *leaf_of)
{
    pp_json_begin_object(json, "samples");
    pp_json_begin_array(json, "stack");
    for (uint32_t i = 0; i < profile->n_samples; i++)
        pp_json_integer(json, NULL, leaf_of[profile->sample_stack[i]]);
    pp_json_end_array(json);
    pp_json_begin_array(json, "labels");
    for (uint32_t i = 0; i < profile->n_samples; i++)
        pp_json_integer(json, NULL, profile->sample_labels[i]);
    pp_json_end_array(json);
    pp_json_begin_array(json, "values");
    for (uint32_t type = 0; type < profile->n_types; type++) {
        pp_json_begin_array(json, NULL);
        for (uint32_t i = 0; i < profile->n_samples; i++)
            pp_json_integer(json, NULL,
                            profile->sample_values[(size_t)i * profile->n_types + type]);
        pp_json_end_array(json);
    }
    pp_json_end_array(json);
    pp_json_end_object(json);
}

int pp_json_write(const struct pprofc_profile *profile, struct pp_buffer *out,
                  struct pprofc_error *err)
{
    struct pp_json json = {out, false};
    pp_autofree uint32_t *first_frame = calloc(profile->n_locations, sizeof *first_frame);
    pp_autofree int64_t *leaf_of = calloc(profile->n_nodes, sizeof *leaf_of);
    int failed;

    if (first_frame == NULL || leaf_of == NULL)
        return pp_fail(err, -ENOMEM, 0, "cannot write JSON: out of memory");
    pp_json_begin_object(&json, NULL);
    put_head(&json, profile);
    failed = put_types(&json, profile, err);
    if (failed != 0)
        return failed;
    put_frames(&json, profile, first_frame);
    put_stacks(&json, profile, first_frame, leaf_of);
    put_label_sets(&json, profile);
    put_samples(&json, profile, leaf_of);
    pp_json_end_object(&json);
    pp_buffer_append(out, "\n", 1);
    return out->failed ? pp_fail(err, -ENOMEM, 0, "cannot write JSON: out of memory") : 0;
}
