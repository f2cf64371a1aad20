/* Building a profile: every string, mapping, function, location and label set once.  The tree is
 * in tree.c, the samples on it are in samples.c. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/pages.h"
#include "profile/profile.h"
#include "profile/tables.h"

/* Remember 'id' under 'hash'; on failure the profile is marked and the id withdrawn. */
static pp_id keep(struct pprofc_profile *profile, struct pp_id_table *table, uint64_t hash,
                  pp_id id)
{
    if (pp_id_table_put(table, hash, id) == 0)
        return id;
    profile->tables->failed = true;
    return 0;
}

/* ---- life ---- */

/* Element 0 of every column. */
static bool make_empty_elements(struct pprofc_profile *profile)
{
    char *empty = pp_arena_copy(&profile->arena, "", 0);

    if (empty == NULL || !PP_PROFILE_ROOM(profile, strings, 0) ||
        !PP_PROFILE_ROOM(profile, string_bytes, 0) || !PP_PROFILE_ROOM(profile, mappings, 0) ||
        !PP_PROFILE_ROOM(profile, functions, 0) || !PP_PROFILE_ROOM(profile, locations, 0) ||
        !PP_PROFILE_ROOM(profile, label_sets, 0) || !PP_PROFILE_ROOM(profile, node_parent, 0) ||
        !PP_PROFILE_ROOM(profile, node_location, 0))
        return false;
    profile->strings[0] = empty;
    profile->string_bytes[0] = 0;
    profile->mappings[0] = (struct pp_mapping){0};
    profile->functions[0] = (struct pp_function){0};
    profile->locations[0] = (struct pp_location){0};
    profile->label_sets[0] = (struct pp_label_set){0, 0};
    profile->node_parent[0] = 0;
    profile->node_location[0] = 0;
    profile->n_strings = profile->n_mappings = profile->n_functions = profile->n_locations = 1;
    profile->n_label_sets = profile->n_nodes = 1;
    return true;
}

struct pprofc_profile *pp_profile_new(void)
{
    struct pprofc_profile *profile = calloc(1, sizeof *profile);

    if (profile == NULL)
        return NULL;
    profile->arena = (struct pp_arena)PP_ARENA_INIT;
    profile->memory.object_bytes = -1;
    profile->memory.live_bytes = -1;
    profile->memory.live_error_bytes = -1;
    profile->tables = calloc(1, sizeof *profile->tables);
    if (profile->tables == NULL || !make_empty_elements(profile)) {
        pprofc_profile_free(profile);
        return NULL;
    }
    return profile;
}

void pprofc_profile_free(struct pprofc_profile *profile)
{
    if (profile == NULL)
        return;
    if (profile->tables != NULL) {
        struct pp_profile_tables *tables = profile->tables;
        pp_id_table_done(&tables->strings);
        pp_id_table_done(&tables->mappings);
        pp_id_table_done(&tables->functions);
        pp_id_table_done(&tables->locations);
        pp_id_table_done(&tables->label_sets);
        pp_id_table_done(&tables->nodes);
        pp_id_table_done(&tables->samples);
        pp_pages_array_free(profile->sample_labels, tables->sample_labels_capacity,
                            sizeof *profile->sample_labels);
        pp_pages_array_free(profile->sample_slice, tables->sample_slice_capacity,
                            sizeof *profile->sample_slice);
        free(tables->path_locations);
        free(tables->path_nodes);
        free(tables);
    }
    free(profile->strings);
    free(profile->string_bytes);
    free(profile->mappings);
    free(profile->functions);
    free(profile->lines);
    free(profile->locations);
    free(profile->labels);
    free(profile->label_sets);
    free(profile->node_parent);
    free(profile->node_location);
    free(profile->sample_stack);
    free(profile->sample_values);
    free(profile->sample_estimates);
    free(profile->comments);
    pp_arena_done(&profile->arena);
    free(profile);
}

bool pp_profile_failed(const struct pprofc_profile *profile)
{
    return profile->tables->failed;
}

