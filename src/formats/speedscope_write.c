/* Writing speedscope's own JSON, a profile of the file for each sample type.  (Its importer of
 * pprof files keeps one frame of each address, so inlined functions are lost there.)  Stacks are of
 * functions: speedscope tells frames apart by their index, and would show a function once for each
 * of its addresses.  Schema: https://www.speedscope.app/file-format-schema.json */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json_writer.h"
#include "base/memory.h"
#include "formats/formats.h"
#include "profile/tables.h"

/* ---- stacks of functions ---- */

/* A function and its file, whatever the address and line. */
static pp_id plain_location(struct pprofc_profile *plain, const struct pprofc_profile *profile,
                            pp_id location, uint32_t i)
{
    const struct pp_location *frame = &profile->locations[location];
    const pp_id file = i < frame->n_lines
                           ? profile->functions[profile->lines[frame->first_line + i].function].file
                           : 0;
    char scratch[512];
    const struct pp_function function = {
        .name = pp_profile_text(
            plain, pp_profile_frame_name(profile, location, i, scratch, sizeof scratch)),
        .file = pp_profile_text(plain, profile->strings[file])};
    const struct pp_line line = {.function = pp_profile_function(plain, &function)};
    const struct pp_location whole = {.n_lines = 1};

    return pp_profile_location(plain, &whole, &line);
}

/* Locations of 'plain' for a location's lines, by its number of them: made once each. */
static pp_id *plain_locations(struct pprofc_profile *plain, const struct pprofc_profile *profile,
                              uint32_t *first_of)
{
    size_t n_frames = 0;
    pp_id *plains;

    for (pp_id id = 1; id < profile->n_locations; id++) {
        first_of[id] = (uint32_t)n_frames;
        n_frames += profile->locations[id].n_lines > 0 ? profile->locations[id].n_lines : 1;
    }
    if (n_frames >= UINT32_MAX)
        return NULL;
    plains = calloc(n_frames + 1, sizeof *plains);
    for (pp_id id = 1; plains != NULL && id < profile->n_locations; id++) {
        const uint32_t n_lines = profile->locations[id].n_lines;
        for (uint32_t i = 0; i < (n_lines > 0 ? n_lines : 1); i++)
            plains[first_of[id] + i] = plain_location(plain, profile, id, i);
    }
    return plains;
}

static int copy_stacks(struct pprofc_profile *plain, const struct pprofc_profile *profile)
{
    pp_autofree uint32_t *first_of = calloc(profile->n_locations, sizeof *first_of);
    pp_autofree pp_id *node_of = calloc(profile->n_nodes, sizeof *node_of);
    pp_autofree pp_id *plains =
        first_of != NULL && node_of != NULL ? plain_locations(plain, profile, first_of) : NULL;

    if (plains == NULL)
        return -ENOMEM;
    for (uint32_t type = 0; type < profile->n_types; type++) {
        if (pp_profile_add_type(plain, profile->strings[profile->types[type].type],
                                profile->strings[profile->types[type].unit]) < 0)
            return -ENOMEM;
    }
    for (pp_id node = 1; node < profile->n_nodes; node++) {
        const pp_id location = profile->node_location[node];
        const uint32_t n_lines = profile->locations[location].n_lines;
        pp_id at = node_of[profile->node_parent[node]];
        for (uint32_t i = n_lines > 0 ? n_lines : 1; i-- > 0;)
            at = pp_profile_child(plain, at, plains[first_of[location] + i]);
        node_of[node] = at;
    }
    for (uint32_t i = 0; i < profile->n_samples; i++)
        pp_profile_add(plain, node_of[profile->sample_stack[i]], 0, 0,
                       &profile->sample_values[(size_t)i * profile->n_types]);
    return pp_profile_failed(plain) ? -ENOMEM : 0;
}

/* ---- the document ---- */

/* The unit of speedscope's, or NULL for one that it does not have. */
static const char *unit_of(const char *unit)
{
    static const char *const units[] = {"nanoseconds", "microseconds", "milliseconds", "seconds",
                                        "bytes"};

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(unit, units[i]) == 0)
            return units[i];
    }
    return strcmp(unit, "count") == 0 ? "none" : NULL;
}

static void put_string(struct pp_json *json, const char *key, const struct pprofc_profile *profile,
                       pp_id string)
{
    pp_json_bytes(json, key, profile->strings[string], profile->string_bytes[string]);
}

