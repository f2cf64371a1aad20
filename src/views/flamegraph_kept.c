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
    free(kept->frame);
    pp_flame_totals_done(&kept->totals);
    pp_flame_totals_done(&kept->totals_after);
    free(kept->first_child);
    pp_flame_set_done(&kept->with_next);
    free(kept->next_sibling);
    free(kept->rests);
    *kept = (struct pp_flame_kept){0};
}

/* While it is made. */
static uint32_t parent_of(const struct pp_flame_draft *draft, const struct pp_flame_kept *kept,
                          uint32_t i)
{
    return pp_flame_set_place(&kept->set, draft->profile->node_parent[kept->frame[i]]);
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

static int list(const struct pp_flame_draft *draft, struct pp_flame_kept *kept)
{
    uint32_t n = 0;

    kept->frame = malloc(kept->set.n * sizeof *kept->frame);
    if (kept->frame == NULL)
        return -ENOMEM;
    for (uint32_t word = 0; word <= draft->profile->n_nodes / PP_FLAME_WORD_BITS; word++)
        for (uint64_t bits = kept->set.bits[word]; bits != 0; bits &= bits - 1)
            kept->frame[n++] = word * PP_FLAME_WORD_BITS + (uint32_t)__builtin_ctzll(bits);
    return 0;
}

/* The uppermost of those that are not kept: their parents are. */
static int find_rests(const struct pp_flame_draft *draft, const struct pp_flame_kept *kept,
                      struct pp_flame_set *rests)
{
    const struct pprofc_profile *profile = draft->profile;

    if (pp_flame_set_init(rests, profile->n_nodes) != 0)
        return -ENOMEM;
    for (uint32_t word = 0; word <= profile->n_nodes / PP_FLAME_WORD_BITS; word++) {
        for (uint64_t bits = ~kept->set.bits[word]; bits != 0; bits &= bits - 1) {
            const pp_id node = word * PP_FLAME_WORD_BITS + (uint32_t)__builtin_ctzll(bits);
            if (node < profile->n_nodes &&
                pp_flame_set_has(&kept->set, profile->node_parent[node]) &&
                pp_flame_total(draft, node) > 0)
                pp_flame_set_add(rests, node);
        }
    }
    return 0;
}

/* Book what is in 'rests' on the nodes above. */
static int add_rests(const struct pp_flame_draft *draft, const struct pp_flame_set *rests,
                     struct pp_flame_kept *kept)
{
    const pp_id *parents = draft->profile->node_parent;
    const uint32_t n_words = draft->profile->n_nodes / PP_FLAME_WORD_BITS + 1;

    if (pp_flame_set_init(&kept->with_rest, kept->set.n) != 0)
        return -ENOMEM;
    for (uint32_t word = 0; word < n_words; word++)
        for (uint64_t bits = rests->bits[word]; bits != 0; bits &= bits - 1) {
            const pp_id node = word * PP_FLAME_WORD_BITS + (uint32_t)__builtin_ctzll(bits);
            pp_flame_set_add(&kept->with_rest, pp_flame_set_place(&kept->set, parents[node]));
        }
    pp_flame_set_count(&kept->with_rest, kept->set.n);
    kept->rests = calloc((size_t)kept->with_rest.n + 1, sizeof *kept->rests);
    if (kept->rests == NULL)
        return -ENOMEM;
    for (uint32_t word = 0; word < n_words; word++)
        for (uint64_t bits = rests->bits[word]; bits != 0; bits &= bits - 1) {
            const pp_id node = word * PP_FLAME_WORD_BITS + (uint32_t)__builtin_ctzll(bits);
            struct pp_flame_rest *rest = &kept->rests[pp_flame_set_place(
                &kept->with_rest, pp_flame_set_place(&kept->set, parents[node]))];
            rest->n++;
            rest->total += pp_flame_total(draft, node);
            if (pp_flame_has_totals(&draft->sums_after))
                rest->after += pp_flame_total_at(&draft->sums_after, node);
        }
    return 0;
}

/* Book on the nodes that are kept the children that are not: few have any. */
static int sum_rests(const struct pp_flame_draft *draft, int64_t min_total,
                     struct pp_flame_kept *kept)
{
    struct pp_flame_set rests = {NULL, NULL, 0};
    int failed;

    if (min_total <= 1) /* all that weighs anything is kept */
        return pp_flame_set_init(&kept->with_rest, kept->set.n);
    failed = find_rests(draft, kept, &rests);
    if (failed == 0)
        failed = add_rests(draft, &rests, kept);
    pp_flame_set_done(&rests);
    return failed;
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
static int take_totals(struct pp_flame_totals *from, const struct pp_flame_kept *kept, bool is_last,
                       struct pp_flame_totals *to)
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
    for (uint32_t word = 0; n < kept->set.n; word++)
        for (uint64_t bits = kept->set.bits[word]; bits != 0; bits &= bits - 1, n++) {
            const uint32_t node = word * PP_FLAME_WORD_BITS + (uint32_t)__builtin_ctzll(bits);
            if (to->narrow != NULL)
                to->narrow[n] = old.narrow[node];
            else
                to->wide[n] = old.wide[node];
        }
    if (is_last) {
        shrink(&to->narrow, n, sizeof *to->narrow);
        shrink(&to->wide, n, sizeof *to->wide);
    }
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
        (*children)[n++] = (struct child){
            i, draft->frame_of_location[draft->profile->node_location[kept->frame[i]]]};
    }
    qsort(*children, n, sizeof **children, compare_children);
    kept->first_child[parent] = (*children)[0].place;
    for (size_t i = 0; i < n; i++)
        kept->next_sibling[(*children)[i].place] = i + 1 < n ? (*children)[i + 1].place : 0;
    return 0;
}