/* ---- strings ---- */

static pp_id new_string(struct pprofc_profile *profile, const char *bytes, size_t n_bytes,
                        uint64_t hash)
{
    char *copy;

    if (!PP_PROFILE_ROOM(profile, strings, profile->n_strings) ||
        !PP_PROFILE_ROOM(profile, string_bytes, profile->n_strings))
        return 0;
    copy = pp_arena_copy(&profile->arena, bytes, n_bytes);
    if (copy == NULL) {
        profile->tables->failed = true;
        return 0;
    }
    profile->strings[profile->n_strings] = copy;
    profile->string_bytes[profile->n_strings] = (uint32_t)n_bytes;
    if (keep(profile, &profile->tables->strings, hash, profile->n_strings) == 0)
        return 0;
    return profile->n_strings++;
}

/* A name with NULs in it, from a hostile file: shown with '?' in their place. */
static pp_id string_without_nuls(struct pprofc_profile *profile, const char *bytes, size_t n_bytes)
{
    pp_autofree char *copy = malloc(n_bytes);

    if (copy == NULL) {
        profile->tables->failed = true;
        return 0;
    }
    for (size_t i = 0; i < n_bytes; i++)
        copy[i] = bytes[i] != '\0' ? bytes[i] : '?';
    return pp_profile_string(profile, copy, n_bytes);
}

pp_id pp_profile_string(struct pprofc_profile *profile, const char *bytes, size_t n_bytes)
{
    struct pp_id_table *table = &profile->tables->strings;
    struct pp_id_probe probe;
    uint64_t hash;

    if (n_bytes == 0)
        return 0;
    if (n_bytes >= UINT32_MAX) {
        profile->tables->failed = true;
        return 0;
    }
    if (memchr(bytes, '\0', n_bytes) != NULL)
        return string_without_nuls(profile, bytes, n_bytes);
    hash = pp_hash_bytes(bytes, n_bytes);
    for (probe = pp_id_table_first(table, hash); probe.id != 0;
         probe = pp_id_table_after(table, hash, probe)) {
        if (profile->string_bytes[probe.id] == n_bytes &&
            memcmp(profile->strings[probe.id], bytes, n_bytes) == 0)
            return probe.id;
    }
    return new_string(profile, bytes, n_bytes, hash);
}

pp_id pp_profile_text(struct pprofc_profile *profile, const char *text)
{
    return text == NULL ? 0 : pp_profile_string(profile, text, strlen(text));
}

/* ---- mappings and functions ---- */

static bool same_mapping(const struct pp_mapping *a, const struct pp_mapping *b)
{
    return a->start == b->start && a->limit == b->limit && a->offset == b->offset &&
           a->path == b->path && a->build_id == b->build_id &&
           a->has_functions == b->has_functions && a->has_filenames == b->has_filenames &&
           a->has_lines == b->has_lines && a->has_inlines == b->has_inlines;
}

pp_id pp_profile_mapping(struct pprofc_profile *profile, const struct pp_mapping *mapping)
{
    struct pp_id_table *table = &profile->tables->mappings;
    const uint64_t flags = mapping->has_functions | mapping->has_filenames << 1 |
                           mapping->has_lines << 2 | mapping->has_inlines << 3;
    uint64_t hash = pp_hash_add(pp_hash_add(mapping->start, mapping->limit), mapping->offset);
    struct pp_id_probe probe;

    hash = pp_hash_add(pp_hash_add(pp_hash_add(hash, mapping->path), mapping->build_id), flags);
    for (probe = pp_id_table_first(table, hash); probe.id != 0;
         probe = pp_id_table_after(table, hash, probe)) {
        if (same_mapping(&profile->mappings[probe.id], mapping))
            return probe.id;
    }
    if (!PP_PROFILE_ROOM(profile, mappings, profile->n_mappings) ||
        keep(profile, table, hash, profile->n_mappings) == 0)
        return 0;
    profile->mappings[profile->n_mappings] = *mapping;
    return profile->n_mappings++;
}

