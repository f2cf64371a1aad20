/* Flame graphs of plain profiles.  Of a tree of millions of nodes a picture shows some: all that is
 * made for each node of the profile is its total and a bit, and all else for those that are kept.
 */
#include "views/flamegraph_plain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { MOST_LEVELS = 240 }; /* what a picture without scripts can show */

/* ---- whether it is plain ---- */

static bool may_be_plain(const struct pprofc_profile *profile)
{
    for (pp_id location = 0; location < profile->n_locations; location++)
        if (profile->locations[location].n_lines > 1)
            return false;
    return true;
}

/* 'levels' has room for one a node. */
static bool is_shallow(const struct pprofc_profile *profile, uint32_t *levels)
{
    levels[0] = 0;
    for (pp_id node = 1; node < profile->n_nodes; node++) {
        levels[node] = levels[profile->node_parent[node]] + 1;
        if (levels[node] > MOST_LEVELS)
            return false;
    }
    return true;
}

/* The sum of all that is drawn; false when it is no number of 63 bits. */
static bool sum_all(const struct pprofc_profile *profile, uint32_t type, int64_t *sum_out)
{
    int64_t sum = 0;

    for (uint32_t i = 0; i < profile->n_samples; i++) {
        const int64_t value = profile->sample_values[(size_t)i * profile->n_types + type];
        if (value > 0 && __builtin_add_overflow(sum, value, &sum))
            return false;
    }
    *sum_out = sum;
    return true;
}

/* ---- totals ---- */

static void sum_narrow(struct pp_flame_draft *draft)
{
    const struct pprofc_profile *profile = draft->profile;
    uint32_t *total = draft->narrow_total;

    memset(total, 0, profile->n_nodes * sizeof *total);
    for (uint32_t i = 0; i < profile->n_samples; i++) {
        const int64_t value = profile->sample_values[(size_t)i * profile->n_types + draft->type];
        if (value > 0)
            total[profile->sample_stack[i]] += (uint32_t)value;
    }
    for (pp_id node = profile->n_nodes; node-- > 1;)
        total[profile->node_parent[node]] += total[node];
}

static int sum_wide(struct pp_flame_draft *draft)
{
    const struct pprofc_profile *profile = draft->profile;
    int64_t *total = calloc(profile->n_nodes, sizeof *total);

    free(draft->narrow_total);
    draft->narrow_total = NULL;
    draft->total = total;
    if (total == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < profile->n_samples; i++) {
        const int64_t value = profile->sample_values[(size_t)i * profile->n_types + draft->type];
        if (value > 0)
            total[profile->sample_stack[i]] += value;
    }
    for (pp_id node = profile->n_nodes; node-- > 1;)
        total[profile->node_parent[node]] += total[node];
    return 0;
}

/* What each frame has by itself. */
static void sum_frames(const struct pp_flame_draft *draft)
{
    const struct pprofc_profile *profile = draft->profile;

    for (uint32_t i = 0; i < profile->n_samples; i++) {
        const int64_t value = profile->sample_values[(size_t)i * profile->n_types + draft->type];
        const pp_id stack = profile->sample_stack[i];
        if (value > 0 && stack != 0)
            draft->tree->frames[draft->frame_of_location[profile->node_location[stack]]].self +=
                value;
    }
}

/* By location, whether its frame is that of its name or its own. */
static int find_frames(struct pp_flame_draft *draft)
{
    const struct pprofc_profile *profile = draft->profile;
    int failed = pp_flame_find_frames(draft);

    if (failed == 0 && draft->is_plain)
        failed = pp_flame_sort_frames(draft);
    if (failed != 0 || !draft->is_plain)
        return failed;
    for (pp_id location = 0; location < profile->n_locations; location++) {
        const struct pp_location *at = &profile->locations[location];
        const pp_id name =
            at->n_lines > 0 ? profile->functions[profile->lines[at->first_line].function].name : 0;
        if (name != 0)
            draft->frame_of_location[location] = draft->frame_of_string[name];
    }
    sum_frames(draft);
    return 0;
}

