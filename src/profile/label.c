/* What labels say, for people. */
#include "profile/label.h"

#include <string.h>

#include "base/units.h"

const char *pp_label_unit(const struct pprofc_profile *profile, const struct pp_label *label)
{
    const char *key = profile->strings[label->key];

    if (label->unit != 0)
        return profile->strings[label->unit];
    return strcmp(key, "alignment") == 0 || strcmp(key, "request") == 0 ? "bytes" : key;
}

void pp_label_text(const struct pprofc_profile *profile, const struct pp_label *label,
                   const char *shown, struct pp_buffer *out)
{
    const char *unit = pp_label_unit(profile, label);
    char text[PP_NUMBER_TEXT_BYTES];

    if (label->text != 0)
        pp_buffer_text(out, profile->strings[label->text]);
    else if (pp_unit_find(unit, strlen(unit)) != NULL)
        pp_buffer_text(out, pp_value_text_in(label->number, unit, shown, text));
    else
        pp_buffer_printf(out, "%lld", (long long)label->number);
}

bool pp_label_values(const struct pprofc_profile *profile, pp_id label_set, const char *key,
                     size_t n_chars, const char *shown, struct pp_buffer *out)
{
    const struct pp_label_set *set = &profile->label_sets[label_set];
    bool has_any = false;

    for (uint32_t i = 0; i < set->n_labels; i++) {
        const struct pp_label *label = &profile->labels[set->first + i];
        if (profile->string_bytes[label->key] != n_chars ||
            memcmp(profile->strings[label->key], key, n_chars) != 0)
            continue;
        pp_buffer_text(out, has_any ? "," : "");
        pp_label_text(profile, label, shown, out);
        has_any = true;
    }
    return has_any;
}
