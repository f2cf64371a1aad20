/* What a filter's expressions say of each location.  Each expression is tried once on each function
 * and module, however many locations, stacks and samples there are. */
#include "profile/filter_frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "profile/tables.h"

struct matches {
    uint8_t *of_function, *of_mapping; /* bits of enum pp_filter_match */
};

/* ---- functions' names ---- */

/* Where the arguments of a function's name begin: at the first parenthesis that is no part of the
 * name itself. */
static size_t name_without_arguments(const char *name)
{
    static const char *const reserved[] = {"(anonymous namespace)", "operator()"};

    for (const char *at = name; *at != '\0'; at++) {
        size_t n_skipped = 0;
        for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
            if (strncmp(at, reserved[i], strlen(reserved[i])) == 0)
                n_skipped = strlen(reserved[i]);
        if (n_skipped > 0)
            at += n_skipped - 1;
        else if (*at == '(')
            return (size_t)(at - name);
    }
    return strlen(name);
}

static const char *name_of(const struct pprofc_profile *profile, pp_id function)
{
    const struct pp_function *known = &profile->functions[function];

    return profile->strings[known->name != 0 ? known->name : known->system_name];
}

bool *pp_frame_match_names(const struct pprofc_profile *profile, struct pp_pattern *drop,
                           struct pp_pattern *keep)
{
    bool *matches = calloc(profile->n_functions, sizeof *matches);

    for (pp_id id = 1; matches != NULL && id < profile->n_functions; id++) {
        const char *whole = name_of(profile, id);
        const char *begin = whole + (whole[0] == '.'); /* a PowerPC symbol */
        pp_autofree char *name = strndup(begin, name_without_arguments(begin));
        if (name == NULL) {
            free(matches);
            return NULL;
        }
        matches[id] = name[0] != '\0' && pp_pattern_matches(drop, name) &&
                      (keep == NULL || !pp_pattern_matches(keep, name));
    }
    return matches;
}

/* ---- expressions on functions and modules ---- */

_Static_assert(PP_MATCHED_FOCUS == 1 && PP_MATCHED_IGNORE == 2 && PP_MATCHED_HIDE == 4 &&
                   PP_MATCHED_SHOW == 8 && PP_MATCHED_SHOW_FROM == 16,
               "match_text() numbers them in this order");

static uint8_t match_text(const struct pp_filter *filter, const char *text)
{
    struct pp_pattern *const patterns[] = {filter->focus, filter->ignore, filter->hide,
                                           filter->show, filter->show_from};
    uint8_t bits = 0;

    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++)
        if (patterns[i] != NULL && pp_pattern_matches(patterns[i], text))
            bits = (uint8_t)(bits | 1U << i);
    return bits;
}

static void matches_done(struct matches *matches)
{
    free(matches->of_function);
    free(matches->of_mapping);
}

/* Files are few beside functions: each is tried once. */
static int match_functions(struct matches *matches, const struct pprofc_profile *profile,
                           const struct pp_filter *filter)
{
    enum { IS_KNOWN = 128 };
    pp_autofree uint8_t *of_file = calloc(profile->n_strings, sizeof *of_file);
    pp_autofree bool *ends = NULL;

    if (of_file == NULL)
        return -ENOMEM;
    if (filter->prune_from != NULL) {
        ends = pp_frame_match_names(profile, filter->prune_from, NULL);
        if (ends == NULL)
            return -ENOMEM;
    }
    for (pp_id id = 1; id < profile->n_functions; id++) {
        const pp_id file = profile->functions[id].file;
        if (of_file[file] == 0)
            of_file[file] = IS_KNOWN | match_text(filter, profile->strings[file]);
        matches->of_function[id] =
            (uint8_t)(match_text(filter, name_of(profile, id)) | (of_file[file] & ~IS_KNOWN) |
                      (ends != NULL && ends[id] ? PP_MATCHED_PRUNE_FROM : 0));
    }
    return 0;
}

static int matches_init(struct matches *matches, const struct pprofc_profile *profile,
                        const struct pp_filter *filter)
{
    matches->of_function = calloc(profile->n_functions, 1);
    matches->of_mapping = calloc(profile->n_mappings, 1);
    if (matches->of_function == NULL || matches->of_mapping == NULL)
        return -ENOMEM;
    for (pp_id id = 1; id < profile->n_mappings; id++)
        matches->of_mapping[id] = match_text(filter, profile->strings[profile->mappings[id].path]);
    return match_functions(matches, profile, filter);
}

/* ---- locations ---- */