int pp_flame_plain_init(struct pp_flame_draft *draft, const struct pprofc_profile *profile,
                        uint32_t type, struct pp_flame_tree *tree)
{
    int64_t sum;
    int failed = 0;

    *draft = (struct pp_flame_draft){.profile = profile,
                                     .type = type,
                                     .type_after = PP_FLAME_NO_TYPE,
                                     .tree = tree,
                                     .is_plain = true};
    if (!may_be_plain(profile) || !sum_all(profile, type, &sum))
        return 0;
    draft->narrow_total = malloc(profile->n_nodes * sizeof *draft->narrow_total);
    if (draft->narrow_total == NULL)
        return -ENOMEM;
    if (!is_shallow(profile, draft->narrow_total))
        return 0;
    if (sum <= UINT32_MAX)
        sum_narrow(draft);
    else
        failed = sum_wide(draft);
    if (failed == 0)
        failed = find_frames(draft);
    return failed != 0 ? failed : draft->is_plain;
}

int64_t pp_flame_plain_threshold(const struct pp_flame_draft *draft, int64_t at_least,
                                 uint32_t max_nodes)
{
    uint32_t counts[PP_FLAME_BINS] = {0};

    for (pp_id node = 0; node < draft->profile->n_nodes; node++) {
        const int64_t total = pp_flame_total(draft, node);
        if (total >= at_least)
            counts[pp_flame_bin_of(total)]++;
    }
    return pp_flame_threshold_of(counts, at_least, max_nodes);
}

/* ---- what is kept ---- */

void pp_flame_kept_done(struct pp_flame_kept *kept)
{
    pp_flame_set_done(&kept->set);
    pp_flame_set_done(&kept->with_rest);
    free(kept->node);
    free(kept->total);
    free(kept->narrow_total);
    free(kept->first_child);
    free(kept->next_sibling);
    free(kept->rests);
    *kept = (struct pp_flame_kept){0};
}

static int64_t total_of(const struct pp_flame_kept *kept, uint32_t i)
{
    return kept->narrow_total != NULL ? kept->narrow_total[i] : kept->total[i];
}

static uint32_t parent_of(const struct pp_flame_draft *draft, const struct pp_flame_kept *kept,
                          uint32_t i)
{
    return pp_flame_set_place(&kept->set, draft->profile->node_parent[kept->node[i]]);
}

static int choose(const struct pp_flame_draft *draft, int64_t min_total, struct pp_flame_kept *kept)
{
    const uint32_t n_nodes = draft->profile->n_nodes;

    if (pp_flame_set_init(&kept->set, n_nodes) != 0)
        return -ENOMEM;
    pp_flame_set_add(&kept->set, 0);
    for (pp_id node = 1; node < n_nodes; node++)
        if (pp_flame_total(draft, node) >= min_total)
            pp_flame_set_add(&kept->set, node);
    pp_flame_set_count(&kept->set, n_nodes);
    return 0;
}

/* Whether a node is the uppermost one that is not kept. */
static bool is_rest(const struct pp_flame_draft *draft, const struct pp_flame_kept *kept,
                    pp_id node)
{
    return !pp_flame_set_has(&kept->set, node) && pp_flame_total(draft, node) > 0 &&
           pp_flame_set_has(&kept->set, draft->profile->node_parent[node]);
}

/* Book on the nodes that are kept the children that are not: few have any. */
static int sum_rests(const struct pp_flame_draft *draft, struct pp_flame_kept *kept)
{
    const struct pprofc_profile *profile = draft->profile;

    if (pp_flame_set_init(&kept->with_rest, kept->set.n) != 0)
        return -ENOMEM;
    for (pp_id node = 1; node < profile->n_nodes; node++)
        if (is_rest(draft, kept, node))
            pp_flame_set_add(&kept->with_rest,
                             pp_flame_set_place(&kept->set, profile->node_parent[node]));
    pp_flame_set_count(&kept->with_rest, kept->set.n);
    kept->rests = calloc((size_t)kept->with_rest.n + 1, sizeof *kept->rests);
    if (kept->rests == NULL)
        return -ENOMEM;
    for (pp_id node = 1; node < profile->n_nodes; node++) {
        struct pp_flame_rest *rest;
        if (!is_rest(draft, kept, node))
            continue;
        rest = &kept->rests[pp_flame_set_place(
            &kept->with_rest, pp_flame_set_place(&kept->set, profile->node_parent[node]))];
        rest->n++;
        rest->total += pp_flame_total(draft, node);
    }
    return 0;
}

/* Room for the totals of those kept: of its own, or, for the last picture, the draft's, which are
 * then moved together. */