pp_id pp_profile_function(struct pprofc_profile *profile, const struct pp_function *function)
{
    struct pp_id_table *table = &profile->tables->functions;
    uint64_t hash = pp_hash_add(function->name, function->system_name);
    struct pp_id_probe probe;

    hash = pp_hash_add(pp_hash_add(hash, function->file), (uint64_t)function->start_line);
    for (probe = pp_id_table_first(table, hash); probe.id != 0;
         probe = pp_id_table_after(table, hash, probe)) {
        const struct pp_function *known = &profile->functions[probe.id];
        if (known->name == function->name && known->system_name == function->system_name &&
            known->file == function->file && known->start_line == function->start_line)
            return probe.id;
    }
    if (!PP_PROFILE_ROOM(profile, functions, profile->n_functions) ||
        keep(profile, table, hash, profile->n_functions) == 0)
        return 0;
    profile->functions[profile->n_functions] = *function;
    return profile->n_functions++;
}

/* ---- locations ---- */

static bool same_location(const struct pprofc_profile *profile, const struct pp_location *known,
                          const struct pp_location *location, const struct pp_line *lines)
{
    if (known->address != location->address || known->mapping != location->mapping ||
        known->n_lines != location->n_lines || known->is_folded != location->is_folded)
        return false;
    for (uint32_t i = 0; i < location->n_lines; i++) {
        const struct pp_line *line = &profile->lines[known->first_line + i];
        if (line->function != lines[i].function || line->line != lines[i].line)
            return false;
    }
    return true;
}

static pp_id new_location(struct pprofc_profile *profile, const struct pp_location *location,
                          const struct pp_line *lines, uint64_t hash)
{
    struct pp_profile_tables *tables = profile->tables;
    struct pp_location *made;

    if (!PP_PROFILE_ROOM(profile, locations, profile->n_locations) ||
        !pp_profile_room(tables, &profile->lines, &tables->lines_capacity, profile->n_lines,
                         location->n_lines, sizeof *profile->lines) ||
        keep(profile, &tables->locations, hash, profile->n_locations) == 0)
        return 0;
    made = &profile->locations[profile->n_locations];
    *made = *location;
    made->first_line = profile->n_lines;
    if (location->n_lines > 0)
        memcpy(profile->lines + profile->n_lines, lines, location->n_lines * sizeof *lines);
    profile->n_lines += location->n_lines;
    return profile->n_locations++;
}

pp_id pp_profile_location(struct pprofc_profile *profile, const struct pp_location *location,
                          const struct pp_line *lines)
{
    struct pp_id_table *table = &profile->tables->locations;
    uint64_t hash = pp_hash_add(location->address, location->mapping);
    struct pp_id_probe probe;

    hash = pp_hash_add(hash, (uint64_t)location->n_lines << 1 | location->is_folded);
    for (uint32_t i = 0; i < location->n_lines; i++)
        hash = pp_hash_add(pp_hash_add(hash, lines[i].function), (uint64_t)lines[i].line);
    for (probe = pp_id_table_first(table, hash); probe.id != 0;
         probe = pp_id_table_after(table, hash, probe)) {
        if (same_location(profile, &profile->locations[probe.id], location, lines))
            return probe.id;
    }
    return new_location(profile, location, lines, hash);
}

pp_id pp_profile_named_location(struct pprofc_profile *profile, const char *name, size_t n_bytes)
{
    const struct pp_function function = {.name = pp_profile_string(profile, name, n_bytes)};
    const struct pp_line line = {.function = pp_profile_function(profile, &function)};
    const struct pp_location location = {.n_lines = 1};

    return pp_profile_location(profile, &location, &line);
}

/* ---- label sets ---- */

static bool same_label(const struct pp_label *a, const struct pp_label *b)
{
    return a->key == b->key && a->text == b->text && a->number == b->number && a->unit == b->unit;
}

/* By key's bytes, then by what tells labels of one key apart in any file: their content, never
 * their ids. */
