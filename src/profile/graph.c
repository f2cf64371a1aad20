/* Who calls whom.  Where nodes are left out the tree is walked again without them, so that what
 * they called is seen to be called by their callers. */
#include "profile/graph.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "profile/graph_walk.h"
#include "profile/tables.h"

/* What is being made: groups, or in a tree their contexts, become nodes at the end. */
struct making {
    const struct pprofc_profile *profile;
    const struct pp_graph_wish *wish;
    struct pp_top_groups groups;
    struct pp_contexts contexts;
    uint32_t n_groups; /* or contexts; "group" below is either */
    struct pp_weights weights;
    struct pp_graph_sums sums;
    bool *is_kept;
    uint32_t *order; /* the kept groups in their order */
    uint32_t n_kept;
    double *score; /* by group, for pictures */
};

static void making_done(struct making *making)
{
    pp_top_groups_done(&making->groups);
    pp_contexts_done(&making->contexts);
    pp_weights_done(&making->weights);
    pp_graph_sums_done(&making->sums);
    free(making->is_kept);
    free(making->order);
    free(making->score);
}

static const struct pp_top_group *group_of(const struct making *making, uint32_t group)
{
    return &making->groups.groups[making->wish->is_tree ? making->contexts.group[group] : group];
}

static double size_of(int64_t value)
{
    return fabs((double)value);
}

/* ---- order ---- */

static double share_entropy(double share)
{
    return share > 0 ? -share * log2(share) : 0;
}

/* How much a node tells in a picture: one that only hands on tells little.  Its weight times the
 * entropy of what comes in and of what goes out, an end of the graph counting as 1. */
static void score_groups(struct making *making)
{
    const struct pp_graph_sums *sums = &making->sums;
    const uint32_t n_groups = making->n_groups;
    pp_autofree double *in = calloc((size_t)n_groups + 1, sizeof *in);
    pp_autofree double *out = calloc((size_t)n_groups + 1, sizeof *out);

    making->score = calloc((size_t)n_groups + 1, sizeof *making->score);
    if (making->score == NULL || in == NULL || out == NULL)
        return;
    for (uint32_t i = 0; i < sums->n_edges; i++) {
        in[sums->edges[i].to] += size_of(sums->edges[i].weight);
        out[sums->edges[i].from] += size_of(sums->edges[i].weight);
    }
    for (uint32_t i = 0; i < sums->n_edges; i++) {
        const struct pp_graph_edge *edge = &sums->edges[i];
        const double weight = size_of(edge->weight);
        if (weight > 0) {
            making->score[edge->to] += share_entropy(weight / in[edge->to]);
            making->score[edge->from] +=
                share_entropy(weight / (out[edge->from] + size_of(sums->flat[edge->from])));
        }
    }
    for (uint32_t group = 0; group < n_groups; group++) {
        const double flat = size_of(sums->flat[group]);
        if (out[group] > 0 && flat > 0)
            making->score[group] += share_entropy(flat / (out[group] + flat));
        making->score[group] += (in[group] == 0) + (out[group] == 0);
        making->score[group] = making->score[group] * size_of(sums->cum[group]) + flat;
    }
}

static int order_groups(const void *left, const void *right, void *context)
{
    const struct making *making = context;
    const uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    const struct pp_top_group *group_a = group_of(making, a);
    const struct pp_top_group *group_b = group_of(making, b);
    const double flat = size_of(making->sums.flat[b]) - size_of(making->sums.flat[a]);
    const double cum = size_of(making->sums.cum[b]) - size_of(making->sums.cum[a]);
    double order = making->score != NULL  ? making->score[b] - making->score[a]
                   : making->wish->by_cum ? cum
                                          : flat;
    int names;

    if (order == 0)
        order = making->wish->by_cum ? flat : cum;
    if (order != 0)
        return order > 0 ? 1 : -1;
    names = strcmp(group_a->name, group_b->name);
    if (names == 0)
        names = strcmp(group_a->file, group_b->file);
    if (names == 0)
        names = (group_a->number > group_b->number) - (group_a->number < group_b->number);
    return names != 0 ? names : (a > b) - (a < b);
}

