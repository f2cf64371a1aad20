/* How views write a frame. */
#include "views/frame_text.h"

#include <inttypes.h>
#include <string.h>

#include "views/clean_text.h"

void pp_frame_text(struct pp_buffer *out, enum pp_group group, const char *name, const char *file,
                   int64_t line)
{
    pp_clean_text_append(out, name);
    if ((group != PP_BY_FUNCTION && group != PP_BY_LINE) || file[0] == '\0')
        return;
    pp_buffer_text(out, "  ");
    pp_clean_text_append(out, group == PP_BY_LINE ? file : pp_profile_base_name(file));
    if (group == PP_BY_LINE && line > 0)
        pp_buffer_printf(out, ":%" PRId64, line);
}

void pp_location_text(struct pp_buffer *out, const struct pprofc_profile *profile,
                      enum pp_group group, pp_id location, uint32_t line)
{
    const struct pp_location *frame = &profile->locations[location];
    const struct pp_line *at =
        line < frame->n_lines ? &profile->lines[frame->first_line + line] : NULL;
    const char *file =
        at != NULL ? pp_profile_chars(profile, profile->functions[at->function].file) : "";
    const char *path = pp_profile_chars(profile, profile->mappings[frame->mapping].path);
    char scratch[512];
    const char *name = pp_profile_frame_name(profile, location, line, scratch, sizeof scratch);

    if (group == PP_BY_FILE) {
        name = file[0] != '\0' ? file : "<unknown>";
    } else if (group == PP_BY_MODULE) {
        name = path[0] != '\0' ? pp_profile_base_name(path) : "<unknown>";
    } else if (group == PP_BY_ADDRESS) {
        pp_buffer_printf(out, "0x%016" PRIx64 " ", frame->address);
        group = PP_BY_LINE; /* with all that is known */
    }
    pp_frame_text(out, group, name, file, at != NULL ? at->line : 0);
}
