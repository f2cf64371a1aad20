/* Which module the samples without names are in. */
#include "cli/unnamed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/find_program.h"

/* Without a function, or called "module+0x1f" as the symbolizer does when it knows no name. */
static bool is_unnamed(const struct pprofc_profile *profile, pp_id location)
{
    const struct pp_location *frame = &profile->locations[location];
    const char *module = pp_base_name(profile->strings[profile->mappings[frame->mapping].path]);
    const char *name;

    if (frame->mapping == 0)
        return false; /* [unsampled] and its like */
    if (frame->n_lines == 0)
        return true;
    name = profile->strings[profile->functions[profile->lines[frame->first_line].function].name];
    return strncmp(name, module, strlen(module)) == 0 &&
           strncmp(name + strlen(module), "+0x", 3) == 0;
}

int pp_unnamed_find(const struct pprofc_profile *profile, struct pp_unnamed *unnamed_out)
{
    pp_autofree int64_t *counts = calloc(profile->n_mappings, sizeof *counts);
    int64_t n_unnamed = 0, n_all = 0;
    uint32_t most = 0;

    if (counts == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < profile->n_samples; i++) {
        const pp_id location = profile->node_location[profile->sample_stack[i]];
        const int64_t n = profile->sample_values[(size_t)i * profile->n_types];
        n_all += n;
        if (location == 0 || !is_unnamed(profile, location))
            continue;
        n_unnamed += n;
        counts[profile->locations[location].mapping] += n;
    }
    for (uint32_t i = 1; i < profile->n_mappings; i++)
        if (counts[i] > counts[most])
            most = i;
    if (n_unnamed <= 0 || n_all <= 0)
        return -ENOENT;
    unnamed_out->share = (double)n_unnamed / (double)n_all;
    unnamed_out->module = pp_base_name(profile->strings[profile->mappings[most].path]);
    return 0;
}
