/* What the samples of a top are grouped by. */
#include "profile/top_groups.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/print.h"
#include "profile/label.h"
#include "profile/pools.h"
#include "profile/tables.h"

enum { NO_GROUP = UINT32_MAX };

/* ---- numbering ---- */

static uint64_t hash_group(const struct pp_top_group *group)
{
    uint64_t hash = group->number;

    for (const char *c = group->name; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3ULL;
    for (const char *c = group->file; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3ULL;
    return pp_hash_mix(hash);
}

/* The number of the group like 'wanted', made when it is new; NO_GROUP without memory. */
static uint32_t number_of(struct pp_top_groups *groups, const struct pp_top_group *wanted)
{
    const uint64_t hash = hash_group(wanted);
    struct pp_id_probe probe = pp_id_table_first(&groups->table, hash);

    for (; probe.id != 0; probe = pp_id_table_after(&groups->table, hash, probe)) {
        const struct pp_top_group *known = &groups->groups[probe.id - 1];
        if (known->number == wanted->number && strcmp(known->name, wanted->name) == 0 &&
            strcmp(known->file, wanted->file) == 0)
            return probe.id - 1;
    }
    if (pp_array_reserve(&groups->groups, &groups->groups_capacity, (size_t)groups->n_groups + 1,
                         sizeof *groups->groups) != 0 ||
        pp_id_table_put(&groups->table, hash, groups->n_groups + 1) != 0)
        return NO_GROUP;
    groups->groups[groups->n_groups] = *wanted;
    return groups->n_groups++;
}

/* A made-up name, in the top's memory; NULL without any. */
static const char *__attribute__((format(printf, 2, 3)))
name(struct pp_arena *arena, const char *format, ...)
{
    va_list arguments, again;
    char *text = NULL;
    int n_chars;

    va_start(arguments, format);
    va_copy(again, arguments);
    n_chars = pp_vprint(NULL, 0, format, arguments);
    if (n_chars >= 0)
        text = pp_arena_alloc(arena, (size_t)n_chars + 1);
    if (text != NULL)
        (void)pp_vprint(text, (size_t)n_chars + 1, format, again);
    va_end(again);
    va_end(arguments);
    return text;
}

/* ---- one kind of group each.  They return NO_GROUP without memory. ---- */

static uint32_t by_function(struct pp_top_groups *groups, const struct pprofc_profile *profile,
                            pp_id location, uint32_t line, enum pp_group group)
{
    const struct pp_location *frame = &profile->locations[location];
    struct pp_top_group wanted = {.name = "<unknown>", .file = "", .number = 0};
    char scratch[512];
    const char *shown = pp_profile_frame_name(profile, location, line, scratch, sizeof scratch);

    wanted.name = shown == scratch ? name(groups->arena, "%s", shown) : shown;
    if (wanted.name == NULL)
        return NO_GROUP;
    if (line < frame->n_lines) {
        const struct pp_line *at = &profile->lines[frame->first_line + line];
        if (group != PP_BY_NAME)
            wanted.file = profile->strings[profile->functions[at->function].file];
        wanted.number = group == PP_BY_LINE ? (uint64_t)at->line : 0;
    }
    return number_of(groups, &wanted);
}

static uint32_t by_file(struct pp_top_groups *groups, const struct pprofc_profile *profile,
                        pp_id location, uint32_t line)
{
    const struct pp_location *frame = &profile->locations[location];
    struct pp_top_group wanted = {.name = "<unknown>", .file = "", .number = 0};

    if (line < frame->n_lines) {
        const pp_id function = profile->lines[frame->first_line + line].function;
        wanted.file = profile->strings[profile->functions[function].file];
    }
    if (wanted.file[0] != '\0')
        wanted.name = wanted.file;
    return number_of(groups, &wanted);
}

static uint32_t by_module(struct pp_top_groups *groups, const struct pprofc_profile *profile,
                          pp_id location)
{
    const char *path =
        profile->strings[profile->mappings[profile->locations[location].mapping].path];
    const struct pp_top_group wanted = {.name = path[0] != '\0' ? pp_profile_base_name(path)
                                                                : "<unknown>",
                                        .file = path,
                                        .number = 0};

    return number_of(groups, &wanted);
}

static uint32_t by_address(struct pp_top_groups *groups, const struct pprofc_profile *profile,
                           pp_id location)
{
    char scratch[512];
    const uint64_t address = profile->locations[location].address;
    const char *shown = pp_profile_frame_name(profile, location, 0, scratch, sizeof scratch);
    struct pp_top_group wanted = {.file = "", .number = address};

    wanted.name = name(groups->arena, "0x%016" PRIx64 " %s", address, shown);
    return wanted.name == NULL ? NO_GROUP : number_of(groups, &wanted);
}

static uint32_t by_thread(struct pp_top_groups *groups, const struct pprofc_profile *profile,
                          pp_id label_set)
{
    const struct pp_label_set *set = &profile->label_sets[label_set];
    struct pp_top_group wanted = {.name = "<unknown>", .file = "", .number = 0};
    const char *thread = "";
    const char *number = "";
    char digits[24];

    for (uint32_t i = 0; i < set->n_labels; i++) {
        const struct pp_label *label = &profile->labels[set->first + i];
        const char *key = profile->strings[label->key];
        if (strcmp(key, "thread_name") == 0) {
            thread = profile->strings[label->text];
        } else if (strcmp(key, "thread_id") == 0) {
            (void)snprintf(digits, sizeof digits, "%" PRId64, label->number);
            number = label->text != 0 ? profile->strings[label->text] : digits;
        }
    }
    if (thread[0] != '\0' && number[0] != '\0')
        wanted.name = name(groups->arena, "%s (%s)", thread, number);
    else if (thread[0] != '\0' || number[0] != '\0')
        wanted.name = name(groups->arena, "%s%s", thread, number);
    return wanted.name == NULL ? NO_GROUP : number_of(groups, &wanted);
}

static uint32_t by_pool(struct pp_top_groups *groups, const struct pprofc_profile *profile,
                        pp_id label_set)
{
    const struct pp_label_set *set = &profile->label_sets[label_set];
    struct pp_top_group wanted = {.name = "<unknown>", .file = "", .number = 0};
    char pool[PP_POOL_NAME_BYTES];

    for (uint32_t i = 0; i < set->n_labels; i++) {
        const struct pp_label *label = &profile->labels[set->first + i];
        if (strcmp(profile->strings[label->key], "thread_name") == 0)
            wanted.name =
                name(groups->arena, "%s", pp_pool_name(profile->strings[label->text], pool));
    }
    return wanted.name == NULL ? NO_GROUP : number_of(groups, &wanted);
}

static uint32_t by_label(struct pp_top_groups *groups, const struct pprofc_profile *profile,
                         pp_id label_set, const char *key)
{
    pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;
    struct pp_top_group wanted = {.name = NULL, .file = "", .number = 0};

    if (!pp_label_values(profile, label_set, key, strlen(key), NULL, &text))
        pp_buffer_printf(&text, "(no %s)", key);
    pp_buffer_text(&text, "");
    wanted.name = text.failed ? NULL : name(groups->arena, "%s", text.bytes);
    return wanted.name == NULL ? NO_GROUP : number_of(groups, &wanted);
}

/* ---- numbering all of a profile ---- */

/* The function that alone tells which group a line is in; 0: there is none. */
static pp_id function_of(const struct pprofc_profile *profile, pp_id location, uint32_t line,
                         enum pp_group group)
{
    const struct pp_location *frame = &profile->locations[location];
    const struct pp_function *function;
    pp_id id;

    if (group == PP_BY_LINE || line >= frame->n_lines)
        return 0;
    id = profile->lines[frame->first_line + line].function;
    function = &profile->functions[id];
    return group == PP_BY_FILE || function->name != 0 || function->system_name != 0 ? id : 0;
}

/* A function has several lines: it is looked up once. 'of_function': its group + 1. */
static uint32_t number_line(struct pp_top_groups *groups, const struct pprofc_profile *profile,
                            pp_id location, uint32_t line, enum pp_group group,
                            uint32_t *of_function)
{
    const pp_id function = function_of(profile, location, line, group);
    uint32_t number;

    if (of_function[function] != 0)
        return of_function[function] - 1;
    number = group == PP_BY_FILE ? by_file(groups, profile, location, line)
                                 : by_function(groups, profile, location, line, group);
    if (function != 0 && number != NO_GROUP)
        of_function[function] = number + 1;
    return number;
}

static int number_lines(struct pp_top_groups *groups, const struct pprofc_profile *profile,
                        enum pp_group group)
{
    pp_autofree uint32_t *of_function =
        calloc((size_t)profile->n_functions + 1, sizeof *of_function);

    groups->of_line = calloc((size_t)profile->n_lines + 1, sizeof *groups->of_line);
    if (groups->of_line == NULL || of_function == NULL)
        return -ENOMEM;
    for (pp_id location = 0; location < profile->n_locations; location++) {
        const struct pp_location *frame = &profile->locations[location];
        for (uint32_t i = 0; i < frame->n_lines || (i == 0 && frame->n_lines == 0); i++) {
            const uint32_t number = number_line(groups, profile, location, i, group, of_function);
            if (number == NO_GROUP)
                return -ENOMEM;
            if (frame->n_lines > 0)
                groups->of_line[frame->first_line + i] = number;
            else
                groups->of_location[location] = number;
        }
    }
    return 0;
}

static int number_locations(struct pp_top_groups *groups, const struct pprofc_profile *profile,
                            enum pp_group group)
{
    for (pp_id location = 0; location < profile->n_locations; location++) {
        const uint32_t number = group == PP_BY_MODULE ? by_module(groups, profile, location)
                                                      : by_address(groups, profile, location);
        if (number == NO_GROUP)
            return -ENOMEM;
        groups->of_location[location] = number;
    }
    return 0;
}

static int number_label_sets(struct pp_top_groups *groups, const struct pprofc_profile *profile,
                             enum pp_group group, const char *label_key)
{
    groups->of_label_set = calloc(profile->n_label_sets, sizeof *groups->of_label_set);
    if (groups->of_label_set == NULL)
        return -ENOMEM;
    for (pp_id set = 0; set < profile->n_label_sets; set++) {
        const uint32_t number = group == PP_BY_THREAD ? by_thread(groups, profile, set)
                                : group == PP_BY_POOL ? by_pool(groups, profile, set)
                                                      : by_label(groups, profile, set, label_key);
        if (number == NO_GROUP)
            return -ENOMEM;
        groups->of_label_set[set] = number;
    }
    return 0;
}

int pp_top_groups_init(struct pp_top_groups *groups, const struct pprofc_profile *profile,
                       enum pp_group group, const char *label_key, struct pp_arena *arena)
{
    groups->arena = arena;
    groups->by_name = group == PP_BY_NAME;
    groups->of_location = calloc(profile->n_locations, sizeof *groups->of_location);
    if (groups->of_location == NULL)
        return -ENOMEM;
    if (group == PP_BY_THREAD || group == PP_BY_POOL || group == PP_BY_LABEL)
        return number_label_sets(groups, profile, group, label_key);
    if (group == PP_BY_MODULE || group == PP_BY_ADDRESS)
        return number_locations(groups, profile, group);
    return number_lines(groups, profile, group);
}

void pp_top_groups_done(struct pp_top_groups *groups)
{
    free(groups->groups);
    free(groups->of_line);
    free(groups->of_location);
    free(groups->of_label_set);
    pp_id_table_done(&groups->table);
    *groups = (struct pp_top_groups){0};
}

/* ---- the hottest line ---- */

/* What one line of one group weighs. */
struct spot {
    uint32_t group;
    pp_id mapping, file;
    int64_t line, self, total;
    bool is_physical; /* not always inlined */
};

struct spots {
    struct spot *spots;
    uint32_t n_spots;
    size_t capacity;
    struct pp_id_table table; /* ids are spot + 1 */
};

static void spots_done(struct spots *spots)
{
    free(spots->spots);
    pp_id_table_done(&spots->table);
}

static struct spot *spot_of(struct spots *spots, uint32_t group, pp_id mapping, pp_id file,
                            int64_t line)
{
    const uint64_t hash = pp_hash_add(
        pp_hash_add(pp_hash_mix((uint64_t)group << 32 | mapping), file), (uint64_t)line);
    struct pp_id_probe probe = pp_id_table_first(&spots->table, hash);

    for (; probe.id != 0; probe = pp_id_table_after(&spots->table, hash, probe)) {
        struct spot *known = &spots->spots[probe.id - 1];
        if (known->group == group && known->mapping == mapping && known->file == file &&
            known->line == line)
            return known;
    }
    if (pp_array_reserve(&spots->spots, &spots->capacity, (size_t)spots->n_spots + 1,
                         sizeof *spots->spots) != 0 ||
        pp_id_table_put(&spots->table, hash, spots->n_spots + 1) != 0)
        return NULL;
    spots->spots[spots->n_spots] =
        (struct spot){.group = group, .mapping = mapping, .file = file, .line = line};
    return &spots->spots[spots->n_spots++];
}

static bool weighs_more(const struct spot *a, const struct spot *b)
{
    if (a->self != b->self)
        return a->self > b->self;
    if (a->total != b->total)
        return a->total > b->total;
    return a->line < b->line;
}

static int fill_spots(struct spots *spots, const struct pp_top_groups *groups,
                      const struct pprofc_profile *profile, const struct pp_top_load *loads)
{
    for (pp_id location = 0; location < profile->n_locations; location++) {
        const struct pp_location *frame = &profile->locations[location];
        const struct pp_top_members members = pp_top_groups_of(groups, profile, location);
        const bool is_used = loads[location].total != 0 || loads[location].self != 0;
        for (uint32_t i = 0; is_used && i < members.n; i++) {
            const struct pp_line *at =
                i < frame->n_lines ? &profile->lines[frame->first_line + i] : NULL;
            struct spot *spot = spot_of(spots, members.groups[i], frame->mapping,
                                        at != NULL ? profile->functions[at->function].file : 0,
                                        at != NULL ? at->line : 0);
            if (spot == NULL)
                return -ENOMEM;
            spot->self = pp_add_values(spot->self, i == 0 ? loads[location].self : 0);
            spot->total = pp_add_values(spot->total, loads[location].total);
            spot->is_physical |= i == members.n - 1;
        }
    }
    return 0;
}

int pp_top_hottest(const struct pp_top_groups *groups, const struct pprofc_profile *profile,
                   const struct pp_top_load *loads, struct pp_top_row *rows)
{
    __attribute__((cleanup(spots_done))) struct spots spots = {0};
    pp_autofree uint32_t *hottest = calloc((size_t)groups->n_groups + 1, sizeof *hottest);
    pp_autofree bool *is_physical = calloc((size_t)groups->n_groups + 1, sizeof *is_physical);

    if (hottest == NULL || is_physical == NULL || fill_spots(&spots, groups, profile, loads) != 0)
        return -ENOMEM;
    for (uint32_t i = 0; i < spots.n_spots; i++) { /* hottest: spot + 1 */
        const struct spot *spot = &spots.spots[i];
        const uint32_t best = hottest[spot->group];
        is_physical[spot->group] |= spot->is_physical;
        if (best == 0 || weighs_more(spot, &spots.spots[best - 1]))
            hottest[spot->group] = i + 1;
    }
    for (uint32_t group = 0; group < groups->n_groups; group++) {
        const struct spot *spot = hottest[group] != 0 ? &spots.spots[hottest[group] - 1] : NULL;
        if (spot == NULL)
            continue;
        rows[group].line = groups->of_line != NULL ? spot->line : 0;
        rows[group].module = profile->strings[profile->mappings[spot->mapping].path];
        rows[group].is_inlined = !is_physical[group];
        if (groups->by_name)
            rows[group].file = profile->strings[spot->file];
    }
    return 0;
}
