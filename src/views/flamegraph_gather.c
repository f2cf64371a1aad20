/* A smaller tree that says the same: what is too narrow becomes "other (n)", what is too deep "n
 * deeper levels". */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "views/flamegraph_parts.h"

struct gathering {
    const struct pp_flame_tree *tree;
    int64_t min_total;
    uint32_t max_level;
    struct pp_flame_tree out;
    size_t capacity, after_capacity;
    uint32_t open; /* the node of 'out' whose children are being copied */
};

static struct pp_flame_node *add_node(struct gathering *gathering, uint8_t kind, uint32_t level)
{
    struct pp_flame_tree *out = &gathering->out;
    struct pp_flame_node *node;

    if (pp_array_reserve(&out->nodes, &gathering->capacity, (size_t)out->n_nodes + 1,
                         sizeof *out->nodes) != 0)
        return NULL;
    if (gathering->tree->after != NULL) {
        if (pp_array_reserve(&out->after, &gathering->after_capacity, (size_t)out->n_nodes + 1,
                             sizeof *out->after) != 0)
            return NULL;
        out->after[out->n_nodes] = (struct pp_flame_after){0, 0};
    }
    node = &out->nodes[out->n_nodes];
    *node = (struct pp_flame_node){
        .kind = kind, .level = level, .parent = gathering->open, .end = out->n_nodes + 1};
    out->n_nodes++;
    if (level > out->n_levels)
        out->n_levels = level;
    return node;
}

/* Add the open node's children that were left out, as one; then its parent is open again. */
static int close_node(struct gathering *gathering)
{
    const struct pp_flame_node *nodes = gathering->tree->nodes;
    const struct pp_flame_node open = gathering->out.nodes[gathering->open];
    const uint32_t end = nodes[open.source].end;
    const bool is_deepest = open.level >= gathering->max_level;
    struct pp_flame_node *rest;
    uint32_t child, n_left_out = 0;
    int64_t total = 0, after = 0;

    for (child = open.source + 1; child < end; child = nodes[child].end)
        if (is_deepest || nodes[child].total < gathering->min_total ||
            nodes[child].kind != PP_FLAME_FRAME) {
            if (__builtin_add_overflow(total, nodes[child].total, &total))
                total = INT64_MAX;
            if (gathering->tree->after != NULL &&
                __builtin_add_overflow(after, gathering->tree->after[child].total, &after))
                after = INT64_MAX;
            n_left_out += nodes[child].kind == PP_FLAME_FRAME ? 1 : nodes[child].n_gathered;
        }
    if (is_deepest && n_left_out > 0) {
        n_left_out = 0;
        for (child = open.source + 1; child < end; child++)
            if (nodes[child].level - open.level > n_left_out)
                n_left_out = nodes[child].level - open.level;
    }
    if (n_left_out > 0) {
        rest = add_node(gathering, is_deepest ? PP_FLAME_DEEPER : PP_FLAME_OTHER, open.level + 1);
        if (rest == NULL)
            return -ENOMEM;
        rest->total = rest->self = total;
        if (gathering->tree->after != NULL)
            gathering->out.after[gathering->out.n_nodes - 1] =
                (struct pp_flame_after){after, after};
        rest->n_gathered = n_left_out;
        rest->source = open.source;
    }
    gathering->out.nodes[gathering->open].end = gathering->out.n_nodes;
    gathering->open = open.parent;
    return 0;
}

static int copy_node(struct gathering *gathering, uint32_t id)
{
    const struct pp_flame_node *from = &gathering->tree->nodes[id];
    struct pp_flame_node *to = add_node(gathering, from->kind, from->level);

    if (to == NULL)
        return -ENOMEM;
    to->total = from->total;
    to->self = from->self;
    to->frame = from->frame;
    to->is_inlined = from->is_inlined;
    to->source = id;
    if (gathering->tree->after != NULL)
        gathering->out.after[gathering->out.n_nodes - 1] = gathering->tree->after[id];
    gathering->open = gathering->out.n_nodes - 1;
    return 0;
}

static int gather(struct gathering *gathering)
{
    const struct pp_flame_tree *tree = gathering->tree;
    const struct pp_flame_node *open;
    uint32_t id = 0;

    while (id < tree->n_nodes) {
        const struct pp_flame_node *node = &tree->nodes[id];
        if (id > 0) {
            while (id >= tree->nodes[gathering->out.nodes[gathering->open].source].end)
                if (close_node(gathering) != 0)
                    return -ENOMEM;
            if (node->level > gathering->max_level || node->total < gathering->min_total ||
                node->kind != PP_FLAME_FRAME) {
                id = node->end;
                continue;
            }
        }
        if (copy_node(gathering, id) != 0)
            return -ENOMEM;
        id++;
    }
    do {
        open = &gathering->out.nodes[gathering->open];
        id = open->source;
        if (close_node(gathering) != 0)
            return -ENOMEM;
    } while (id != 0);
    return 0;
}

int pp_flame_gather(const struct pp_flame_tree *tree, int64_t min_total, uint32_t max_level,
                    struct pp_flame_tree *gathered_out, struct pprofc_error *err)
{
    struct gathering gathering = {.tree = tree, .min_total = min_total, .max_level = max_level};

    if (gather(&gathering) != 0) {
        free(gathering.out.nodes);
        free(gathering.out.after);
        return pp_fail(err, -ENOMEM, 0, "no memory for a flame graph of %u boxes", tree->n_nodes);
    }
    *gathered_out = gathering.out;
    return 0;
}

/* ---- thresholds: one pass tells how many nodes each leaves ---- */

uint32_t pp_flame_bin_of(int64_t total)
{
    const uint64_t value = total < 1 ? 1 : (uint64_t)total;
    const uint32_t octave = 63 - (uint32_t)__builtin_clzll(value);
    const uint64_t eighth = octave >= 3 ? value >> (octave - 3) : value << (3 - octave);

    return octave * PP_FLAME_BINS_PER_OCTAVE + ((uint32_t)eighth & 7);
}

static int64_t lower_bound(uint32_t bin)
{
    const uint32_t octave = bin / PP_FLAME_BINS_PER_OCTAVE;
    const uint64_t eighth = 8 + bin % PP_FLAME_BINS_PER_OCTAVE;

    return (int64_t)(octave >= 3 ? eighth << (octave - 3)
                                 : (eighth + (1u << (3 - octave)) - 1) >> (3 - octave));
}

int64_t pp_flame_threshold_of(const uint32_t counts[PP_FLAME_BINS], int64_t at_least,
                              uint32_t max_nodes)
{
    uint32_t i, n_kept = 0;
    int64_t threshold;

    for (i = PP_FLAME_BINS; i-- > 0;) {
        n_kept += counts[i];
        if (n_kept > max_nodes)
            break;
    }
    if (n_kept <= max_nodes)
        return at_least;
    threshold = i + 1 < PP_FLAME_BINS - PP_FLAME_BINS_PER_OCTAVE ? lower_bound(i + 1) : INT64_MAX;
    return threshold > at_least ? threshold : at_least;
}

int64_t pp_flame_threshold(const struct pp_flame_tree *tree, int64_t at_least, uint32_t max_level,
                           uint32_t max_nodes)
{
    uint32_t counts[PP_FLAME_BINS] = {0};

    for (uint32_t i = 0; i < tree->n_nodes; i++)
        if (tree->nodes[i].level <= max_level && tree->nodes[i].total >= at_least &&
            tree->nodes[i].kind == PP_FLAME_FRAME)
            counts[pp_flame_bin_of(tree->nodes[i].total)]++;
    return pp_flame_threshold_of(counts, at_least, max_nodes);
}
