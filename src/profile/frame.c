/* What frames are called. */
#include <stdio.h>
#include <string.h>

#include "profile/profile.h"

const char *pp_profile_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

const char *pp_profile_frame_name(const struct pprofc_profile *profile, pp_id location,
                                  uint32_t line, char *scratch, size_t capacity)
{
    const struct pp_location *frame = &profile->locations[location];
    const char *path = profile->strings[profile->mappings[frame->mapping].path];

    if (line < frame->n_lines) {
        const pp_id function = profile->lines[frame->first_line + line].function;
        const pp_id name = profile->functions[function].name;
        if (name != 0)
            return profile->strings[name];
        if (profile->functions[function].system_name != 0)
            return profile->strings[profile->functions[function].system_name];
    }
    if (path[0] == '\0')
        return "<unknown>";
    (void)snprintf(scratch, capacity, "[%s]", pp_profile_base_name(path));
    return scratch;
}