static int take_totals(struct pp_flame_draft *draft, struct pp_flame_kept *kept, bool is_last)
{
    if (is_last) {
        kept->narrow_total = draft->narrow_total;
        kept->total = draft->total;
        draft->narrow_total = NULL;
        draft->total = NULL;
    } else if (draft->narrow_total != NULL) {
        kept->narrow_total = malloc(kept->set.n * sizeof *kept->narrow_total);
    } else {
        kept->total = malloc(kept->set.n * sizeof *kept->total);
    }
    return kept->narrow_total == NULL && kept->total == NULL ? -ENOMEM : 0;
}

/* What is not needed any more behind 'n_items'; where that fails it stays. */
static void shrink(void *array, size_t n_items, size_t item_bytes)
{
    void *old = NULL, *shrunk;

    memcpy(&old, array, sizeof old);
    shrunk = old != NULL ? reallocarray(old, n_items, item_bytes) : NULL;
    if (shrunk != NULL)
        memcpy(array, &shrunk, sizeof shrunk);
}

static int list(struct pp_flame_draft *draft, struct pp_flame_kept *kept, bool is_last)
{
    const uint32_t *narrow = draft->narrow_total;
    const int64_t *wide = draft->total;
    uint32_t n = 0;

    if (take_totals(draft, kept, is_last) != 0)
        return -ENOMEM;
    for (pp_id node = 0; node < draft->profile->n_nodes; node++) {
        if (!pp_flame_set_has(&kept->set, node))
            continue;
        if (narrow != NULL)
            kept->narrow_total[n++] = narrow[node];
        else
            kept->total[n++] = wide[node];
    }
    if (is_last) {
        shrink(&kept->narrow_total, n, sizeof *kept->narrow_total);
        shrink(&kept->total, n, sizeof *kept->total);
    }
    kept->node = malloc(kept->set.n * sizeof *kept->node);
    if (kept->node == NULL)
        return -ENOMEM;
    n = 0;
    for (pp_id node = 0; node < draft->profile->n_nodes; node++)
        if (pp_flame_set_has(&kept->set, node))
            kept->node[n++] = node;
    return 0;
}

/* NULL: all its children are kept. */
static const struct pp_flame_rest *rest_of(const struct pp_flame_kept *kept, uint32_t i)
{
    return pp_flame_set_has(&kept->with_rest, i)
               ? &kept->rests[pp_flame_set_place(&kept->with_rest, i)]
               : NULL;
}

/* ---- order ---- */

struct child {
    uint32_t place, frame;
};

static int compare_children(const void *a, const void *b)
{
    const uint32_t left = ((const struct child *)a)->frame,
                   right = ((const struct child *)b)->frame;

    return (left > right) - (left < right);
}

static int sort_children(const struct pp_flame_draft *draft, struct pp_flame_kept *kept,
                         uint32_t parent, struct child **children, size_t *capacity)
{
    size_t n = 0;

    for (uint32_t i = kept->first_child[parent]; i != 0; i = kept->next_sibling[i]) {
        if (pp_array_reserve(children, capacity, n + 1, sizeof **children) != 0)
            return -ENOMEM;
        (*children)[n++] = (struct child){i, pp_flame_kept_frame(draft, kept, i)};
    }
    qsort(*children, n, sizeof **children, compare_children);
    kept->first_child[parent] = (*children)[0].place;
    for (size_t i = 0; i < n; i++)
        kept->next_sibling[(*children)[i].place] = i + 1 < n ? (*children)[i + 1].place : 0;
    return 0;
}

/* As in any tree of calls most nodes have one child; only what has several is sorted. */
static int link_children(const struct pp_flame_draft *draft, struct pp_flame_kept *kept)
{
    pp_autofree struct child *children = NULL;
    size_t capacity = 0;

    kept->first_child = calloc(kept->set.n, sizeof *kept->first_child);
    kept->next_sibling = calloc(kept->set.n, sizeof *kept->next_sibling);
    if (kept->first_child == NULL || kept->next_sibling == NULL)
        return -ENOMEM;
    for (uint32_t i = kept->set.n; i-- > 1;) {
        const uint32_t parent = parent_of(draft, kept, i);
        kept->next_sibling[i] = kept->first_child[parent];
        kept->first_child[parent] = i;
    }
    for (uint32_t i = 0; i < kept->set.n; i++) {
        const uint32_t first = kept->first_child[i];
        if (first != 0 && kept->next_sibling[first] != 0 &&
            sort_children(draft, kept, i, &children, &capacity) != 0)
            return -ENOMEM;
    }
    return 0;
}

