/* One walk over a profile's tree that sums up groups and the calls between them. */
#include "profile/graph_walk.h"

#include <errno.h>
#include <stdlib.h>

#include "base/memory.h"
#include "profile/tables.h"

enum { NOBODY = UINT32_MAX >> 1, IS_PAST = 1 };

struct walk {
    const struct pprofc_profile *profile;
    const struct pp_top_groups *groups;
    const struct pp_contexts *contexts; /* instead of groups, where not NULL */
    const struct pp_weights *weights;
    const bool *is_kept;
    struct pp_graph_sums *sums;
    struct pp_id_table table; /* of edges; ids are edge + 1 */
    uint32_t *last;           /* by node: the group that stands last on its path, times two; and
                               * IS_PAST where others came behind it that are not kept */
    uint32_t *n_group_on_path;
    uint32_t *n_edge_on_path;
    size_t n_edge_on_path_capacity;
    uint32_t *stack; /* what the nodes on the path have entered: group * 2 or edge * 2 + 1, and
                      * behind those of a node their number */
    size_t n_stack, stack_capacity;
    bool failed;
};

static void walk_done(struct walk *walk)
{
    pp_id_table_done(&walk->table);
    free(walk->last);
    free(walk->n_group_on_path);
    free(walk->n_edge_on_path);
    free(walk->stack);
}

static void push(struct walk *walk, uint32_t entry)
{
    if (pp_array_reserve(&walk->stack, &walk->stack_capacity, walk->n_stack + 1,
                         sizeof *walk->stack) != 0)
        walk->failed = true;
    else
        walk->stack[walk->n_stack++] = entry;
}

/* The number of the edge, made when it is new; NOBODY without memory. */
static uint32_t edge_of(struct walk *walk, uint32_t from, uint32_t to)
{
    struct pp_graph_sums *sums = walk->sums;
    const uint64_t hash = pp_hash_mix((uint64_t)from << 32 | to);
    struct pp_id_probe probe = pp_id_table_first(&walk->table, hash);

    for (; probe.id != 0; probe = pp_id_table_after(&walk->table, hash, probe))
        if (sums->edges[probe.id - 1].from == from && sums->edges[probe.id - 1].to == to)
            return probe.id - 1;
    if (sums->n_edges + 1 >= NOBODY ||
        pp_array_reserve(&sums->edges, &sums->edges_capacity, sums->n_edges + 1UL,
                         sizeof *sums->edges) != 0 ||
        pp_array_reserve(&walk->n_edge_on_path, &walk->n_edge_on_path_capacity, sums->n_edges + 1UL,
                         sizeof *walk->n_edge_on_path) != 0 ||
        pp_id_table_put(&walk->table, hash, sums->n_edges + 1) != 0) {
        walk->failed = true;
        return NOBODY;
    }
    sums->edges[sums->n_edges] = (struct pp_graph_edge){.from = from, .to = to, .is_inlined = true};
    walk->n_edge_on_path[sums->n_edges] = 0;
    return sums->n_edges++;
}

static void enter_edge(struct walk *walk, uint32_t from, uint32_t to, int64_t total,
                       bool is_residual, bool is_inlined)
{
    const uint32_t number = edge_of(walk, from, to);
    struct pp_graph_edge *edge;

    if (number == NOBODY)
        return;
    edge = &walk->sums->edges[number];
    if (walk->n_edge_on_path[number]++ == 0)
        edge->weight = pp_add_values(edge->weight, total);
    edge->is_residual |= is_residual;
    edge->is_inlined &= is_inlined;
    push(walk, number << 1 | 1);
}

static struct pp_top_members members_of(const struct walk *walk, pp_id node)
{
    struct pp_top_members members =
        pp_top_groups_of(walk->groups, walk->profile, walk->profile->node_location[node]);

    if (walk->contexts != NULL)
        members.groups = walk->contexts->members + walk->contexts->first[node];
    return members;
}

