/* The profile that a verb works on. */
#include "cli/profile_input.h"

#include "cli/messages.h"
#include "cli/verbs.h"

int pp_input_read(const char *path, const char *sample, struct pprofc_profile **profile_out,
                  uint32_t *type_out)
{
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;
    int type;

    if (pprofc_profile_read(path, &profile, &err) < 0) {
        if (err.offset_bytes > 0)
            pp_complain("%s (at byte %llu)", err.message, (unsigned long long)err.offset_bytes);
        else
            pp_complain("%s", err.message);
        return PP_EXIT_FAILED;
    }
    type = (int)profile->default_type;
    if (sample != NULL)
        type = pp_profile_find_type(profile, sample, &err);
    if (type < 0) {
        pp_complain("%s", err.message);
        pprofc_profile_free(profile);
        return PP_EXIT_USAGE;
    }
    *profile_out = profile;
    *type_out = (uint32_t)type;
    return 0;
}
