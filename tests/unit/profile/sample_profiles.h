/* Small profiles made by hand, for the tests of this room and of formats. */
#ifndef TESTS_SAMPLE_PROFILES_H
#define TESTS_SAMPLE_PROFILES_H

#include <string.h>

#include "profile/profile.h"

/* Add 'value' samples of the stack "main;parse;read" (root first). */
static inline void add_folded(struct pprofc_profile *profile, const char *stack, int64_t value)
{
    pp_id node = 0;

    while (*stack != '\0') {
        const size_t n_name = strcspn(stack, ";");
        node = pp_profile_child(profile, node, pp_profile_named_location(profile, stack, n_name));
        stack += n_name + (stack[n_name] == ';');
    }
    pp_profile_add(profile, node, 0, 0, &value);
}

/* A frame at 'address' of the module at 'path', without lines. */
static inline pp_id frame_in(struct pprofc_profile *profile, const char *path, uint64_t address)
{
    const struct pp_mapping mapping = {
        .start = 0x1000, .limit = 0x100000, .path = pp_profile_text(profile, path)};
    const struct pp_location location = {.address = address,
                                         .mapping = pp_profile_mapping(profile, &mapping)};

    return pp_profile_location(profile, &location, NULL);
}

/* An empty profile that counts samples. */
static inline struct pprofc_profile *new_counting(void)
{
    struct pprofc_profile *profile = pp_profile_new();

    if (profile != NULL)
        (void)pp_profile_add_type(profile, "samples", "count");
    return profile;
}

#endif
