/* Each sample with its labels and its stack. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/numbers.h"
#include "profile/label.h"
#include "views/clean_text.h"
#include "views/frame_text.h"
#include "views/sample_views.h"

static const char rule[] = "-------------+-----------------------------------------------------\n";

/* Labels of one key in one line; a set has them sorted. */
static void put_labels(struct pp_buffer *out, const struct pprofc_profile *profile, pp_id label_set,
                       const char *unit)
{
    const struct pp_label_set *set = &profile->label_sets[label_set];
    pp_id before = 0;

    for (uint32_t i = 0; i < set->n_labels; i++) {
        const struct pp_label *label = &profile->labels[set->first + i];
        pp_autobuffer struct pp_buffer value = PP_BUFFER_INIT, key = PP_BUFFER_INIT;
        pp_label_text(profile, label, unit, &value);
        pp_buffer_text(&value, "");
        pp_clean_text_append(&key, pp_profile_chars(profile, label->key));
        pp_buffer_text(&key, "");
        if (value.failed || key.failed) {
            out->failed = true;
            return;
        }
        if (i > 0 && label->key == before)
            pp_buffer_text(out, " ");
        else
            pp_buffer_printf(out, "%s%12s:  ", i > 0 ? "\n" : "", key.bytes);
        pp_clean_text_append(out, value.bytes);
        before = label->key;
    }
    pp_buffer_text(out, set->n_labels > 0 ? "\n" : "");
}

static void put_stack(struct pp_buffer *out, const struct pprofc_profile *profile,
                      enum pp_group group, pp_id stack, const char *value)
{
    for (pp_id node = stack; node != 0; node = profile->node_parent[node]) {
        const pp_id location = profile->node_location[node];
        const uint32_t n_lines = profile->locations[location].n_lines;
        for (uint32_t line = 0; line < n_lines || (line == 0 && n_lines == 0); line++) {
            pp_buffer_printf(out, "%12s   ", value);
            pp_location_text(out, profile, group, location, line);
            pp_buffer_text(out, line + 1 < n_lines ? " (inlined)\n" : "\n");
            value = "";
        }
    }
    if (stack == 0)
        pp_buffer_printf(out, "%12s   (no frames)\n", value);
}

int pp_traces_write(const struct pprofc_profile *profile, const struct pp_view_scope *scope,
                    enum pp_group group, struct pp_buffer *out, struct pprofc_error *err)
{
    pp_profile_head_write(profile, scope, out);
    for (uint32_t i = 0; i < profile->n_samples; i++) {
        char value[PP_NUMBER_TEXT_BYTES];
        pp_buffer_text(out, rule);
        put_labels(out, profile, profile->sample_labels[i], scope->unit);
        (void)pp_view_value(profile, scope,
                            profile->sample_values[(size_t)i * profile->n_types + scope->type],
                            value);
        put_stack(out, profile, group, profile->sample_stack[i], value);
    }
    pp_buffer_text(out, rule);
    return out->failed ? pp_fail(err, -ENOMEM, 0, "cannot write the samples: out of memory") : 0;
}
