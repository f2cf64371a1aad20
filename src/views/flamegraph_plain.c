/* Flame graphs of plain profiles.  Of a tree of millions of nodes a picture shows some: all that is
 * made for each node of the profile is its total and a bit, and all else for those that are kept.
 */
#include "views/flamegraph_plain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

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
        if (levels[node] > PP_FLAME_MOST_LEVELS)
            return false;
    }
    return true;
}

/* A value of one or two types; what is below zero counts as nothing. */
static int64_t value_of(const struct pp_flame_draft *draft, uint32_t sample, uint32_t type,
                        uint32_t other)
{
    const struct pprofc_profile *profile = draft->profile;
    const int64_t *values = profile->sample_values + (size_t)sample * profile->n_types;
    const int64_t value = values[type] > 0 ? values[type] : 0;

    return other == PP_FLAME_NO_TYPE || values[other] <= 0 ? value
                                                           : pp_flame_add(value, values[other]);
}

/* The sum of all that is drawn; false when it is no number of 63 bits. */
static bool sum_all(const struct pp_flame_draft *draft, int64_t *sum_out)
{
    int64_t sum = 0;

    for (uint32_t i = 0; i < draft->profile->n_samples; i++)
        if (__builtin_add_overflow(sum, value_of(draft, i, draft->type, draft->type_after), &sum) ||
            sum == INT64_MAX)
            return false;
    *sum_out = sum;
    return true;
}

/* ---- totals ---- */

static void sum_narrow(const struct pp_flame_draft *draft, uint32_t type, uint32_t other,
                       uint32_t *totals)
{
    const struct pprofc_profile *profile = draft->profile;

    memset(totals, 0, profile->n_nodes * sizeof *totals);
    for (uint32_t i = 0; i < profile->n_samples; i++)
        totals[profile->sample_stack[i]] += (uint32_t)value_of(draft, i, type, other);
    for (pp_id node = profile->n_nodes; node-- > 1;)
        totals[profile->node_parent[node]] += totals[node];
}

static void sum_wide(const struct pp_flame_draft *draft, uint32_t type, uint32_t other,
                     int64_t *totals)
{
    const struct pprofc_profile *profile = draft->profile;

    memset(totals, 0, profile->n_nodes * sizeof *totals);
    for (uint32_t i = 0; i < profile->n_samples; i++)
        totals[profile->sample_stack[i]] += value_of(draft, i, type, other);
    for (pp_id node = profile->n_nodes; node-- > 1;)
        totals[profile->node_parent[node]] += totals[node];
}

static int sum_totals(struct pp_flame_draft *draft, bool is_narrow)
{
    const uint32_t n_nodes = draft->profile->n_nodes, after = draft->type_after;

    if ((!pp_flame_has_totals(&draft->sums) &&
         pp_flame_totals_init(&draft->sums, n_nodes, is_narrow) != 0) ||
        (after != PP_FLAME_NO_TYPE &&
         pp_flame_totals_init(&draft->sums_after, n_nodes, is_narrow) != 0))
        return -ENOMEM;
    if (is_narrow)
        sum_narrow(draft, draft->type, after, draft->sums.narrow);
    else
        sum_wide(draft, draft->type, after, draft->sums.wide);
    if (after != PP_FLAME_NO_TYPE && is_narrow)
        sum_narrow(draft, after, PP_FLAME_NO_TYPE, draft->sums_after.narrow);
    else if (after != PP_FLAME_NO_TYPE)
        sum_wide(draft, after, PP_FLAME_NO_TYPE, draft->sums_after.wide);
    return 0;
}

/* What each frame has by itself. */
static void sum_frames(const struct pp_flame_draft *draft)
{
    const struct pprofc_profile *profile = draft->profile;

    for (uint32_t i = 0; i < profile->n_samples; i++) {
        const int64_t value = value_of(draft, i, draft->type, draft->type_after);
        const pp_id stack = profile->sample_stack[i];
        if (value > 0 && stack != 0)
            draft->tree->frames[draft->frame_of_location[profile->node_location[stack]]].self +=
                value;
    }
}

/* The frames, and each location's in frame_of_location, whether it has a name or not. */
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
                        uint32_t type, uint32_t type_after, struct pp_flame_tree *tree)
{
    int64_t sum;
    int failed;

    *draft = (struct pp_flame_draft){
        .profile = profile, .type = type, .type_after = type_after, .tree = tree, .is_plain = true};
    if (!may_be_plain(profile) || !sum_all(draft, &sum))
        return 0;
    if (pp_flame_totals_init(&draft->sums, profile->n_nodes, true) != 0)
        return -ENOMEM;
    if (!is_shallow(profile, draft->sums.narrow)) /* there is room */
        return 0;
    if (sum > UINT32_MAX)
        pp_flame_totals_done(&draft->sums);
    failed = sum_totals(draft, sum <= UINT32_MAX);
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

/* ---- as a tree ---- */

static void add_to_tree(void *context, const struct pp_flame_node *node,
                        const struct pp_flame_after *after)
{
    struct pp_flame_tree *tree = context;

    if (after != NULL)
        tree->after[tree->n_nodes] = *after;
    tree->nodes[tree->n_nodes] = *node;
    tree->nodes[tree->n_nodes].end = tree->n_nodes + 1;
    tree->n_nodes++;
    if (node->level > tree->n_levels)
        tree->n_levels = node->level;
}

/* Where each subtree ends, from the last to the first. */
static void find_ends(struct pp_flame_tree *tree)
{
    for (uint32_t i = tree->n_nodes; i-- > 1;) {
        struct pp_flame_node *parent = &tree->nodes[tree->nodes[i].parent];
        if (tree->nodes[i].end > parent->end)
            parent->end = tree->nodes[i].end;
    }
}

int pp_flame_plain_tree(struct pp_flame_draft *draft, int64_t min_total, struct pp_flame_tree *tree)
{
    const bool has_after = draft->type_after != PP_FLAME_NO_TYPE;
    struct pp_flame_kept kept;
    int failed = pp_flame_plain_keep(draft, min_total, false, &kept);

    if (failed != 0)
        return failed;
    tree->nodes = calloc((size_t)kept.set.n + kept.with_rest.n, sizeof *tree->nodes);
    if (has_after)
        tree->after = calloc((size_t)kept.set.n + kept.with_rest.n, sizeof *tree->after);
    if (tree->nodes == NULL || (has_after && tree->after == NULL))
        failed = -ENOMEM;
    else
        pp_flame_plain_walk(&kept, add_to_tree, tree);
    pp_flame_kept_done(&kept);
    find_ends(tree);
    return failed;
}
