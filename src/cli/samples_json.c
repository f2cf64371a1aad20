/* The views of samples and of labels, for programs. */
#include "cli/samples_json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "base/numbers.h"

void pp_scope_json_begin(struct pp_json *json, const struct pprofc_profile *profile,
                         const struct pp_view_scope *scope)
{
    const struct pp_value_type *type = &profile->types[scope->type];

    pp_json_begin_object(json, NULL);
    pp_json_text(json, "sample_type", pp_profile_chars(profile, type->type));
    pp_json_text(json, "unit", pp_profile_chars(profile, type->unit));
    pp_json_integer(json, "total", pp_view_whole(profile, scope));
    pp_json_integer(json, "shown", pp_profile_total(profile, scope->type));
}

static int end_document(struct pp_json *json, struct pprofc_error *err)
{
    pp_json_end_object(json);
    pp_buffer_append(json->out, "\n", 1);
    return json->out->failed ? pp_fail(err, -ENOMEM, 0, "no memory for the report") : 0;
}

/* ---- traces ---- */

static void put_labels(struct pp_json *json, const struct pprofc_profile *profile, pp_id label_set)
{
    const struct pp_label_set *set = &profile->label_sets[label_set];

    pp_json_begin_array(json, "labels");
    for (uint32_t i = 0; i < set->n_labels; i++) {
        const struct pp_label *label = &profile->labels[set->first + i];
        pp_json_begin_object(json, NULL);
        pp_json_text(json, "key", pp_profile_chars(profile, label->key));
        if (label->text != 0) {
            pp_json_text(json, "text", pp_profile_chars(profile, label->text));
        } else {
            pp_json_integer(json, "number", label->number);
            pp_json_text(json, "unit", pp_profile_chars(profile, label->unit));
        }
        pp_json_end_object(json);
    }
    pp_json_end_array(json);
}

static void put_frame(struct pp_json *json, const struct pprofc_profile *profile, pp_id id,
                      uint32_t line)
{
    const struct pp_location *location = &profile->locations[id];
    const struct pp_line *at =
        line < location->n_lines ? &profile->lines[location->first_line + line] : NULL;
    char scratch[512], address[24];

    (void)snprintf(address, sizeof address, "0x%" PRIx64, location->address);
    pp_json_begin_object(json, NULL);
    pp_json_text(json, "name", pp_profile_frame_name(profile, id, line, scratch, sizeof scratch));
    pp_json_text(json, "source_file",
                 at != NULL ? pp_profile_chars(profile, profile->functions[at->function].file)
                            : "");
    pp_json_integer(json, "source_line", at != NULL ? at->line : 0);
    pp_json_text(json, "module_path",
                 pp_profile_chars(profile, profile->mappings[location->mapping].path));
    if (location->address != 0)
        pp_json_text(json, "address", address);
    else
        pp_json_null(json, "address");
    pp_json_bool(json, "is_inlined", line + 1 < location->n_lines);
    pp_json_end_object(json);
}

static void put_trace(struct pp_json *json, const struct pprofc_profile *profile, uint32_t sample,
                      uint32_t type)
{
    pp_json_begin_object(json, NULL);
    pp_json_integer(json, "value",
                    profile->sample_values[(size_t)sample * profile->n_types + type]);
    put_labels(json, profile, profile->sample_labels[sample]);
    pp_json_begin_array(json, "frames");
    for (pp_id node = profile->sample_stack[sample]; node != 0; node = profile->node_parent[node]) {
        const pp_id location = profile->node_location[node];
        const uint32_t n_lines = profile->locations[location].n_lines;
        for (uint32_t line = 0; line < (n_lines > 0 ? n_lines : 1); line++)
            put_frame(json, profile, location, line);
    }
    pp_json_end_array(json);
    pp_json_end_object(json);
}

int pp_traces_json_write(const struct pprofc_profile *profile, const struct pp_view_scope *scope,
                         struct pp_buffer *out, struct pprofc_error *err)
{
    struct pp_json json = {.out = out};

    pp_scope_json_begin(&json, profile, scope);
    pp_json_begin_array(&json, "traces");
    for (uint32_t i = 0; i < profile->n_samples; i++)
        put_trace(&json, profile, i, scope->type);
    pp_json_end_array(&json);
    return end_document(&json, err);
}

/* ---- labels ---- */

static int64_t whole_number(double value)
{
    return value >= 0x1p63 ? INT64_MAX : value < -0x1p63 ? INT64_MIN : llround(value);
}

/* The tags of one key, which begin at 'first'; where the next key's begin. */
static size_t put_key(struct pp_json *json, const struct pprofc_profile *profile,
                      const struct pp_view_scope *scope, const struct pp_tags *tags, size_t first)
{
    const int64_t whole = pp_view_whole(profile, scope);
    double sum = 0;
    size_t end = first;

    while (end < tags->n_tags && tags->tags[end].key == tags->tags[first].key)
        sum += tags->tags[end++].value;
    pp_json_begin_object(json, NULL);
    pp_json_text(json, "key", pp_profile_chars(profile, tags->tags[first].key));
    pp_json_integer(json, "value", whole_number(sum));
    pp_json_begin_array(json, "values");
    for (size_t i = first; i < end; i++) {
        const int64_t value = whole_number(tags->tags[i].value);
        pp_json_begin_object(json, NULL);
        pp_json_text(json, "text", tags->tags[i].text);
        pp_json_integer(json, "value", value);
        pp_json_fraction(json, "share", pp_percent(value, whole) / 100);
        pp_json_end_object(json);
    }
    pp_json_end_array(json);
    pp_json_end_object(json);
    return end;
}

int pp_tags_json_write(const struct pprofc_profile *profile, const struct pp_view_scope *scope,
                       struct pp_buffer *out, struct pprofc_error *err)
{
    __attribute__((cleanup(pp_tags_done))) struct pp_tags tags;
    const int failed = pp_tags_make(profile, scope->type, scope->unit, &tags, err);
    struct pp_json json = {.out = out};

    if (failed != 0)
        return failed;
    pp_scope_json_begin(&json, profile, scope);
    pp_json_begin_array(&json, "tags");
    for (size_t i = 0; i < tags.n_tags;)
        i = put_key(&json, profile, scope, &tags, i);
    pp_json_end_array(&json);
    return end_document(&json, err);
}
