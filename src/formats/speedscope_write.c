/* Writing speedscope's own JSON, a profile of the file for each sample type; or, of one type, for
 * each thread or value of a label.  (Its importer of pprof files keeps one frame of each address,
 * so inlined functions are lost there.)  Stacks are of functions: speedscope tells frames apart by
 * their index, and would show a function once for each of its addresses.  Schema:
 * https://www.speedscope.app/file-format-schema.json */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json_writer.h"
#include "base/memory.h"
#include "formats/formats.h"
#include "profile/tables.h"
#include "profile/top_groups.h"

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

/* A sample's slice says which part of the file it goes to: 'parts' has that by label set; NULL:
 * there is one part. */
static int copy_stacks(struct pprofc_profile *plain, const struct pprofc_profile *profile,
                       const uint32_t *parts)
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
        pp_profile_add(plain, node_of[profile->sample_stack[i]], 0,
                       parts != NULL ? parts[profile->sample_labels[i]] : 0,
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

/* A profile of the file: what of 'type' is in the part. */
struct speedscope_part {
    uint32_t type, number;
    int64_t total;
    const char *title;
};

static bool is_in(const struct pprofc_profile *plain, uint32_t sample,
                  const struct speedscope_part *part)
{
    return plain->sample_slice[sample] == part->number && value_of(plain, sample, part->type) != 0;
}

static void put_part(struct pp_json *json, const struct pprofc_profile *plain,
                     const struct speedscope_part *part, pp_id *path)
{
    const char *given = plain->strings[plain->types[part->type].unit], *unit = unit_of(given);
    pp_autobuffer struct pp_buffer title = PP_BUFFER_INIT;

    pp_buffer_text(&title, part->title);
    if (unit == NULL)
        pp_buffer_printf(&title, " (%s)", given);
    json->out->failed |= title.failed;
    pp_json_begin_object(json, NULL);
    pp_json_text(json, "type", "sampled");
    pp_json_bytes(json, "name", title.bytes, title.n_bytes);
    pp_json_text(json, "unit", unit != NULL ? unit : "none");
    pp_json_integer(json, "startValue", 0);
    pp_json_integer(json, "endValue", part->total);
    pp_json_begin_array(json, "samples");
    for (uint32_t i = 0; i < plain->n_samples; i++) {
        if (is_in(plain, i, part))
            put_stack(json, plain, plain->sample_stack[i], path);
    }
    pp_json_end_array(json);
    pp_json_begin_array(json, "weights");
    for (uint32_t i = 0; i < plain->n_samples; i++) {
        if (is_in(plain, i, part))
            pp_json_integer(json, NULL, value_of(plain, i, part->type));
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

/* The reader of ours takes the profiles of exporter "pprof-c " for sample types, all others for
 * threads. */
static int put_document(const struct pprofc_profile *profile, const struct pprofc_profile *plain,
                        const char *exporter, const struct speedscope_part *parts, uint32_t n_parts,
                        uint32_t active, struct pp_buffer *out)
{
    pp_autofree pp_id *path = calloc(plain->n_nodes, sizeof *path);
    struct pp_json json = {out, false};

    if (path == NULL)
        return -ENOMEM;
    pp_json_begin_object(&json, NULL);
    pp_json_text(&json, "$schema", "https://www.speedscope.app/file-format-schema.json");
    pp_json_text(&json, "exporter", exporter);
    if (profile->command != 0)
        put_string(&json, "name", profile, profile->command);
    pp_json_integer(&json, "activeProfileIndex", active);
    put_frames(&json, plain);
    pp_json_begin_array(&json, "profiles");
    for (uint32_t i = 0; i < n_parts; i++)
        put_part(&json, plain, &parts[i], path);
    pp_json_end_array(&json);
    pp_json_end_object(&json);
    pp_buffer_append(out, "\n", 1);
    return out->failed ? -ENOMEM : 0;
}

static int put_types(const struct pprofc_profile *profile, const struct pprofc_profile *plain,
                     struct pp_buffer *out)
{
    struct speedscope_part parts[PP_MAX_TYPES];

    for (uint32_t type = 0; type < plain->n_types; type++)
        parts[type] = (struct speedscope_part){.type = type,
                                               .total = pp_profile_total(plain, type),
                                               .title = plain->strings[plain->types[type].type]};
    return put_document(profile, plain, "pprof-c " PP_VERSION, parts, plain->n_types,
                        profile->default_type, out);
}

static int refuse_negative(struct pprofc_error *err)
{
    return pp_fail(err, -ENOTSUP, 0,
                   "speedscope's format has no negative values, and this profile (a difference?) "
                   "has some; give .pb.gz, .json or .csv");
}

int pp_speedscope_write(const struct pprofc_profile *profile, struct pp_buffer *out,
                        struct pprofc_error *err)
{
    struct pprofc_profile *plain = pp_profile_new();
    int failed = plain != NULL ? copy_stacks(plain, profile, NULL) : -ENOMEM;

    if (failed == 0 && has_negative(plain))
        failed = refuse_negative(err);
    if (failed == 0)
        failed = put_types(profile, plain, out);
    pprofc_profile_free(plain);
    return failed == -ENOMEM
               ? pp_fail(err, failed, 0, "cannot write speedscope's JSON: out of memory")
               : failed;
}

/* ---- by thread ---- */

static int compare_parts(const void *left, const void *right)
{
    const struct speedscope_part *a = left, *b = right;

    if (a->total != b->total)
        return a->total < b->total ? 1 : -1;
    return strcmp(a->title, b->title);
}

/* The parts that have anything, the heaviest first, which is the one that is open at first. */
static int put_groups(const struct pprofc_profile *profile, const struct pprofc_profile *plain,
                      uint32_t type, const struct pp_top_groups *groups, struct pp_buffer *out)
{
    pp_autofree struct speedscope_part *parts = calloc((size_t)groups->n_groups + 1, sizeof *parts);
    uint32_t n_parts = 0;

    if (parts == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < groups->n_groups; i++)
        parts[i] =
            (struct speedscope_part){.type = type, .number = i, .title = groups->groups[i].name};
    for (uint32_t i = 0; i < plain->n_samples; i++) {
        int64_t *total = &parts[plain->sample_slice[i]].total;
        *total = pp_add_values(*total, value_of(plain, i, type));
    }
    for (uint32_t i = 0; i < groups->n_groups; i++)
        if (parts[i].total > 0)
            parts[n_parts++] = parts[i];
    if (n_parts > 1)
        qsort(parts, n_parts, sizeof *parts, compare_parts);
    return put_document(profile, plain, "pprof-c/" PP_VERSION " (a profile a thread)", parts,
                        n_parts, 0, out);
}

int pp_speedscope_write_by(const struct pprofc_profile *profile, uint32_t type, enum pp_group group,
                           const char *label_key, struct pp_buffer *out, struct pprofc_error *err)
{
    struct pprofc_profile *plain = pp_profile_new();
    struct pp_top_groups groups = {.groups = NULL};
    struct pp_arena arena = {0};
    int failed =
        plain != NULL ? pp_top_groups_init(&groups, profile, group, label_key, &arena) : -ENOMEM;

    if (failed == 0)
        failed = copy_stacks(plain, profile, groups.of_label_set);
    if (failed == 0 && has_negative(plain))
        failed = refuse_negative(err);
    if (failed == 0)
        failed = put_groups(profile, plain, type, &groups, out);
    pprofc_profile_free(plain);
    pp_top_groups_done(&groups);
    pp_arena_done(&arena);
    return failed == -ENOMEM
               ? pp_fail(err, failed, 0, "cannot write speedscope's JSON: out of memory")
               : failed;
}
