/* From the profile's tree of addresses to the drawn tree of functions. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "views/flamegraph_parts.h"

enum { NO_FRAME = UINT32_MAX, NO_TYPE = UINT32_MAX };

/* A node while nodes are still found by (parent, frame); children are linked later. */
struct draft_node {
    int64_t total, self, inlined;
    uint32_t parent, frame;
    uint32_t first_child, next_sibling;
};

struct draft {
    const struct pprofc_profile *profile;
    struct pp_flame_tree *tree;
    uint32_t type, type_after;    /* NO_TYPE: one profile */
    int64_t *self, *total;        /* by profile node */
    struct pp_flame_after *after; /* by profile node; NULL for one profile */
    uint32_t *frame_of_string;    /* by function name */
    uint32_t *frame_of_location;  /* for those without lines */
    uint32_t *drawn;              /* by profile node: the drawn node it ends in */
    struct pp_flame_frame *frames;
    size_t n_frames, frames_capacity;
    struct draft_node *nodes;
    struct pp_flame_after *nodes_after; /* beside 'nodes'; NULL for one profile */
    size_t n_nodes, nodes_capacity, nodes_after_capacity;
    bool is_plain;   /* each location is a frame of its own: a drawn node for each profile node */
    uint32_t *slots; /* node ids + 1 by hash of (parent, frame) */
    size_t n_slots;
};

static void free_draft(struct draft *draft)
{
    free(draft->self);
    free(draft->total);
    free(draft->after);
    free(draft->nodes_after);
    free(draft->frame_of_string);
    free(draft->frame_of_location);
    free(draft->drawn);
    free(draft->frames);
    free(draft->nodes);
    free(draft->slots);
}

static int64_t add_saturated(int64_t a, int64_t b)
{
    int64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* ---- values ---- */

/* What of the sums is the second type's. */
static int sum_after(struct draft *draft)
{
    const struct pprofc_profile *profile = draft->profile;
    uint32_t i;

    if (draft->type_after == NO_TYPE)
        return 0;
    draft->after = calloc((size_t)profile->n_nodes + 1, sizeof *draft->after);
    if (draft->after == NULL)
        return -ENOMEM;
    for (i = 0; i < profile->n_samples; i++) {
        const size_t at = (size_t)i * profile->n_types;
        const int64_t value = profile->sample_values[at + draft->type_after];
        const pp_id stack = profile->sample_stack[i];
        if (value <= 0)
            continue;
        draft->self[stack] = add_saturated(draft->self[stack], value);
        draft->after[stack].self = add_saturated(draft->after[stack].self, value);
    }
    for (i = profile->n_nodes; i-- > 0;) {
        draft->after[i].total = add_saturated(draft->after[i].total, draft->after[i].self);
        if (i > 0) {
            int64_t *parent = &draft->after[profile->node_parent[i]].total;
            *parent = add_saturated(*parent, draft->after[i].total);
        }
    }
    return 0;
}

static int sum_values(struct draft *draft)
{
    const struct pprofc_profile *profile = draft->profile;
    uint32_t i;

    draft->self = calloc((size_t)profile->n_nodes + 1, sizeof *draft->self);
    draft->total = calloc((size_t)profile->n_nodes + 1, sizeof *draft->total);
    if (draft->self == NULL || draft->total == NULL)
        return -ENOMEM;
    for (i = 0; i < profile->n_samples; i++) {
        const int64_t value = profile->sample_values[(size_t)i * profile->n_types + draft->type];
        const pp_id stack = profile->sample_stack[i];
        if (value > 0)
            draft->self[stack] = add_saturated(draft->self[stack], value);
    }
    if (sum_after(draft) != 0)
        return -ENOMEM;
    for (i = profile->n_nodes; i-- > 0;) {
        draft->total[i] = add_saturated(draft->total[i], draft->self[i]);
        if (i > 0) {
            const pp_id parent = profile->node_parent[i];
            draft->total[parent] = add_saturated(draft->total[parent], draft->total[i]);
        }
    }
    return 0;
}

/* ---- frames ---- */

static uint32_t add_frame(struct draft *draft, const char *name, uint32_t n_bytes)
{
    if (draft->n_frames >= UINT32_MAX - 1 ||
        pp_array_reserve(&draft->frames, &draft->frames_capacity, draft->n_frames + 1,
                         sizeof *draft->frames) != 0)
        return NO_FRAME;
    draft->frames[draft->n_frames] =
        (struct pp_flame_frame){.name = name, .n_bytes = n_bytes, .hot_total = -1};
    return (uint32_t)draft->n_frames++;
}

/* What stands for a function that is not known: "libfoo.so+0x1234". */
static uint32_t frame_of_address(struct draft *draft, pp_id location_id)
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
        return NO_FRAME;
    return add_frame(draft, copy, (uint32_t)name.n_bytes);
}

