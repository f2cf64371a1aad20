/* The profiles that recordings can give. */
#include "cli/profile_kinds.h"

#include <string.h>

#include "cli/values.h"

const struct pp_profile_kind pp_profile_kinds[PP_N_PROFILE_KINDS] = {
    {.kind = PP_KIND_CPU,
     .recorded = PP_KIND_CPU,
     .name = "cpu",
     .infix = ".cpu",
     .type = "cpu",
     .types = {"samples", "cpu"},
     .family = PP_FAMILY_CPU},
    {.kind = PP_KIND_OFFCPU,
     .recorded = PP_KIND_OFFCPU,
     .name = "offcpu",
     .infix = ".offcpu",
     .type = "wait",
     .types = {"waits", "wait"},
     .family = PP_FAMILY_OFFCPU},
    {.kind = PP_KIND_LOCK,
     .recorded = PP_KIND_LOCK,
     .name = "lock",
     .infix = ".lock",
     .type = "delay",
     .types = {"contentions", "delay", "holder_contentions", "holder_delay"},
     .family = PP_FAMILY_LOCK},
    {.kind = PP_KIND_HEAP,
     .recorded = PP_KIND_HEAP,
     .name = "heap",
     .infix = ".heap",
     .type = "inuse_space",
     .types = {"alloc_objects", "alloc_space", "inuse_objects", "inuse_space"},
     .family = PP_FAMILY_HEAP},
    {.kind = PP_KIND_WALL,
     .recorded = PP_KIND_CPU | PP_KIND_OFFCPU,
     .name = "wall",
     .infix = ".wall",
     .type = "wall",
     .types = {"wall"},
     .view = PP_RECORDED_WALL},
};

const struct pp_profile_kind *pp_profile_kind_of_type(const char *type, uint32_t recorded)
{
    for (size_t i = 0; i < PP_N_PROFILE_KINDS; i++) {
        const struct pp_profile_kind *kind = &pp_profile_kinds[i];
        if ((recorded & kind->recorded) != kind->recorded)
            continue;
        for (size_t k = 0; kind->types[k] != NULL; k++)
            if (strcmp(kind->types[k], type) == 0)
                return kind;
    }
    return NULL;
}

uint32_t pp_profile_kinds_wanted(uint32_t recorded, uint32_t asked)
{
    const uint32_t parts = PP_KIND_CPU | PP_KIND_OFFCPU;

    if ((asked & PP_KIND_WALL) == 0 || (recorded & parts) != parts)
        return recorded;
    return (recorded & (~parts | asked)) | PP_KIND_WALL;
}