int pp_flame_plain_keep(struct pp_flame_draft *draft, int64_t min_total, bool is_last,
                        struct pp_flame_kept *kept_out)
{
    struct pp_flame_kept kept = {0};
    int failed = choose(draft, min_total, &kept);

    if (failed == 0)
        failed = sum_rests(draft, &kept);
    if (failed == 0)
        failed = list(draft, &kept, is_last);
    if (failed == 0)
        failed = link_children(draft, &kept);
    if (failed != 0)
        pp_flame_kept_done(&kept);
    else
        *kept_out = kept;
    return failed;
}

/* ---- the walk ---- */

struct walk {
    const struct pp_flame_draft *draft;
    struct pp_flame_kept *kept;
    void (*visit)(void *context, const struct pp_flame_node *node);
    void *context;
    uint32_t n_visited;
};

/* Its self is what neither the children have nor the rest; its first child is replaced by its
 * number, which they need.  Returns the first child. */
static uint32_t visit_node(struct walk *walk, uint32_t i, uint32_t parent, uint32_t level)
{
    struct pp_flame_kept *kept = walk->kept;
    const struct pp_flame_rest *rest = rest_of(kept, i);
    const uint32_t first = kept->first_child[i];
    struct pp_flame_node node = {.total = total_of(kept, i),
                                 .parent = parent,
                                 .level = level,
                                 .frame = i > 0 ? pp_flame_kept_frame(walk->draft, kept, i) : 0};

    node.self = node.total - (rest != NULL ? rest->total : 0);
    for (uint32_t child = first; child != 0; child = kept->next_sibling[child])
        node.self -= total_of(kept, child);
    walk->visit(walk->context, &node);
    kept->first_child[i] = walk->n_visited++;
    return first;
}

static void visit_rest(struct walk *walk, uint32_t i, uint32_t level)
{
    const struct pp_flame_rest *rest = rest_of(walk->kept, i);
    struct pp_flame_node node = {
        .parent = walk->kept->first_child[i], .level = level + 1, .kind = PP_FLAME_OTHER};

    if (rest == NULL)
        return;
    node.total = node.self = rest->total;
    node.n_gathered = rest->n;
    walk->visit(walk->context, &node);
    walk->n_visited++;
}

void pp_flame_plain_walk(const struct pp_flame_draft *draft, struct pp_flame_kept *kept,
                         void (*visit)(void *context, const struct pp_flame_node *node),
                         void *context)
{
    struct walk walk = {.draft = draft, .kept = kept, .visit = visit, .context = context};
    uint32_t i = 0, level = 0, parent = 0;

    for (;;) {
        const uint32_t first = visit_node(&walk, i, parent, level);
        if (first != 0) {
            parent = kept->first_child[i];
            i = first;
            level++;
            continue;
        }
        visit_rest(&walk, i, level);
        while (i != 0 && kept->next_sibling[i] == 0) {
            i = parent_of(draft, kept, i);
            visit_rest(&walk, i, --level);
        }
        if (i == 0)
            return;
        parent = kept->first_child[parent_of(draft, kept, i)];
        i = kept->next_sibling[i];
    }
}

/* ---- as a tree ---- */

static void add_to_tree(void *context, const struct pp_flame_node *node)
{
    struct pp_flame_tree *tree = context;

    tree->nodes[tree->n_nodes] = *node;
    tree->nodes[tree->n_nodes].end = tree->n_nodes + 1;
    tree->n_nodes++;
    if (node->level > tree->n_levels)
        tree->n_levels = node->level;
}

int pp_flame_plain_tree(struct pp_flame_draft *draft, int64_t min_total, struct pp_flame_tree *tree)
{
    struct pp_flame_kept kept;
    int failed = pp_flame_plain_keep(draft, min_total, false, &kept);

    if (failed != 0)
        return failed;
    tree->nodes = calloc((size_t)kept.set.n + kept.with_rest.n, sizeof *tree->nodes);
    if (tree->nodes != NULL)
        pp_flame_plain_walk(draft, &kept, add_to_tree, tree);
    pp_flame_kept_done(&kept);
    for (uint32_t i = tree->n_nodes; i-- > 1;) {
        struct pp_flame_node *parent = &tree->nodes[tree->nodes[i].parent];
        if (tree->nodes[i].end > parent->end)
            parent->end = tree->nodes[i].end;
    }
    return tree->nodes == NULL ? -ENOMEM : 0;
}