/* ---- what is left out ---- */

static int walk(struct making *making, const bool *is_kept)
{
    return pp_graph_walk(making->profile, making->wish->type, &making->groups,
                         making->wish->is_tree ? &making->contexts : NULL, &making->weights,
                         is_kept, &making->sums);
}

static int walk_again(struct making *making)
{
    pp_graph_sums_done(&making->sums);
    return walk(making, making->is_kept);
}

static void keep_ordered(struct making *making)
{
    memset(making->is_kept, 0, (size_t)making->n_groups + 1);
    for (uint32_t i = 0; i < making->n_kept; i++)
        making->is_kept[making->order[i]] = true;
}

static bool is_shown(const struct making *making, uint32_t group)
{
    const int64_t flat = making->sums.flat[group], cum = making->sums.cum[group];

    if (flat == 0 && cum == 0)
        return false;
    return !making->wish->drops_negative || !(flat < 0 || (flat == 0 && cum < 0));
}

static double cutoff(int64_t total, double share)
{
    return trunc(size_of(total) * share);
}

/* The groups that weigh enough, and of those the first ones. */
static int choose_groups(struct making *making, struct pp_graph *graph)
{
    const double least = cutoff(graph->total, making->wish->node_share);
    uint32_t n_all = 0;
    int status = 0;

    making->n_kept = 0;
    for (uint32_t group = 0; group < making->n_groups; group++) {
        n_all += is_shown(making, group);
        if (is_shown(making, group) && size_of(making->sums.cum[group]) >= least)
            making->order[making->n_kept++] = group;
    }
    graph->n_light_nodes = n_all - making->n_kept;
    graph->n_heavy_nodes = making->n_kept;
    keep_ordered(making);
    if (graph->n_light_nodes > 0)
        status = walk_again(making);
    if (status == 0 && making->wish->is_picture) {
        score_groups(making);
        status = making->score == NULL ? -ENOMEM : 0;
    }
    if (status != 0)
        return status;
    qsort_r(making->order, making->n_kept, sizeof *making->order, order_groups, making);
    if (making->wish->max_nodes == 0 || making->n_kept <= making->wish->max_nodes)
        return 0;
    making->n_kept = making->wish->max_nodes;
    keep_ordered(making);
    status = walk_again(making);
    if (status == 0 && !making->wish->is_picture)
        qsort_r(making->order, making->n_kept, sizeof *making->order, order_groups, making);
    return status;
}

/* ---- edges ---- */

/* Heavier first, then by the ends' places in their order. */
static int order_edges(const void *left, const void *right)
{
    const struct pp_graph_edge *a = left, *b = right;
    const double a_size = size_of(a->weight), b_size = size_of(b->weight);

    if (a_size != b_size)
        return a_size < b_size ? 1 : -1;
    if (a->from != b->from)
        return a->from > b->from ? 1 : -1;
    return (a->to > b->to) - (a->to < b->to);
}

/* Whether the edge's end can be reached from its beginning without it. */
static int is_redundant(const struct pp_graph *graph, uint32_t number, bool *is_seen,
                        uint32_t *queue)
{
    const struct pp_graph_edge *edge = &graph->edges[number];
    uint32_t n_queued = 1;

    memset(is_seen, 0, graph->n_nodes);
    queue[0] = edge->to;
    is_seen[edge->to] = true;
    for (uint32_t at = 0; at < n_queued; at++) {
        const struct pp_graph_node *node = &graph->nodes[queue[at]];
        for (uint32_t i = 0; i < node->n_in; i++) {
            const uint32_t other = graph->in[node->first_in + i];
            const uint32_t from = graph->edges[other].from;
            if (other == number || graph->edges[other].is_gone || is_seen[from])
                continue;
            if (from == edge->from)
                return true;
            is_seen[from] = true;
            queue[n_queued++] = from;
        }
    }
    return false;
}