static int order_labels(const void *left, const void *right, void *strings_pointer)
{
    const char *const *strings = strings_pointer;
    const struct pp_label *a = left, *b = right;
    int order = strcmp(strings[a->key], strings[b->key]);

    if (order == 0)
        order = strcmp(strings[a->text], strings[b->text]);
    if (order == 0)
        order = (a->number > b->number) - (a->number < b->number);
    if (order == 0)
        order = strcmp(strings[a->unit], strings[b->unit]);
    return order;
}

/* They come sorted nearly always. */
static void sort_labels(const struct pprofc_profile *profile, struct pp_label *labels,
                        uint32_t n_labels)
{
    uint32_t n_sorted = 1;

    while (n_sorted < n_labels &&
           order_labels(&labels[n_sorted - 1], &labels[n_sorted], profile->strings) <= 0)
        n_sorted++;
    if (n_sorted < n_labels)
        qsort_r(labels, n_labels, sizeof *labels, order_labels, profile->strings);
}

static bool same_label_set(const struct pprofc_profile *profile, const struct pp_label_set *known,
                           const struct pp_label *labels, uint32_t n_labels)
{
    if (known->n_labels != n_labels)
        return false;
    for (uint32_t i = 0; i < n_labels; i++) {
        if (!same_label(&profile->labels[known->first + i], &labels[i]))
            return false;
    }
    return true;
}

pp_id pp_profile_label_set(struct pprofc_profile *profile, const struct pp_label *labels,
                           uint32_t n_labels)
{
    struct pp_profile_tables *tables = profile->tables;
    struct pp_label *sorted;
    struct pp_id_probe probe;
    uint64_t hash = n_labels;

    if (n_labels == 0)
        return 0;
    /* Sorted where they would stay; when the set is known the room is simply not used. */
    if (!pp_profile_room(tables, &profile->labels, &tables->labels_capacity, profile->n_labels,
                         n_labels, sizeof *profile->labels) ||
        !PP_PROFILE_ROOM(profile, label_sets, profile->n_label_sets))
        return 0;
    sorted = profile->labels + profile->n_labels;
    memcpy(sorted, labels, n_labels * sizeof *labels);
    sort_labels(profile, sorted, n_labels);
    for (uint32_t i = 0; i < n_labels; i++) {
        hash = pp_hash_add(pp_hash_add(hash, sorted[i].key), sorted[i].text);
        hash = pp_hash_add(pp_hash_add(hash, (uint64_t)sorted[i].number), sorted[i].unit);
    }
    for (probe = pp_id_table_first(&tables->label_sets, hash); probe.id != 0;
         probe = pp_id_table_after(&tables->label_sets, hash, probe)) {
        if (same_label_set(profile, &profile->label_sets[probe.id], sorted, n_labels))
            return probe.id;
    }
    if (keep(profile, &tables->label_sets, hash, profile->n_label_sets) == 0)
        return 0;
    profile->label_sets[profile->n_label_sets] = (struct pp_label_set){profile->n_labels, n_labels};
    profile->n_labels += n_labels;
    return profile->n_label_sets++;
}

/* ---- comments ---- */

static void add_comment(struct pprofc_profile *profile, const char *format, va_list arguments)
{
    pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;

    pp_buffer_vprintf(&text, format, arguments);
    if (text.failed) {
        profile->tables->failed = true;
        return;
    }
    if (!PP_PROFILE_ROOM(profile, comments, profile->n_comments))
        return;
    profile->comments[profile->n_comments] = pp_profile_string(profile, text.bytes, text.n_bytes);
    profile->n_comments++;
}

void pp_profile_comment(struct pprofc_profile *profile, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add_comment(profile, format, arguments);
    va_end(arguments);
}

void pp_profile_note(struct pprofc_profile *profile, const char *format, ...)
{
    const uint32_t n_before = profile->n_comments;
    va_list arguments;

    va_start(arguments, format);
    add_comment(profile, format, arguments);
    va_end(arguments);
    profile->n_notes += profile->n_comments - n_before;
}
