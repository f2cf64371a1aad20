/* What a format has no room for, said of what a profile really has. */
#include <stdio.h>
#include <string.h>

#include "formats/formats.h"

enum {
    TYPES = 1,
    LABELS = 2,
    PLACES = 4,
    ADDRESSES = 8,
    STACKS = 16,
    SEMICOLONS = 32,
    N_KINDS = 6
};

static const char *const names[N_KINDS] = {
    "other sample types",    "labels", "lines",
    "addresses and modules", "stacks", "semicolons in names"};

/* Formats that hold all of these are not among them: pprof, OTLP and JSON; nor is what is there to
 * be looked at. */
static unsigned room_missing_in(enum pp_format format)
{
    switch (format) {
    case PP_FORMAT_FOLDED:
        return TYPES | LABELS | PLACES | ADDRESSES | SEMICOLONS;
    case PP_FORMAT_SPEEDSCOPE:
        return LABELS | PLACES | ADDRESSES;
    case PP_FORMAT_CSV:
        return TYPES | LABELS | STACKS;
    default:
        return 0;
    }
}

static unsigned contents_of(const struct pprofc_profile *profile)
{
    unsigned kinds = profile->n_types > 1 ? TYPES : 0;

    for (uint32_t i = 0; i < profile->n_samples; i++) {
        kinds |= profile->sample_labels[i] != 0 ? LABELS : 0;
        kinds |= profile->node_parent[profile->sample_stack[i]] != 0 ? STACKS : 0;
    }
    for (uint32_t i = 0; i < profile->n_lines; i++)
        kinds |= profile->lines[i].line > 0 ? PLACES : 0;
    for (uint32_t i = 1; i < profile->n_locations; i++)
        kinds |= profile->locations[i].address != 0 ? ADDRESSES : 0;
    for (uint32_t i = 1; i < profile->n_functions; i++)
        kinds |= strchr(pp_profile_chars(profile, profile->functions[i].name), ';') != NULL
                     ? SEMICOLONS
                     : 0;
    return kinds;
}

void pp_format_leaves_out(const struct pprofc_profile *profile, enum pp_format format, char *line,
                          size_t capacity)
{
    const unsigned missing = room_missing_in(format);
    const unsigned kinds = missing != 0 ? missing & contents_of(profile) : 0;
    size_t n_chars = 0;

    if (capacity > 0)
        line[0] = '\0';
    for (unsigned i = 0, left = kinds; i < N_KINDS && n_chars < capacity; i++) {
        if ((kinds & 1U << i) == 0)
            continue;
        left &= ~(1U << i);
        n_chars += (size_t)snprintf(line + n_chars, capacity - n_chars, "%s%s",
                                    n_chars == 0 ? ""
                                    : left == 0  ? " and "
                                                 : ", ",
                                    names[i]);
    }
}
