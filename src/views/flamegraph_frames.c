/* The frames of a flame graph: functions by name, and addresses that have none. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "views/flamegraph_draft.h"

static uint32_t add_frame(struct pp_flame_draft *draft, const char *name, uint32_t n_bytes)
{
    if (draft->n_frames >= UINT32_MAX - 1 ||
        pp_array_reserve(&draft->frames, &draft->frames_capacity, draft->n_frames + 1,
                         sizeof *draft->frames) != 0)
        return PP_FLAME_NO_FRAME;
    draft->frames[draft->n_frames] =
        (struct pp_flame_frame){.name = name, .n_bytes = n_bytes, .hot_total = -1};
    return (uint32_t)draft->n_frames++;
}

/* What stands for a function that is not known: "libfoo.so+0x1234". */
static uint32_t frame_of_address(struct pp_flame_draft *draft, pp_id location_id)
{
    const struct pprofc_profile *profile = draft->profile;
    const struct pp_location *location = &profile->locations[location_id];
    const struct pp_mapping *mapping = &profile->mappings[location->mapping];
    const char *module = pp_flame_base_name(pp_profile_chars(profile, mapping->path));
    const uint64_t offset = location->mapping == 0
                                ? location->address
                                : location->address - mapping->start + mapping->offset;
    pp_autobuffer struct pp_buffer name = PP_BUFFER_INIT;
    char *copy;

    if (location->address == 0)
        pp_buffer_text(&name, "[unknown]");
    else if (module[0] != '\0')
        pp_buffer_printf(&name, "%s+0x%" PRIx64, module, offset);
    else
        pp_buffer_printf(&name, "0x%" PRIx64, location->address);
    if (name.failed ||
        (copy = pp_arena_copy(&draft->tree->names, name.bytes, name.n_bytes)) == NULL)
        return PP_FLAME_NO_FRAME;
    return add_frame(draft, copy, (uint32_t)name.n_bytes);
}

/* The frame of a location's line, made when it is new; 'line' is ignored for locations without
 * lines. */
uint32_t pp_flame_frame_of(struct pp_flame_draft *draft, pp_id location_id,
                           const struct pp_line *line)
{
    const struct pprofc_profile *profile = draft->profile;
    const pp_id name = line != NULL ? profile->functions[line->function].name : 0;
    uint32_t *frame;

    if (name == 0) {
        frame = &draft->frame_of_location[location_id];
        if (*frame == PP_FLAME_NO_FRAME)
            *frame = frame_of_address(draft, location_id);
    } else {
        frame = &draft->frame_of_string[name];
        if (*frame == PP_FLAME_NO_FRAME)
            *frame = add_frame(draft, profile->strings[name], profile->string_bytes[name]);
    }
    return *frame;
}

/* A function's file, line and module are those of its hottest address. */
static void describe_frame(struct pp_flame_draft *draft, uint32_t frame_id, pp_id location_id,
                           const struct pp_line *line, int64_t location_total)
{
    const struct pprofc_profile *profile = draft->profile;
    struct pp_flame_frame *frame = &draft->frames[frame_id];

    if (location_total <= frame->hot_total)
        return;
    frame->hot_total = location_total;
    frame->module = profile->mappings[profile->locations[location_id].mapping].path;
    if (line == NULL)
        return;
    frame->file = profile->functions[line->function].file;
    frame->start_line = profile->functions[line->function].start_line;
    frame->hot_line = line->line;
}

int pp_flame_find_frames(struct pp_flame_draft *draft)
{
    const struct pprofc_profile *profile = draft->profile;
    pp_autofree int64_t *weights = calloc((size_t)profile->n_locations + 1, sizeof *weights);
    uint32_t i, k;

    draft->frame_of_string = malloc(((size_t)profile->n_strings + 1) * sizeof(uint32_t));
    draft->frame_of_location = malloc(((size_t)profile->n_locations + 1) * sizeof(uint32_t));
    if (weights == NULL || draft->frame_of_string == NULL || draft->frame_of_location == NULL)
        return -ENOMEM;
    memset(draft->frame_of_string, 0xff, ((size_t)profile->n_strings + 1) * sizeof(uint32_t));
    memset(draft->frame_of_location, 0xff, ((size_t)profile->n_locations + 1) * sizeof(uint32_t));
    for (i = 1; i < profile->n_nodes; i++) {
        int64_t *weight = &weights[profile->node_location[i]];
        *weight = pp_flame_add(*weight, pp_flame_total(draft, i));
    }
    for (i = 0; i < profile->n_locations; i++) {
        const struct pp_location *location = &profile->locations[i];
        if (weights[i] == 0)
            continue;
        for (k = 0; k < location->n_lines || k == 0; k++) {
            const struct pp_line *line =
                k < location->n_lines ? &profile->lines[location->first_line + k] : NULL;
            const uint32_t frame = pp_flame_frame_of(draft, i, line);
            if (frame == PP_FLAME_NO_FRAME)
                return -ENOMEM;
            draft->is_plain &= location->n_lines <= 1 && draft->frames[frame].hot_total < 0;
            describe_frame(draft, frame, i, line, weights[i]);
        }
    }
    return 0;
}

struct frame_order {
    const struct pp_flame_frame *frame;
    uint32_t id;
};

static int compare_names(const struct pp_flame_frame *a, const struct pp_flame_frame *b)
{
    const uint32_t n_common = a->n_bytes < b->n_bytes ? a->n_bytes : b->n_bytes;
    const int order = memcmp(a->name, b->name, n_common);

    return order != 0 ? order : (a->n_bytes > b->n_bytes) - (a->n_bytes < b->n_bytes);
}

static int compare_frames(const void *a, const void *b)
{
    return compare_names(((const struct frame_order *)a)->frame,
                         ((const struct frame_order *)b)->frame);
}

static void renumber(uint32_t *ids, size_t n_ids, const uint32_t *rank)
{
    size_t i;

    for (i = 0; i < n_ids; i++)
        if (ids[i] != PP_FLAME_NO_FRAME)
            ids[i] = rank[ids[i]];
}

int pp_flame_sort_frames(struct pp_flame_draft *draft)
{
    struct pp_flame_tree *tree = draft->tree;
    pp_autofree struct frame_order *order = malloc((draft->n_frames + 1) * sizeof *order);
    pp_autofree uint32_t *rank = malloc((draft->n_frames + 1) * sizeof *rank);
    size_t i;

    tree->frames = malloc((draft->n_frames + 1) * sizeof *tree->frames);
    if (order == NULL || rank == NULL || tree->frames == NULL)
        return -ENOMEM;
    for (i = 0; i < draft->n_frames; i++)
        order[i] = (struct frame_order){&draft->frames[i], (uint32_t)i};
    qsort(order, draft->n_frames, sizeof *order, compare_frames);
    for (i = 0; i < draft->n_frames; i++) {
        if (i == 0 || compare_names(order[i].frame, order[i - 1].frame) != 0)
            tree->frames[tree->n_frames++] = *order[i].frame;
        rank[order[i].id] = tree->n_frames - 1;
    }
    draft->is_plain &= tree->n_frames == draft->n_frames;
    renumber(draft->frame_of_string, draft->profile->n_strings, rank);
    renumber(draft->frame_of_location, draft->profile->n_locations, rank);
    return 0;
}
