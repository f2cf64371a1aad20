/* From the profile's tree of addresses to the drawn tree of functions. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "views/flamegraph_draft.h"

void pp_flame_totals_done(struct pp_flame_totals *totals)
{
    free(totals->narrow);
    free(totals->wide);
    *totals = (struct pp_flame_totals){NULL, NULL};
}

void pp_flame_draft_done(struct pp_flame_draft *draft)
{
    free(draft->self);
    free(draft->total);
    pp_flame_totals_done(&draft->sums);
    pp_flame_totals_done(&draft->sums_after);
    free(draft->after);
    free(draft->nodes_after);
    free(draft->frame_of_string);
    free(draft->frame_of_location);
    free(draft->drawn);
    free(draft->frames);
    free(draft->nodes);
    free(draft->slots);
}

/* ---- values ---- */

/* What of the sums is the second type's. */
static int sum_after(struct pp_flame_draft *draft)
{
    const struct pprofc_profile *profile = draft->profile;
    uint32_t i;

    if (draft->type_after == PP_FLAME_NO_TYPE)
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
        draft->self[stack] = pp_flame_add(draft->self[stack], value);
        draft->after[stack].self = pp_flame_add(draft->after[stack].self, value);
    }
    for (i = profile->n_nodes; i-- > 0;) {
        draft->after[i].total = pp_flame_add(draft->after[i].total, draft->after[i].self);
        if (i > 0) {
            int64_t *parent = &draft->after[profile->node_parent[i]].total;
            *parent = pp_flame_add(*parent, draft->after[i].total);
        }
    }
    return 0;
}

static int sum_values(struct pp_flame_draft *draft)
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
            draft->self[stack] = pp_flame_add(draft->self[stack], value);
    }
    if (sum_after(draft) != 0)
        return -ENOMEM;
    for (i = profile->n_nodes; i-- > 0;) {
        draft->total[i] = pp_flame_add(draft->total[i], draft->self[i]);
        if (i > 0) {
            const pp_id parent = profile->node_parent[i];
            draft->total[parent] = pp_flame_add(draft->total[parent], draft->total[i]);
        }
    }
    return 0;
}

/* ---- nodes ---- */

static size_t slot_of(uint32_t parent, uint32_t frame, size_t n_slots)
{
    uint64_t hash = ((uint64_t)parent << 32 | frame) * UINT64_C(0x9e3779b97f4a7c15);

    return (size_t)(hash ^ hash >> 29) & (n_slots - 1);
}

static void put_in_slot(struct pp_flame_draft *draft, uint32_t node)
{
    const struct pp_flame_draft_node *drawn = &draft->nodes[node];
    size_t slot = slot_of(drawn->parent, drawn->frame, draft->n_slots);

    while (draft->slots[slot] != 0)
        slot = (slot + 1) & (draft->n_slots - 1);
    draft->slots[slot] = node + 1;
}

static int grow_slots(struct pp_flame_draft *draft)
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

static int reserve_node(struct pp_flame_draft *draft)
{
    if (draft->after != NULL &&
        pp_array_reserve(&draft->nodes_after, &draft->nodes_after_capacity, draft->n_nodes + 1,
                         sizeof *draft->nodes_after) != 0)
        return -ENOMEM;
    return pp_array_reserve(&draft->nodes, &draft->nodes_capacity, draft->n_nodes + 1,
                            sizeof *draft->nodes);
}

static uint32_t new_node(struct pp_flame_draft *draft, uint32_t parent, uint32_t frame)
{
    if (draft->n_nodes >= UINT32_MAX / 2 || reserve_node(draft) != 0)
        return 0;
    draft->nodes[draft->n_nodes] = (struct pp_flame_draft_node){.parent = parent, .frame = frame};
    if (draft->after != NULL)
        draft->nodes_after[draft->n_nodes] = (struct pp_flame_after){0, 0};
    return (uint32_t)draft->n_nodes++;
}

/* The child of 'parent' at 'frame', or 0 when memory ran out.  In folded stacks, which are plain,
 * it is always a new one: there is nothing to look for. */
static uint32_t child_of(struct pp_flame_draft *draft, uint32_t parent, uint32_t frame)
{
    size_t slot;
    uint32_t node;

    if (draft->is_plain)
        return new_node(draft, parent, frame);
    if (draft->n_nodes * 2 >= draft->n_slots && grow_slots(draft) != 0)
        return 0;
    for (slot = slot_of(parent, frame, draft->n_slots); draft->slots[slot] != 0;
         slot = (slot + 1) & (draft->n_slots - 1)) {
        const struct pp_flame_draft_node *found = &draft->nodes[draft->slots[slot] - 1];
        if (found->parent == parent && found->frame == frame)
            return draft->slots[slot] - 1;
    }
    node = new_node(draft, parent, frame);
    if (node != 0)
        draft->slots[slot] = node + 1;
    return node;
}