/* The frame of a location's line, made when it is new; 'line' is ignored for locations without
 * lines. */
static uint32_t frame_of(struct draft *draft, pp_id location_id, const struct pp_line *line)
{
    const struct pprofc_profile *profile = draft->profile;
    const pp_id name = line != NULL ? profile->functions[line->function].name : 0;
    uint32_t *frame;

    if (name == 0) {
        frame = &draft->frame_of_location[location_id];
        if (*frame == NO_FRAME)
            *frame = frame_of_address(draft, location_id);
    } else {
        frame = &draft->frame_of_string[name];
        if (*frame == NO_FRAME)
            *frame = add_frame(draft, profile->strings[name], profile->string_bytes[name]);
    }
    return *frame;
}

/* A function's file, line and module are those of its hottest address. */
static void describe_frame(struct draft *draft, uint32_t frame_id, pp_id location_id,
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

static int find_frames(struct draft *draft)
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
        *weight = add_saturated(*weight, draft->total[i]);
    }
    for (i = 0; i < profile->n_locations; i++) {
        const struct pp_location *location = &profile->locations[i];
        if (weights[i] == 0)
            continue;
        for (k = 0; k < location->n_lines || k == 0; k++) {
            const struct pp_line *line =
                k < location->n_lines ? &profile->lines[location->first_line + k] : NULL;
            const uint32_t frame = frame_of(draft, i, line);
            if (frame == NO_FRAME)
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
        if (ids[i] != NO_FRAME)
            ids[i] = rank[ids[i]];
}

/* Sort the frames by name and make equal names (two spellings of one address) one frame, so that
 * siblings are in alphabetical order when they are in the order of frame ids. */
static int sort_frames(struct draft *draft)
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

/* ---- nodes ---- */

static size_t slot_of(uint32_t parent, uint32_t frame, size_t n_slots)
{
    uint64_t hash = ((uint64_t)parent << 32 | frame) * UINT64_C(0x9e3779b97f4a7c15);

    return (size_t)(hash ^ hash >> 29) & (n_slots - 1);
}

static void put_in_slot(struct draft *draft, uint32_t node)
{
    const struct draft_node *drawn = &draft->nodes[node];
    size_t slot = slot_of(drawn->parent, drawn->frame, draft->n_slots);

    while (draft->slots[slot] != 0)
        slot = (slot + 1) & (draft->n_slots - 1);
    draft->slots[slot] = node + 1;
}

static int grow_slots(struct draft *draft)
{
    const size_t n_slots = draft->n_slots == 0 ? 1024 : draft->n_slots * 2;
    uint32_t *slots = calloc(n_slots, sizeof *slots);
    uint32_t node;

    if (slots == NULL)
        return -ENOMEM;
    free(draft->slots);
    draft->slots = slots;
    draft->n_slots = n_slots;
    for (node = 1; node < draft->n_nodes; node++)
        put_in_slot(draft, node);
    return 0;
}

static int reserve_node(struct draft *draft)
{
    if (draft->after != NULL &&
        pp_array_reserve(&draft->nodes_after, &draft->nodes_after_capacity, draft->n_nodes + 1,
                         sizeof *draft->nodes_after) != 0)
        return -ENOMEM;
    return pp_array_reserve(&draft->nodes, &draft->nodes_capacity, draft->n_nodes + 1,
                            sizeof *draft->nodes);
}

static uint32_t new_node(struct draft *draft, uint32_t parent, uint32_t frame)
{
    if (draft->n_nodes >= UINT32_MAX / 2 || reserve_node(draft) != 0)
        return 0;
    draft->nodes[draft->n_nodes] = (struct draft_node){.parent = parent, .frame = frame};
    if (draft->after != NULL)
        draft->nodes_after[draft->n_nodes] = (struct pp_flame_after){0, 0};
    return (uint32_t)draft->n_nodes++;
}

/* The child of 'parent' at 'frame', or 0 when memory ran out.  In folded stacks, which are plain,
 * it is always a new one: there is nothing to look for. */
static uint32_t child_of(struct draft *draft, uint32_t parent, uint32_t frame)
{
    size_t slot;
    uint32_t node;

    if (draft->is_plain)
        return new_node(draft, parent, frame);
    if (draft->n_nodes * 2 >= draft->n_slots && grow_slots(draft) != 0)
        return 0;
    for (slot = slot_of(parent, frame, draft->n_slots); draft->slots[slot] != 0;
         slot = (slot + 1) & (draft->n_slots - 1)) {
        const struct draft_node *found = &draft->nodes[draft->slots[slot] - 1];
        if (found->parent == parent && found->frame == frame)
            return draft->slots[slot] - 1;
    }
    node = new_node(draft, parent, frame);
    if (node != 0)
        draft->slots[slot] = node + 1;
    return node;
}

/* Draw one profile node: its physical function first, what was inlined into it above. */
static int draw_node(struct draft *draft, uint32_t id)
{
    const struct pprofc_profile *profile = draft->profile;
    const pp_id location_id = profile->node_location[id];
    const struct pp_location *location = &profile->locations[location_id];
    const int64_t total = draft->total[id];
    uint32_t node = draft->drawn[profile->node_parent[id]];
    uint32_t k = location->n_lines;

    do {
        const struct pp_line *line = k > 0 ? &profile->lines[location->first_line + k - 1] : NULL;
        node = child_of(draft, node, frame_of(draft, location_id, line));
        if (node == 0)
            return -ENOMEM;
        draft->nodes[node].total = add_saturated(draft->nodes[node].total, total);
        if (draft->after != NULL)
            draft->nodes_after[node].total =
                add_saturated(draft->nodes_after[node].total, draft->after[id].total);
        if (k < location->n_lines)
            draft->nodes[node].inlined = add_saturated(draft->nodes[node].inlined, total);
    } while (k > 0 && --k > 0);
    draft->nodes[node].self = add_saturated(draft->nodes[node].self, draft->self[id]);
    if (draft->after != NULL)
        draft->nodes_after[node].self =
            add_saturated(draft->nodes_after[node].self, draft->after[id].self);
    draft->drawn[id] = node;
    return 0;
}

/* What is known by profile node is not needed once all are drawn: of large trees it is a sixth of
 * the memory. */
static void forget_profile_nodes(struct draft *draft)
{
    free(draft->self);
    free(draft->total);
    free(draft->drawn);
    draft->self = draft->total = NULL;
    draft->drawn = NULL;
}

static int draw_nodes(struct draft *draft)
{
    const struct pprofc_profile *profile = draft->profile;
    uint32_t i;

    draft->drawn = calloc((size_t)profile->n_nodes + 1, sizeof *draft->drawn);
    if (draft->drawn == NULL || reserve_node(draft) != 0)
        return -ENOMEM;
    if (draft->after != NULL)
        draft->nodes_after[0] = draft->after[0];
    draft->nodes[0] = (struct draft_node){.total = draft->total[0], .self = draft->self[0]};
    draft->n_nodes = 1;
    for (i = 1; i < profile->n_nodes; i++)
        if (draft->total[i] > 0 && draw_node(draft, i) != 0)
            return -ENOMEM;
    forget_profile_nodes(draft);
    return 0;
}

/* ---- order ---- */

static int compare_siblings(const void *a, const void *b, void *nodes)
{
    const uint32_t left = ((const struct draft_node *)nodes)[*(const uint32_t *)a].frame;
    const uint32_t right = ((const struct draft_node *)nodes)[*(const uint32_t *)b].frame;

    return (left > right) - (left < right);
}

/* The children of 'parent', which are linked already, in the order of their frames. */
static int sort_children(struct draft *draft, uint32_t parent, uint32_t **ids, size_t *capacity)
{
    struct draft_node *nodes = draft->nodes;
    size_t n = 0;

    for (uint32_t child = nodes[parent].first_child; child != 0;
         child = nodes[child].next_sibling) {
        if (pp_array_reserve(ids, capacity, n + 1, sizeof **ids) != 0)
            return -ENOMEM;
        (*ids)[n++] = child;
    }
    qsort_r(*ids, n, sizeof **ids, compare_siblings, nodes);
    nodes[parent].first_child = (*ids)[0];
    for (size_t i = 0; i < n; i++)
        nodes[(*ids)[i]].next_sibling = i + 1 < n ? (*ids)[i + 1] : 0;
    return 0;
}

/* Link each node's children in alphabetical order.  Most have one, which lies beside them in
 * memory: one pass links, and only what has several is sorted. */
static int link_children(struct draft *draft)
{
    struct draft_node *nodes = draft->nodes;
    pp_autofree uint32_t *ids = NULL;
    size_t capacity = 0;
    uint32_t node;

    for (node = (uint32_t)draft->n_nodes; node-- > 1;) {
        nodes[node].next_sibling = nodes[nodes[node].parent].first_child;
        nodes[nodes[node].parent].first_child = node;
    }
    for (node = 0; node < draft->n_nodes; node++) {
        const uint32_t first = nodes[node].first_child;
        if (first != 0 && nodes[first].next_sibling != 0 &&
            sort_children(draft, node, &ids, &capacity) != 0)
            return -ENOMEM;
    }
    return 0;
}

/* Number the nodes in preorder, without recursion: a stack may be as deep as it likes. */
static int number_nodes(struct draft *draft)
{
    struct pp_flame_tree *tree = draft->tree;
    pp_autofree uint32_t *number = calloc(draft->n_nodes, sizeof *number);
    uint32_t node = 0, level = 0;

    tree->nodes = calloc(draft->n_nodes, sizeof *tree->nodes);
    if (draft->after != NULL)
        tree->after = calloc(draft->n_nodes, sizeof *tree->after);
    if (number == NULL || tree->nodes == NULL || (draft->after != NULL && tree->after == NULL))
        return -ENOMEM;
    for (;;) {
        const struct draft_node *from = &draft->nodes[node];
        struct pp_flame_node *to = &tree->nodes[tree->n_nodes];
        *to = (struct pp_flame_node){.total = from->total,
                                     .self = from->self,
                                     .parent = number[from->parent],
                                     .level = level,
                                     .frame = from->frame,
                                     .is_inlined = from->inlined > from->total / 2};
        if (draft->after != NULL)
            tree->after[tree->n_nodes] = draft->nodes_after[node];
        number[node] = tree->n_nodes++;
        if (level > tree->n_levels)
            tree->n_levels = level;
        if (from->first_child != 0) {
            node = from->first_child;
            level++;
            continue;
        }
        while (node != 0 && draft->nodes[node].next_sibling == 0) {
            tree->nodes[number[node]].end = tree->n_nodes;
            node = draft->nodes[node].parent;
            level--;
        }
        tree->nodes[number[node]].end = tree->n_nodes;
        if (node == 0)
            return 0;
        node = draft->nodes[node].next_sibling;
    }
}

static int build(const struct pprofc_profile *profile, uint32_t type, uint32_t type_after,
                 struct pp_flame_tree *tree_out, struct pprofc_error *err)
{
    struct pp_flame_tree tree = {0};
    struct draft draft = {.profile = profile,
                          .type = type,
                          .type_after = type_after,
                          .tree = &tree,
                          .is_plain = true};
    int rc;

    if (type >= profile->n_types)
        return pp_fail(err, -EINVAL, 0, "a flame graph of sample type %u: there are %u", type,
                       profile->n_types);
    rc = sum_values(&draft);
    if (rc == 0)
        rc = find_frames(&draft);
    if (rc == 0)
        rc = sort_frames(&draft);
    if (rc == 0)
        rc = draw_nodes(&draft);
    if (rc == 0)
        rc = link_children(&draft);
    if (rc == 0)
        rc = number_nodes(&draft);
    free_draft(&draft);
    if (rc != 0) {
        pp_flame_tree_done(&tree);
        return pp_fail(err, rc, 0, "no memory for a flame graph of %u nodes", profile->n_nodes);
    }
    *tree_out = tree;
    return 0;
}

int pp_flame_tree_build(const struct pprofc_profile *profile, uint32_t type,
                        struct pp_flame_tree *tree_out, struct pprofc_error *err)
{
    return build(profile, type, NO_TYPE, tree_out, err);
}

int pp_flame_tree_build_diff(const struct pp_diff *diff, struct pp_flame_tree *tree_out,
                             struct pprofc_error *err)
{
    return build(diff->joint, 2 * PP_BEFORE, 2 * PP_AFTER, tree_out, err);
}

void pp_flame_tree_done(struct pp_flame_tree *tree)
{
    free(tree->nodes);
    free(tree->after);
    free(tree->frames);
    pp_arena_done(&tree->names);
    *tree = (struct pp_flame_tree){0};
}
