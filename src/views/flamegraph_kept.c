/* What of a plain profile is drawn: which nodes, in which order, and what is gathered beside them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "views/flamegraph_plain.h"

/* ---- totals ---- */

int pp_flame_totals_init(struct pp_flame_totals *totals, uint32_t n, bool is_narrow)
{
    if (is_narrow)
        totals->narrow = malloc(n * sizeof *totals->narrow);
    else
        totals->wide = malloc(n * sizeof *totals->wide);
    return pp_flame_has_totals(totals) ? 0 : -ENOMEM;
}

/* ---- what is kept ---- */

void pp_flame_kept_done(struct pp_flame_kept *kept)
{
    pp_flame_set_done(&kept->set);
    pp_flame_set_done(&kept->with_rest);
    free(kept->node);
    pp_flame_totals_done(&kept->totals);
    pp_flame_totals_done(&kept->totals_after);
    free(kept->first_child);
    free(kept->next_sibling);
    free(kept->rests);
    *kept = (struct pp_flame_kept){0};
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
static int sum_rests(const struct pp_flame_draft *draft, int64_t min_total,
                     struct pp_flame_kept *kept)
{
    const struct pprofc_profile *profile = draft->profile;

    if (pp_flame_set_init(&kept->with_rest, kept->set.n) != 0)
        return -ENOMEM;
    if (min_total <= 1)
        return 0; /* all that weighs anything is kept */
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
        if (pp_flame_has_totals(&draft->sums_after))
            rest->after += pp_flame_total_at(&draft->sums_after, node);
    }
    return 0;
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

/* The totals of those kept: copied, or, for the last picture, moved together where they are. */
static int take_totals(struct pp_flame_totals *from, const struct pp_flame_kept *kept,
                       uint32_t n_nodes, bool is_last, struct pp_flame_totals *to)
{
    const struct pp_flame_totals old = *from;
    uint32_t n = 0;

    if (!pp_flame_has_totals(from))
        return 0;
    if (is_last) {
        *to = old;
        *from = (struct pp_flame_totals){NULL, NULL};
    } else if (pp_flame_totals_init(to, kept->set.n, from->narrow != NULL) != 0) {
        return -ENOMEM;
    }
    for (pp_id node = 0; node < n_nodes; node++) {
        if (!pp_flame_set_has(&kept->set, node))
            continue;
        if (to->narrow != NULL)
            to->narrow[n++] = old.narrow[node];
        else
            to->wide[n++] = old.wide[node];
    }
    if (is_last) {
        shrink(&to->narrow, n, sizeof *to->narrow);
        shrink(&to->wide, n, sizeof *to->wide);
    }
    return 0;
}

static int list(struct pp_flame_draft *draft, struct pp_flame_kept *kept, bool is_last)
{
    const uint32_t n_nodes = draft->profile->n_nodes;
    uint32_t n = 0;

    if (take_totals(&draft->sums, kept, n_nodes, is_last, &kept->totals) != 0 ||
        take_totals(&draft->sums_after, kept, n_nodes, is_last, &kept->totals_after) != 0)
        return -ENOMEM;
    kept->node = malloc(kept->set.n * sizeof *kept->node);
    if (kept->node == NULL)
        return -ENOMEM;
    for (pp_id node = 0; node < n_nodes; node++)
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
        failed = sum_rests(draft, min_total, &kept);
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
    void (*visit)(void *context, const struct pp_flame_node *node,
                  const struct pp_flame_after *after);
    void *context;
    uint32_t n_visited;
};

static void show(struct walk *walk, const struct pp_flame_node *node,
                 const struct pp_flame_after *after)
{
    walk->visit(walk->context, node, pp_flame_has_totals(&walk->kept->totals_after) ? after : NULL);
    walk->n_visited++;
}

/* What of a node's total neither the children have nor the rest. */
static int64_t self_of(const struct pp_flame_kept *kept, const struct pp_flame_totals *totals,
                       uint32_t i, int64_t rest)
{
    int64_t self = pp_flame_total_at(totals, i) - rest;

    for (uint32_t child = kept->first_child[i]; child != 0; child = kept->next_sibling[child])
        self -= pp_flame_total_at(totals, child);
    return self;
}

/* Its first child is replaced by its number, which they need.  Returns the first child. */
static uint32_t visit_node(struct walk *walk, uint32_t i, uint32_t parent, uint32_t level)
{
    struct pp_flame_kept *kept = walk->kept;
    const struct pp_flame_rest *rest = rest_of(kept, i);
    const uint32_t first = kept->first_child[i], number = walk->n_visited;
    const struct pp_flame_node node = {
        .total = pp_flame_total_at(&kept->totals, i),
        .self = self_of(kept, &kept->totals, i, rest != NULL ? rest->total : 0),
        .parent = parent,
        .level = level,
        .frame = i > 0 ? pp_flame_kept_frame(walk->draft, kept, i) : 0};
    struct pp_flame_after after = {0, 0};

    if (pp_flame_has_totals(&kept->totals_after)) {
        after.total = pp_flame_total_at(&kept->totals_after, i);
        after.self = self_of(kept, &kept->totals_after, i, rest != NULL ? rest->after : 0);
    }
    show(walk, &node, &after);
    kept->first_child[i] = number;
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
    show(walk, &node, &(struct pp_flame_after){rest->after, rest->after});
}

void pp_flame_plain_walk(const struct pp_flame_draft *draft, struct pp_flame_kept *kept,
                         void (*visit)(void *context, const struct pp_flame_node *node,
                                       const struct pp_flame_after *after),
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