/* Draw one profile node: its physical function first, what was inlined into it above. */
static int draw_node(struct pp_flame_draft *draft, uint32_t id)
{
    const struct pprofc_profile *profile = draft->profile;
    const pp_id location_id = profile->node_location[id];
    const struct pp_location *location = &profile->locations[location_id];
    const int64_t total = draft->total[id];
    uint32_t node = draft->drawn[profile->node_parent[id]];
    uint32_t k = location->n_lines;

    do {
        const struct pp_line *line = k > 0 ? &profile->lines[location->first_line + k - 1] : NULL;
        node = child_of(draft, node, pp_flame_frame_of(draft, location_id, line));
        if (node == 0)
            return -ENOMEM;
        draft->nodes[node].total = pp_flame_add(draft->nodes[node].total, total);
        if (draft->after != NULL)
            draft->nodes_after[node].total =
                pp_flame_add(draft->nodes_after[node].total, draft->after[id].total);
        if (k < location->n_lines)
            draft->nodes[node].inlined = pp_flame_add(draft->nodes[node].inlined, total);
    } while (k > 0 && --k > 0);
    draft->nodes[node].self = pp_flame_add(draft->nodes[node].self, draft->self[id]);
    if (draft->after != NULL)
        draft->nodes_after[node].self =
            pp_flame_add(draft->nodes_after[node].self, draft->after[id].self);
    draft->drawn[id] = node;
    return 0;
}

/* What is known by profile node is not needed once all are drawn: of large trees it is a sixth of
 * the memory. */
static void forget_profile_nodes(struct pp_flame_draft *draft)
{
    free(draft->self);
    free(draft->total);
    free(draft->drawn);
    draft->self = draft->total = NULL;
    draft->drawn = NULL;
}

static int draw_nodes(struct pp_flame_draft *draft)
{
    const struct pprofc_profile *profile = draft->profile;
    uint32_t i;

    draft->drawn = calloc((size_t)profile->n_nodes + 1, sizeof *draft->drawn);
    if (draft->drawn == NULL || reserve_node(draft) != 0)
        return -ENOMEM;
    if (draft->after != NULL)
        draft->nodes_after[0] = draft->after[0];
    draft->nodes[0] =
        (struct pp_flame_draft_node){.total = draft->total[0], .self = draft->self[0]};
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
    const uint32_t left = ((const struct pp_flame_draft_node *)nodes)[*(const uint32_t *)a].frame;
    const uint32_t right = ((const struct pp_flame_draft_node *)nodes)[*(const uint32_t *)b].frame;

    return (left > right) - (left < right);
}

/* The children of 'parent', which are linked already, in the order of their frames. */
static int sort_children(struct pp_flame_draft *draft, uint32_t parent, uint32_t **ids,
                         size_t *capacity)
{
    struct pp_flame_draft_node *nodes = draft->nodes;
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
static int link_children(struct pp_flame_draft *draft)
{
    struct pp_flame_draft_node *nodes = draft->nodes;
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
static int number_nodes(struct pp_flame_draft *draft)
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
        const struct pp_flame_draft_node *from = &draft->nodes[node];
        struct pp_flame_node *to = &tree->nodes[tree->n_nodes];
        *to = (struct pp_flame_node){.total = from->total,
                                     .self = from->self,
                                     .parent = number[from->parent],
                                     .level = level,
                                     .frame = from->frame,
                                     .is_inlined = from->inlined > from->total / 2};
        if (draft->after != NULL)
            tree->after[tree->n_nodes] = draft->nodes_after[node];
        if (node != 0)
            tree->frames[from->frame].self =
                pp_flame_add(tree->frames[from->frame].self, from->self);
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
    struct pp_flame_draft draft = {.profile = profile,
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
        rc = pp_flame_find_frames(&draft);
    if (rc == 0)
        rc = pp_flame_sort_frames(&draft);
    if (rc == 0)
        rc = draw_nodes(&draft);
    if (rc == 0)
        rc = link_children(&draft);
    if (rc == 0)
        rc = number_nodes(&draft);
    pp_flame_draft_done(&draft);
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
    return build(profile, type, PP_FLAME_NO_TYPE, tree_out, err);
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