static void put_frames(struct pp_json *json, const struct pprofc_profile *plain)
{
    pp_json_begin_object(json, "shared");
    pp_json_begin_array(json, "frames");
    for (pp_id id = 1; id < plain->n_locations; id++) {
        const struct pp_function *function =
            &plain->functions[plain->lines[plain->locations[id].first_line].function];
        pp_json_begin_object(json, NULL);
        put_string(json, "name", plain, function->name);
        if (function->file != 0)
            put_string(json, "file", plain, function->file);
        pp_json_end_object(json);
    }
    pp_json_end_array(json);
    pp_json_end_object(json);
}

/* Root first. */
static void put_stack(struct pp_json *json, const struct pprofc_profile *plain, pp_id leaf,
                      pp_id *path)
{
    uint32_t depth = 0;

    for (pp_id node = leaf; node != 0; node = plain->node_parent[node])
        path[depth++] = plain->node_location[node];
    pp_json_begin_array(json, NULL);
    while (depth-- > 0)
        pp_json_integer(json, NULL, (int64_t)path[depth] - 1);
    pp_json_end_array(json);
}

static int64_t value_of(const struct pprofc_profile *plain, uint32_t sample, uint32_t type)
{
    return plain->sample_values[(size_t)sample * plain->n_types + type];
}

static void put_type(struct pp_json *json, const struct pprofc_profile *plain, uint32_t type,
                     pp_id *path)
{
    const char *name = plain->strings[plain->types[type].type];
    const char *given = plain->strings[plain->types[type].unit], *unit = unit_of(given);
    pp_autobuffer struct pp_buffer title = PP_BUFFER_INIT;

    pp_buffer_text(&title, name);
    if (unit == NULL)
        pp_buffer_printf(&title, " (%s)", given);
    json->out->failed |= title.failed;
    pp_json_begin_object(json, NULL);
    pp_json_text(json, "type", "sampled");
    pp_json_bytes(json, "name", title.bytes, title.n_bytes);
    pp_json_text(json, "unit", unit != NULL ? unit : "none");
    pp_json_integer(json, "startValue", 0);
    pp_json_integer(json, "endValue", pp_profile_total(plain, type));
    pp_json_begin_array(json, "samples");
    for (uint32_t i = 0; i < plain->n_samples; i++) {
        if (value_of(plain, i, type) != 0)
            put_stack(json, plain, plain->sample_stack[i], path);
    }
    pp_json_end_array(json);
    pp_json_begin_array(json, "weights");
    for (uint32_t i = 0; i < plain->n_samples; i++) {
        if (value_of(plain, i, type) != 0)
            pp_json_integer(json, NULL, value_of(plain, i, type));
    }
    pp_json_end_array(json);
    pp_json_end_object(json);
}

static bool has_negative(const struct pprofc_profile *plain)
{
    for (size_t i = 0; i < (size_t)plain->n_samples * plain->n_types; i++) {
        if (plain->sample_values[i] < 0)
            return true;
    }
    return false;
}

static int put_document(const struct pprofc_profile *profile, const struct pprofc_profile *plain,
                        struct pp_buffer *out)
{
    pp_autofree pp_id *path = calloc(plain->n_nodes, sizeof *path);
    struct pp_json json = {out, false};

    if (path == NULL)
        return -ENOMEM;
    pp_json_begin_object(&json, NULL);
    pp_json_text(&json, "$schema", "https://www.speedscope.app/file-format-schema.json");
    pp_json_text(&json, "exporter", "pprof-c " PP_VERSION);
    if (profile->command != 0)
        put_string(&json, "name", profile, profile->command);
    pp_json_integer(&json, "activeProfileIndex", profile->default_type);
    put_frames(&json, plain);
    pp_json_begin_array(&json, "profiles");
    for (uint32_t type = 0; type < plain->n_types; type++)
        put_type(&json, plain, type, path);
    pp_json_end_array(&json);
    pp_json_end_object(&json);
    pp_buffer_append(out, "\n", 1);
    return out->failed ? -ENOMEM : 0;
}

int pp_speedscope_write(const struct pprofc_profile *profile, struct pp_buffer *out,
                        struct pprofc_error *err)
{
    struct pprofc_profile *plain = pp_profile_new();
    int failed = plain != NULL ? copy_stacks(plain, profile) : -ENOMEM;

    if (failed == 0 && has_negative(plain))
        failed = pp_fail(err, -ENOTSUP, 0,
                         "speedscope's format has no negative values, and this profile (a "
                         "difference?) has some; give .pb.gz, .json or .csv");
    if (failed == 0)
        failed = put_document(profile, plain, out);
    pprofc_profile_free(plain);
    return failed == -ENOMEM
               ? pp_fail(err, failed, 0, "cannot write speedscope's JSON: out of memory")
               : failed;
}