/* Which lines hide and show leave; whether any is left. */
static bool hide_lines(struct pp_frame_fates *fates, const struct pprofc_profile *profile,
                       const struct pp_filter *filter, const struct matches *matches,
                       const struct pp_location *frame)
{
    const uint8_t of_mapping = matches->of_mapping[frame->mapping];
    bool is_any_left = false;

    if ((of_mapping & PP_MATCHED_HIDE) != 0)
        return false;
    if (frame->n_lines == 0)
        return filter->show == NULL || (of_mapping & PP_MATCHED_SHOW) != 0;
    for (uint32_t i = 0; i < frame->n_lines; i++) {
        const pp_id function = profile->lines[frame->first_line + i].function;
        const uint8_t of_function = matches->of_function[function];
        const bool is_hidden = (of_function & PP_MATCHED_HIDE) != 0 ||
                               (filter->show != NULL && (of_mapping & PP_MATCHED_SHOW) == 0 &&
                                (of_function & PP_MATCHED_SHOW) == 0 && function != 0);
        fates->is_line_hidden[frame->first_line + i] = is_hidden;
        is_any_left |= !is_hidden;
    }
    return is_any_left;
}

static void decide(struct pp_frame_fates *fates, const struct pprofc_profile *profile,
                   const struct pp_filter *filter, const struct matches *matches, pp_id location)
{
    const struct pp_location *frame = &profile->locations[location];
    struct pp_frame_fate *fate = &fates->fates[location];
    uint8_t all = matches->of_mapping[frame->mapping];

    *fate = (struct pp_frame_fate){.first = 0, .last = frame->n_lines > 0 ? frame->n_lines - 1 : 0};
    fate->begins = (all & PP_MATCHED_SHOW_FROM) != 0;
    for (uint32_t i = 0; i < frame->n_lines; i++)
        all |= matches->of_function[profile->lines[frame->first_line + i].function];
    fate->met = all;
    fate->is_hidden = !hide_lines(fates, profile, filter, matches, frame);
    for (uint32_t i = 0; i < frame->n_lines; i++) {
        const uint32_t line = frame->first_line + i;
        const uint8_t bits = matches->of_function[profile->lines[line].function];
        if (fates->is_line_hidden[line])
            continue;
        if ((bits & PP_MATCHED_SHOW_FROM) != 0 &&
            (matches->of_mapping[frame->mapping] & PP_MATCHED_SHOW_FROM) == 0) {
            fate->begins = true;
            fate->last = i;
        }
        if ((bits & PP_MATCHED_PRUNE_FROM) != 0 && !fate->ends) {
            fate->ends = true;
            fate->first = i;
        }
    }
}

int pp_frame_fates_init(struct pp_frame_fates *fates, const struct pprofc_profile *profile,
                        const struct pp_filter *filter)
{
    __attribute__((cleanup(matches_done))) struct matches matches = {NULL, NULL};

    *fates = (struct pp_frame_fates){.fates = calloc(profile->n_locations, sizeof *fates->fates),
                                     .n_fates = profile->n_locations,
                                     .is_line_hidden = calloc((size_t)profile->n_lines + 1, 1),
                                     .without_inlines = filter->without_inlines};
    if (fates->fates == NULL || fates->is_line_hidden == NULL ||
        matches_init(&matches, profile, filter) != 0)
        return -ENOMEM;
    for (pp_id location = 0; location < profile->n_locations; location++)
        decide(fates, profile, filter, &matches, location);
    return 0;
}

void pp_frame_fates_done(struct pp_frame_fates *fates)
{
    free(fates->fates);
    free(fates->is_line_hidden);
    *fates = (struct pp_frame_fates){.fates = NULL};
}

/* ---- what is left ---- */

pp_id pp_frame_part(struct pprofc_profile *profile, pp_id location, uint32_t first, uint32_t last)
{
    struct pp_location part = profile->locations[location];
    pp_autofree struct pp_line *lines = NULL;

    if (part.n_lines == 0 || (first == 0 && last + 1 == part.n_lines))
        return location;
    lines = malloc((last + 1 - first) * sizeof *lines);
    if (lines == NULL) {
        profile->tables->failed = true;
        return 0;
    }
    memcpy(lines, profile->lines + part.first_line + first, (last + 1 - first) * sizeof *lines);
    part.n_lines = last + 1 - first;
    return pp_profile_location(profile, &part, lines);
}

pp_id pp_frame_left(const struct pp_frame_fates *fates, struct pprofc_profile *profile,
                    pp_id location, bool is_begin, bool is_end)
{
    const struct pp_frame_fate *fate = &fates->fates[location];
    struct pp_location left = profile->locations[location];
    const uint32_t first = is_end ? fate->first : 0;
    const uint32_t end = left.n_lines == 0 ? 0 : is_begin ? fate->last + 1 : left.n_lines;
    pp_autofree struct pp_line *lines = NULL;
    uint32_t n_lines = 0;

    if (left.n_lines == 0)
        return location;
    lines = malloc(left.n_lines * sizeof *lines);
    if (lines == NULL) {
        profile->tables->failed = true;
        return 0;
    }
    for (uint32_t i = first; i < end; i++)
        if (!fates->is_line_hidden[left.first_line + i])
            lines[n_lines++] = profile->lines[left.first_line + i];
    if (fates->without_inlines && n_lines > 1) {
        lines[0] = lines[n_lines - 1];
        n_lines = 1;
    }
    if (n_lines == left.n_lines || n_lines == 0)
        return location;
    left.n_lines = n_lines;
    return pp_profile_location(profile, &left, lines);
}