/* Keep the siblings of those that have one. */
static int pack_siblings(struct pp_flame_kept *kept)
{
    uint32_t n = 0;

    if (pp_flame_set_init(&kept->with_next, kept->set.n) != 0)
        return -ENOMEM;
    for (uint32_t i = 0; i < kept->set.n; i++) {
        if (kept->next_sibling[i] == 0)
            continue;
        pp_flame_set_add(&kept->with_next, i);
        kept->next_sibling[n++] = kept->next_sibling[i];
    }
    pp_flame_set_count(&kept->with_next, kept->set.n);
    shrink(&kept->next_sibling, (size_t)n + 1, sizeof *kept->next_sibling);
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
    return pack_siblings(kept);
}

/* From the first to the last, as parents come before their children: what is taken off above is
 * what the child had before anything was taken off of it. */
static void take_off_children(const struct pp_flame_draft *draft, const struct pp_flame_kept *kept,
                              struct pp_flame_totals *totals)
{
    if (totals->narrow != NULL)
        for (uint32_t i = 1; i < kept->set.n; i++)
            totals->narrow[parent_of(draft, kept, i)] -= totals->narrow[i];
    if (totals->wide != NULL)
        for (uint32_t i = 1; i < kept->set.n; i++)
            totals->wide[parent_of(draft, kept, i)] -= totals->wide[i];
}

static void find_frames(const struct pp_flame_draft *draft, struct pp_flame_kept *kept)
{
    for (uint32_t i = 0; i < kept->set.n; i++)
        kept->frame[i] = draft->frame_of_location[draft->profile->node_location[kept->frame[i]]];
}

int pp_flame_plain_keep(struct pp_flame_draft *draft, int64_t min_total, bool is_last,
                        struct pp_flame_kept *kept_out)
{
    struct pp_flame_kept kept = {0};
    int failed = choose(draft, min_total, &kept);

    if (failed == 0)
        failed = sum_rests(draft, min_total, &kept);
    if (failed == 0 && (take_totals(&draft->sums, &kept, is_last, &kept.totals) != 0 ||
                        take_totals(&draft->sums_after, &kept, is_last, &kept.totals_after) != 0))
        failed = -ENOMEM;
    if (failed == 0) /* behind them, which are much smaller then */
        failed = list(draft, &kept);
    if (failed == 0)
        failed = link_children(draft, &kept);
    if (failed == 0 && is_last) {
        take_off_children(draft, &kept, &kept.totals);
        take_off_children(draft, &kept, &kept.totals_after);
        kept.has_selfs = true;
    }
    if (failed == 0)
        find_frames(draft, &kept);
    if (failed != 0)
        pp_flame_kept_done(&kept);
    else
        *kept_out = kept;
    return failed;
}

/* ---- the walk ---- */

struct walk {
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

/* 0: it is the last one. */
static uint32_t next_of(const struct pp_flame_kept *kept, uint32_t i)
{
    return pp_flame_set_has(&kept->with_next, i)
               ? kept->next_sibling[pp_flame_set_place(&kept->with_next, i)]
               : 0;
}

/* What of a node's total neither the children have nor the rest. */
static int64_t self_of(const struct pp_flame_kept *kept, const struct pp_flame_totals *totals,
                       uint32_t i, int64_t rest)
{
    int64_t self = pp_flame_total_at(totals, i) - rest;

    if (kept->has_selfs)
        return self;
    for (uint32_t child = kept->first_child[i]; child != 0; child = next_of(kept, child))
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
        .total = kept->has_selfs ? 0 : pp_flame_total_at(&kept->totals, i),
        .self = self_of(kept, &kept->totals, i, rest != NULL ? rest->total : 0),
        .parent = parent,
        .level = level,
        .frame = i > 0 ? kept->frame[i] : 0};
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

/* The siblings of a node lie far from each other: the next one is brought here while what is below
 * this one is visited. */
static void fetch_next(const struct pp_flame_kept *kept, uint32_t i)
{
    const uint32_t next = next_of(kept, i);

    if (next == 0)
        return;
    __builtin_prefetch(&kept->first_child[next]);
    __builtin_prefetch(&kept->frame[next]);
    if (kept->totals.narrow != NULL)
        __builtin_prefetch(&kept->totals.narrow[next]);
}

void pp_flame_plain_walk(struct pp_flame_kept *kept,
                         void (*visit)(void *context, const struct pp_flame_node *node,
                                       const struct pp_flame_after *after),
                         void *context)
{
    struct walk walk = {.kept = kept, .visit = visit, .context = context};
    uint32_t path[PP_FLAME_MOST_LEVELS + 1];
    uint32_t i = 0, level = 0, parent = 0;

    for (;;) {
        uint32_t first;
        fetch_next(kept, i);
        first = visit_node(&walk, i, parent, level);
        if (first != 0) {
            path[level++] = i;
            parent = kept->first_child[i];
            i = first;
            continue;
        }
        visit_rest(&walk, i, level);
        while (level > 0 && !pp_flame_set_has(&kept->with_next, i)) {
            i = path[--level];
            visit_rest(&walk, i, level);
        }
        if (level == 0)
            return;
        parent = kept->first_child[path[level - 1]];
        i = next_of(kept, i);
    }
}