/* Of a node's residual edges the lightest first; one that is heavier than a plain edge stays, or
 * the picture would seem to contradict itself. */
static int remove_redundant(struct pp_graph *graph)
{
    pp_autofree bool *is_seen = calloc((size_t)graph->n_nodes + 1, sizeof *is_seen);
    pp_autofree uint32_t *queue = calloc((size_t)graph->n_nodes + 1, sizeof *queue);

    if (is_seen == NULL || queue == NULL)
        return -ENOMEM;
    for (uint32_t node = graph->n_nodes; node-- > 0;) {
        const struct pp_graph_node *at = &graph->nodes[node];
        for (uint32_t i = at->n_in; i-- > 0;) {
            const uint32_t number = graph->in[at->first_in + i];
            if (!graph->edges[number].is_residual)
                break;
            graph->edges[number].is_gone = is_redundant(graph, number, is_seen, queue);
        }
    }
    return 0;
}

/* The lists of each node, of the edges that are left. */
static int list_edges(struct pp_graph *graph)
{
    uint32_t n_in = 0, n_out = 0;

    if (graph->in == NULL) {
        graph->in = calloc((size_t)graph->n_edges + 1, sizeof *graph->in);
        graph->out = calloc((size_t)graph->n_edges + 1, sizeof *graph->out);
    }
    if (graph->in == NULL || graph->out == NULL)
        return -ENOMEM;
    for (uint32_t node = 0; node < graph->n_nodes; node++)
        graph->nodes[node].n_in = graph->nodes[node].n_out = 0;
    for (uint32_t i = 0; i < graph->n_edges; i++) {
        graph->nodes[graph->edges[i].to].n_in += !graph->edges[i].is_gone;
        graph->nodes[graph->edges[i].from].n_out += !graph->edges[i].is_gone;
    }
    for (uint32_t node = 0; node < graph->n_nodes; node++) {
        struct pp_graph_node *at = &graph->nodes[node];
        at->first_in = n_in;
        at->first_out = n_out;
        n_in += at->n_in;
        n_out += at->n_out;
        at->n_in = at->n_out = 0;
    }
    for (uint32_t i = 0; i < graph->n_edges; i++) {
        struct pp_graph_node *to = &graph->nodes[graph->edges[i].to];
        struct pp_graph_node *from = &graph->nodes[graph->edges[i].from];
        if (graph->edges[i].is_gone)
            continue;
        graph->in[to->first_in + to->n_in++] = i;
        graph->out[from->first_out + from->n_out++] = i;
    }
    return 0;
}

/* ---- groups to nodes ---- */

/* The mapping of the first location of each group; in a tree by group too, not by context. */
static pp_id *find_mappings(const struct making *making)
{
    const struct pprofc_profile *profile = making->profile;
    pp_id *mapping_of = calloc((size_t)making->groups.n_groups + 1, sizeof *mapping_of);

    for (pp_id location = 1; mapping_of != NULL && location < profile->n_locations; location++) {
        const struct pp_top_members members = pp_top_groups_of(&making->groups, profile, location);
        for (uint32_t i = 0; i < members.n; i++)
            if (mapping_of[members.groups[i]] == 0)
                mapping_of[members.groups[i]] = profile->locations[location].mapping;
    }
    return mapping_of;
}

