/* Several profiles read as one. */
#include "cli/merged_input.h"

#include "cli/messages.h"
#include "cli/verbs.h"

int pp_inputs_read(const char *const *paths, const struct pp_input_wish *wish,
                   struct pprofc_profile **profile_out, uint32_t *type_out)
{
    struct pprofc_profile *all = NULL, *one = NULL;
    struct pprofc_error err;
    uint32_t type_of_one = 0;
    int code = pp_input_read(paths[0], wish, &all, type_out);

    for (size_t i = 1; code == 0 && paths[i] != NULL; i++) {
        code = pp_input_read(paths[i], wish, &one, &type_of_one);
        if (code != 0)
            break;
        if (pp_profile_merge(all, one, &err) < 0) {
            pp_complain("%s and %s: %s", paths[0], paths[i], err.message);
            code = PP_EXIT_FAILED;
        }
        pprofc_profile_free(one);
    }
    if (code != 0)
        pprofc_profile_free(all);
    else
        *profile_out = all;
    return code;
}
