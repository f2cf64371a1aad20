/* All that a profile holds, in the layout of `pprof -raw`. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/numbers.h"
#include "views/clean_text.h"
#include "views/sample_views.h"

static void put_string(struct pp_buffer *out, const struct pprofc_profile *profile, pp_id string)
{
    pp_clean_text_append(out, pp_profile_chars(profile, string));
}

static void put_facts(struct pp_buffer *out, const struct pprofc_profile *profile)
{
    char text[PP_NUMBER_TEXT_BYTES];

    for (uint32_t i = 0; i < profile->n_comments; i++) {
        pp_buffer_text(out, "Comment: ");
        put_string(out, profile, profile->comments[i]);
        pp_buffer_text(out, "\n");
    }
    if (profile->period_type.type != 0 || profile->period_type.unit != 0) {
        pp_buffer_text(out, "PeriodType: ");
        put_string(out, profile, profile->period_type.type);
        pp_buffer_text(out, " ");
        put_string(out, profile, profile->period_type.unit);
        pp_buffer_text(out, "\n");
    }
    pp_buffer_printf(out, "Period: %" PRId64 "\n", profile->period);
    if (profile->time_ns != 0)
        pp_buffer_printf(out, "Time: %" PRId64 " ns since 1970\n", profile->time_ns);
    if (profile->duration_ns != 0)
        pp_buffer_printf(out, "Duration: %s\n",
                         pp_duration_text((double)profile->duration_ns, text));
}

/* "key:[a b]", a number with its unit behind it; all labels of a set in one line. */
static void put_labels(struct pp_buffer *out, const struct pprofc_profile *profile, pp_id label_set)
{
    const struct pp_label_set *set = &profile->label_sets[label_set];

    for (uint32_t i = 0; i < set->n_labels; i++) {
        const struct pp_label *label = &profile->labels[set->first + i];
        const bool goes_on = i > 0 && profile->labels[set->first + i - 1].key == label->key;
        const bool is_last =
            i + 1 == set->n_labels || profile->labels[set->first + i + 1].key != label->key;
        if (goes_on) {
            pp_buffer_text(out, " ");
        } else {
            pp_buffer_text(out, i == 0 ? "                " : " ");
            put_string(out, profile, label->key);
            pp_buffer_text(out, ":[");
        }
        if (label->text != 0) {
            put_string(out, profile, label->text);
        } else {
            pp_buffer_printf(out, "%" PRId64, label->number);
            pp_buffer_text(out, label->unit != 0 ? " " : "");
            put_string(out, profile, label->unit);
        }
        pp_buffer_text(out, is_last ? "]" : "");
    }
    pp_buffer_text(out, set->n_labels > 0 ? "\n" : "");
}

static void put_samples(struct pp_buffer *out, const struct pprofc_profile *profile)
{
    pp_buffer_text(out, "Samples:\n");
    for (uint32_t type = 0; type < profile->n_types; type++) {
        pp_buffer_text(out, type > 0 ? " " : "");
        put_string(out, profile, profile->types[type].type);
        pp_buffer_text(out, "/");
        put_string(out, profile, profile->types[type].unit);
        pp_buffer_text(out, type == profile->default_type ? "[dflt]" : "");
    }
    pp_buffer_text(out, "\n");
    for (uint32_t i = 0; i < profile->n_samples; i++) {
        for (uint32_t type = 0; type < profile->n_types; type++)
            pp_buffer_printf(out, " %10" PRId64,
                             profile->sample_values[(size_t)i * profile->n_types + type]);
        pp_buffer_text(out, ": ");
        for (pp_id node = profile->sample_stack[i]; node != 0; node = profile->node_parent[node])
            pp_buffer_printf(out, "%u ", profile->node_location[node]);
        pp_buffer_text(out, "\n");
        put_labels(out, profile, profile->sample_labels[i]);
    }
}

static void put_line(struct pp_buffer *out, const struct pprofc_profile *profile,
                     const struct pp_line *line)
{
    const struct pp_function *function = &profile->functions[line->function];

    if (line->function == 0) {
        pp_buffer_text(out, "??");
        return;
    }
    put_string(out, profile, function->name);
    pp_buffer_text(out, " ");
    put_string(out, profile, function->file);
    pp_buffer_printf(out, ":%" PRId64 " s=%" PRId64, line->line, function->start_line);
    if (function->name != function->system_name) {
        pp_buffer_text(out, "(");
        put_string(out, profile, function->system_name);
        pp_buffer_text(out, ")");
    }
}

static void put_location(struct pp_buffer *out, const struct pprofc_profile *profile, pp_id id)
{
    const struct pp_location *location = &profile->locations[id];

    pp_buffer_printf(out, "%6u: 0x%" PRIx64 " ", id, location->address);
    if (location->mapping != 0)
        pp_buffer_printf(out, "M=%u ", location->mapping);
    pp_buffer_text(out, location->is_folded ? "[F] " : "");
    for (uint32_t i = 0; i < location->n_lines; i++) {
        pp_buffer_text(out, i > 0 ? "\n             " : "");
        put_line(out, profile, &profile->lines[location->first_line + i]);
    }
    pp_buffer_text(out, "\n");
}

static void put_mapping(struct pp_buffer *out, const struct pprofc_profile *profile, pp_id id)
{
    const struct pp_mapping *mapping = &profile->mappings[id];

    pp_buffer_printf(out, "%u: 0x%" PRIx64 "/0x%" PRIx64 "/0x%" PRIx64 " ", id, mapping->start,
                     mapping->limit, mapping->offset);
    put_string(out, profile, mapping->path);
    pp_buffer_text(out, " ");
    put_string(out, profile, mapping->build_id);
    pp_buffer_printf(out, " %s%s%s%s\n", mapping->has_functions ? "[FN]" : "",
                     mapping->has_filenames ? "[FL]" : "", mapping->has_lines ? "[LN]" : "",
                     mapping->has_inlines ? "[IN]" : "");
}

int pp_raw_write(const struct pprofc_profile *profile, struct pp_buffer *out,
                 struct pprofc_error *err)
{
    put_facts(out, profile);
    put_samples(out, profile);
    pp_buffer_text(out, "Locations\n");
    for (pp_id id = 1; id < profile->n_locations; id++)
        put_location(out, profile, id);
    pp_buffer_text(out, "Mappings\n");
    for (pp_id id = 1; id < profile->n_mappings; id++)
        put_mapping(out, profile, id);
    return out->failed ? pp_fail(err, -ENOMEM, 0, "cannot write the profile: out of memory") : 0;
}