static int take_nodes(struct making *making, struct pp_graph *graph)
{
    pp_autofree pp_id *mapping_of = find_mappings(making);
    pp_autofree uint32_t *node_of = calloc((size_t)making->n_groups + 1, sizeof *node_of);
    const double least = cutoff(graph->total, making->wish->edge_share);
    uint32_t n_edges = 0;

    graph->nodes = calloc((size_t)making->n_kept + 1, sizeof *graph->nodes);
    if (mapping_of == NULL || node_of == NULL || graph->nodes == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < making->n_kept; i++) {
        const uint32_t group = making->order[i];
        const struct pp_top_group *known = group_of(making, group);
        node_of[group] = i + 1;
        graph->nodes[i] = (struct pp_graph_node){
            .name = known->name,
            .file = known->file,
            .module = pp_profile_chars(
                making->profile,
                making->profile->mappings[mapping_of[known - making->groups.groups]].path),
            .line = making->wish->group == PP_BY_LINE ? (int64_t)known->number : 0,
            .flat = making->sums.flat[group],
            .cum = making->sums.cum[group]};
    }
    graph->n_nodes = making->n_kept;
    for (uint32_t i = 0; i < making->sums.n_edges; i++) {
        struct pp_graph_edge edge = making->sums.edges[i];
        if (node_of[edge.from] == 0 || node_of[edge.to] == 0 || edge.weight == 0)
            continue;
        if (size_of(edge.weight) < least) {
            graph->n_light_edges++;
            continue;
        }
        edge.from = node_of[edge.from] - 1;
        edge.to = node_of[edge.to] - 1;
        making->sums.edges[n_edges++] = edge;
    }
    graph->edges = making->sums.edges;
    graph->n_edges = n_edges;
    making->sums.edges = NULL;
    if (n_edges > 1)
        qsort(graph->edges, n_edges, sizeof *graph->edges, order_edges);
    return 0;
}

static int make(struct making *making, struct pp_graph *graph)
{
    const struct pprofc_profile *profile = making->profile;

    if (pp_top_groups_init(&making->groups, profile, making->wish->group, "", &graph->arena) != 0 ||
        pp_weights_init(&making->weights, profile, making->wish->type) != 0 ||
        (making->wish->is_tree &&
         pp_contexts_init(&making->contexts, profile, &making->groups) != 0))
        return -ENOMEM;
    making->n_groups = making->wish->is_tree ? making->contexts.n : making->groups.n_groups;
    making->is_kept = calloc((size_t)making->n_groups + 1, sizeof *making->is_kept);
    making->order = calloc((size_t)making->n_groups + 1, sizeof *making->order);
    if (making->is_kept == NULL || making->order == NULL || walk(making, NULL) != 0)
        return -ENOMEM;
    for (uint32_t group = 0; group < making->n_groups; group++)
        graph->total = pp_add_values(graph->total, making->sums.flat[group]);
    if (choose_groups(making, graph) != 0 || take_nodes(making, graph) != 0 ||
        list_edges(graph) != 0)
        return -ENOMEM;
    if (!making->wish->is_picture)
        return 0;
    return remove_redundant(graph) != 0 ? -ENOMEM : list_edges(graph);
}

int pp_graph_make(const struct pprofc_profile *profile, const struct pp_graph_wish *wish,
                  struct pp_graph *graph_out, struct pprofc_error *err)
{
    __attribute__((cleanup(making_done))) struct making making = {.profile = profile, .wish = wish};
    struct pp_graph graph = {.arena = PP_ARENA_INIT};

    if (wish->type >= profile->n_types)
        return pp_fail(err, -EINVAL, 0, "the profile has no sample type number %u", wish->type);
    if (wish->group == PP_BY_THREAD || wish->group == PP_BY_POOL || wish->group == PP_BY_LABEL)
        return pp_fail(err, -EINVAL, 0,
                       "calls are between functions, lines, files, modules or addresses, not "
                       "between threads, pools or labels");
    if (make(&making, &graph) != 0) {
        pp_graph_done(&graph);
        return pp_fail(err, -ENOMEM, 0, "cannot draw up the calls: out of memory");
    }
    *graph_out = graph;
    return 0;
}

void pp_graph_done(struct pp_graph *graph)
{
    free(graph->nodes);
    free(graph->edges);
    free(graph->in);
    free(graph->out);
    pp_arena_done(&graph->arena);
    *graph = (struct pp_graph){.arena = PP_ARENA_INIT};
}