static void enter(struct walk *walk, pp_id node)
{
    const struct pp_top_members members = members_of(walk, node);
    const int64_t total = walk->weights->total[node];
    const uint32_t before = walk->last[walk->profile->node_parent[node]];
    const size_t first = walk->n_stack;
    uint32_t last = before >> 1;
    bool is_past = (before & IS_PAST) != 0;

    for (uint32_t i = members.n; i-- > 0;) { /* the callers first */
        const uint32_t group = members.groups[i];
        if (walk->is_kept != NULL && !walk->is_kept[group]) {
            is_past = true;
            continue;
        }
        if (walk->n_group_on_path[group]++ == 0)
            walk->sums->cum[group] = pp_add_values(walk->sums->cum[group], total);
        push(walk, group << 1);
        if (last != NOBODY && last != group)
            enter_edge(walk, last, group, total, is_past, i + 1 != members.n);
        last = group;
        is_past = false;
    }
    walk->last[node] = last << 1 | (is_past ? IS_PAST : 0);
    push(walk, (uint32_t)(walk->n_stack - first));
}

static void leave(struct walk *walk)
{
    uint32_t n_entries = walk->failed ? 0 : walk->stack[--walk->n_stack];

    while (n_entries-- > 0) {
        const uint32_t entry = walk->stack[--walk->n_stack];
        if ((entry & 1) != 0)
            walk->n_edge_on_path[entry >> 1]--;
        else
            walk->n_group_on_path[entry >> 1]--;
    }
}

/* Depth first without recursion: stacks are as deep as the input says. */
static void visit_all(struct walk *walk)
{
    const struct pp_weights *weights = walk->weights;
    pp_id node = weights->first_child[0];

    while (node != 0 && !walk->failed) {
        enter(walk, node);
        if (weights->first_child[node] != 0) {
            node = weights->first_child[node];
            continue;
        }
        while (node != 0) {
            leave(walk);
            if (weights->next_sibling[node] != 0) {
                node = weights->next_sibling[node];
                break;
            }
            node = walk->profile->node_parent[node];
        }
    }
}

static void add_flat(const struct walk *walk, uint32_t type)
{
    const struct pprofc_profile *profile = walk->profile;

    for (uint32_t i = 0; i < profile->n_samples; i++) {
        const uint32_t last = walk->last[profile->sample_stack[i]];
        int64_t *flat = &walk->sums->flat[last >> 1];
        if (last >> 1 != NOBODY && (last & IS_PAST) == 0)
            *flat =
                pp_add_values(*flat, profile->sample_values[(size_t)i * profile->n_types + type]);
    }
}

int pp_graph_walk(const struct pprofc_profile *profile, uint32_t type,
                  const struct pp_top_groups *groups, const struct pp_contexts *contexts,
                  const struct pp_weights *weights, const bool *is_kept, struct pp_graph_sums *sums)
{
    const uint32_t n_groups = contexts != NULL ? contexts->n : groups->n_groups;
    __attribute__((cleanup(walk_done))) struct walk walk = {
        .profile = profile,
        .groups = groups,
        .contexts = contexts,
        .weights = weights,
        .is_kept = is_kept,
        .sums = sums,
        .last = calloc(profile->n_nodes, sizeof(uint32_t)),
        .n_group_on_path = calloc((size_t)n_groups + 1, sizeof(uint32_t)),
    };

    *sums = (struct pp_graph_sums){
        .flat = calloc((size_t)n_groups + 1, sizeof *sums->flat),
        .cum = calloc((size_t)n_groups + 1, sizeof *sums->cum),
    };
    if (walk.last == NULL || walk.n_group_on_path == NULL || sums->flat == NULL ||
        sums->cum == NULL || n_groups >= NOBODY)
        return -ENOMEM;
    walk.last[0] = (uint32_t)NOBODY << 1;
    visit_all(&walk);
    if (walk.failed)
        return -ENOMEM;
    add_flat(&walk, type);
    return 0;
}

void pp_graph_sums_done(struct pp_graph_sums *sums)
{
    free(sums->flat);
    free(sums->cum);
    free(sums->edges);
    *sums = (struct pp_graph_sums){.flat = NULL};
}
