/* The hot spots: one walk over the tree of stacks, whatever the samples are grouped by. */
#include "profile/top.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "profile/tables.h"
#include "profile/top_groups.h"

/* Per node: what is booked on it, then what is booked on or below it. */
struct weights {
    int64_t *self, *total;
    int64_t *self_samples, *total_samples;
    struct pp_estimate *self_estimate, *total_estimate; /* NULL: values are exact */
    pp_id *first_child, *next_sibling;
};

static void weights_done(struct weights *weights)
{
    free(weights->self);
    free(weights->total);
    free(weights->self_samples);
    free(weights->total_samples);
    free(weights->self_estimate);
    free(weights->total_estimate);
    free(weights->first_child);
    free(weights->next_sibling);
}

static void add_estimate(struct pp_estimate *sum, const struct pp_estimate *more)
{
    sum->variance += more->variance;
    sum->n_sampled += more->n_sampled;
}

static int estimates_init(struct weights *weights, const struct pprofc_profile *profile,
                          uint32_t type)
{
    const uint32_t n_nodes = profile->n_nodes;

    if (profile->sample_estimates == NULL)
        return 0;
    weights->self_estimate = calloc(n_nodes, sizeof *weights->self_estimate);
    weights->total_estimate = calloc(n_nodes, sizeof *weights->total_estimate);
    if (weights->self_estimate == NULL || weights->total_estimate == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < profile->n_samples; i++)
        add_estimate(&weights->self_estimate[profile->sample_stack[i]],
                     pp_profile_estimate(profile, i, type));
    for (pp_id node = n_nodes; node-- > 0;) {
        add_estimate(&weights->total_estimate[node], &weights->self_estimate[node]);
        if (node > 0)
            add_estimate(&weights->total_estimate[profile->node_parent[node]],
                         &weights->total_estimate[node]);
    }
    return 0;
}

static int weights_init(struct weights *weights, const struct pprofc_profile *profile,
                        uint32_t type)
{
    const uint32_t n_nodes = profile->n_nodes;

    *weights = (struct weights){
        .self = calloc(n_nodes, sizeof(int64_t)),
        .total = calloc(n_nodes, sizeof(int64_t)),
        .self_samples = calloc(n_nodes, sizeof(int64_t)),
        .total_samples = calloc(n_nodes, sizeof(int64_t)),
        .first_child = calloc(n_nodes, sizeof(pp_id)),
        .next_sibling = calloc(n_nodes, sizeof(pp_id)),
    };
    if (weights->self == NULL || weights->total == NULL || weights->self_samples == NULL ||
        weights->total_samples == NULL || weights->first_child == NULL ||
        weights->next_sibling == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < profile->n_samples; i++) {
        const int64_t *values = profile->sample_values + (size_t)i * profile->n_types;
        const pp_id node = profile->sample_stack[i];
        weights->self[node] = pp_add_values(weights->self[node], values[type]);
        weights->self_samples[node] = pp_add_values(weights->self_samples[node],
                                                    pp_profile_type_samples(profile, type, values));
    }
    /* Children have larger numbers than their parents: backwards, every child is complete before it
     * is added. */
    for (pp_id node = n_nodes; node-- > 0;) {
        const pp_id parent = profile->node_parent[node];
        weights->total[node] = pp_add_values(weights->total[node], weights->self[node]);
        weights->total_samples[node] =
            pp_add_values(weights->total_samples[node], weights->self_samples[node]);
        if (node == 0)
            break;
        weights->total[parent] = pp_add_values(weights->total[parent], weights->total[node]);
        weights->total_samples[parent] =
            pp_add_values(weights->total_samples[parent], weights->total_samples[node]);
        weights->next_sibling[node] = weights->first_child[parent];
        weights->first_child[parent] = node;
    }
    return estimates_init(weights, profile, type);
}

/* ---- the walk ---- */

/* How often each group is on the path from the root to where the walk is. */
static void enter(const struct pprofc_profile *profile, const struct pp_top_groups *groups,
                  uint32_t *n_on_path, const struct weights *weights, pp_id node,
                  struct pp_top_row *rows)
{
    const struct pp_top_members members =
        pp_top_groups_of(groups, profile, profile->node_location[node]);
    struct pp_top_row *leaf = &rows[members.groups[0]];

    for (uint32_t i = 0; i < members.n; i++) {
        const uint32_t group = members.groups[i];
        if (n_on_path[group]++ > 0)
            continue; /* recursion: counted where the outermost call is */
        rows[group].cum = pp_add_values(rows[group].cum, weights->total[node]);
        rows[group].n_cum_samples =
            pp_add_values(rows[group].n_cum_samples, weights->total_samples[node]);
        if (weights->total_estimate != NULL)
            add_estimate(&rows[group].cum_estimate, &weights->total_estimate[node]);
    }
    leaf->flat = pp_add_values(leaf->flat, weights->self[node]);
    leaf->n_flat_samples = pp_add_values(leaf->n_flat_samples, weights->self_samples[node]);
    if (weights->self_estimate != NULL)
        add_estimate(&leaf->flat_estimate, &weights->self_estimate[node]);
}

static void leave(const struct pprofc_profile *profile, const struct pp_top_groups *groups,
                  uint32_t *n_on_path, pp_id node)
{
    const struct pp_top_members members =
        pp_top_groups_of(groups, profile, profile->node_location[node]);

    for (uint32_t i = 0; i < members.n; i++)
        n_on_path[members.groups[i]]--;
}

/* Depth first without recursion: stacks are as deep as the input says. */
static void walk(const struct pprofc_profile *profile, const struct pp_top_groups *groups,
                 uint32_t *n_on_path, const struct weights *weights, struct pp_top_row *rows)
{
    pp_id node = weights->first_child[0];

    while (node != 0) {
        enter(profile, groups, n_on_path, weights, node, rows);
        if (weights->first_child[node] != 0) {
            node = weights->first_child[node];
            continue;
        }
        while (node != 0) {
            leave(profile, groups, n_on_path, node);
            if (weights->next_sibling[node] != 0) {
                node = weights->next_sibling[node];
                break;
            }
            node = profile->node_parent[node];
        }
    }
}

/* ---- threads: a matter of labels, not of frames ---- */

static void add_threads(const struct pprofc_profile *profile, const struct pp_top_groups *groups,
                        uint32_t type, struct pp_top_row *rows)
{
    for (uint32_t i = 0; i < profile->n_samples; i++) {
        const int64_t *values = profile->sample_values + (size_t)i * profile->n_types;
        struct pp_top_row *row = &rows[groups->of_label_set[profile->sample_labels[i]]];
        row->flat = row->cum = pp_add_values(row->flat, values[type]);
        row->n_flat_samples = row->n_cum_samples =
            pp_add_values(row->n_flat_samples, pp_profile_type_samples(profile, type, values));
        if (profile->sample_estimates != NULL) {
            add_estimate(&row->flat_estimate, pp_profile_estimate(profile, i, type));
            row->cum_estimate = row->flat_estimate;
        }
    }
}

/* ---- rows ---- */

static int order_rows(const void *left, const void *right)
{
    const struct pp_top_row *a = left, *b = right;

    if (a->flat != b->flat)
        return a->flat < b->flat ? 1 : -1;
    if (a->cum != b->cum)
        return a->cum < b->cum ? 1 : -1;
    if (strcmp(a->name, b->name) != 0)
        return strcmp(a->name, b->name);
    if (strcmp(a->file, b->file) != 0)
        return strcmp(a->file, b->file);
    return (a->line > b->line) - (a->line < b->line);
}

static int order_rows_by_cum(const void *left, const void *right)
{
    const struct pp_top_row *a = left, *b = right;

    if (a->cum != b->cum)
        return a->cum < b->cum ? 1 : -1;
    return order_rows(left, right);
}

void pp_top_sort_by_cum(struct pp_top *top)
{
    if (top->n_rows > 1)
        qsort(top->rows, top->n_rows, sizeof *top->rows, order_rows_by_cum);
}

/* Groups that no sample touched are no rows. */
static void pack_rows(struct pp_top *top)
{
    uint32_t n_rows = 0;

    for (uint32_t i = 0; i < top->n_rows; i++) {
        const struct pp_top_row *row = &top->rows[i];
        if (row->flat != 0 || row->cum != 0 || row->n_cum_samples != 0)
            top->rows[n_rows++] = *row;
    }
    top->n_rows = n_rows;
    if (n_rows > 1)
        qsort(top->rows, n_rows, sizeof *top->rows, order_rows);
}

static int64_t count_samples(const struct pprofc_profile *profile, uint32_t type)
{
    int64_t n_samples = 0;

    for (uint32_t i = 0; i < profile->n_samples; i++)
        n_samples = pp_add_values(
            n_samples, pp_profile_type_samples(
                           profile, type, profile->sample_values + (size_t)i * profile->n_types));
    return n_samples;
}

double pp_top_error(const struct pp_estimate *estimate)
{
    return estimate->n_sampled + 0.5 < PP_TOP_FEW_SAMPLES ? -1 : sqrt(estimate->variance);
}

static int fill(const struct pprofc_profile *profile, uint32_t type, enum pp_group group,
                struct pp_top_groups *groups, struct pp_top *top)
{
    __attribute__((cleanup(weights_done))) struct weights weights = {0};
    pp_autofree uint32_t *n_on_path = NULL;

    if (pp_top_groups_init(groups, profile, group, &top->arena) != 0)
        return -ENOMEM;
    top->n_rows = groups->n_groups;
    top->rows = calloc((size_t)groups->n_groups + 1, sizeof *top->rows);
    n_on_path = calloc((size_t)groups->n_groups + 1, sizeof *n_on_path);
    if (top->rows == NULL || n_on_path == NULL || weights_init(&weights, profile, type) != 0)
        return -ENOMEM;
    for (uint32_t i = 0; i < groups->n_groups; i++) {
        top->rows[i].name = groups->groups[i].name;
        top->rows[i].file = groups->groups[i].file;
        top->rows[i].module = "";
    }
    if (group == PP_BY_THREAD)
        add_threads(profile, groups, type, top->rows);
    else
        walk(profile, groups, n_on_path, &weights, top->rows);
    return pp_top_hottest(groups, profile, weights.self, weights.total, top->rows);
}

int pp_top_make(const struct pprofc_profile *profile, uint32_t type, enum pp_group group,
                struct pp_top *top_out, struct pprofc_error *err)
{
    struct pp_top_groups groups = {0};
    struct pp_top top = {.arena = PP_ARENA_INIT};
    int failed;

    if (type >= profile->n_types)
        return pp_fail(err, -EINVAL, 0, "the profile has no sample type number %u", type);
    failed = fill(profile, type, group, &groups, &top);
    pp_top_groups_done(&groups);
    if (failed != 0) {
        pp_top_done(&top);
        return pp_fail(err, -ENOMEM, 0, "cannot rank the profile: out of memory");
    }
    pack_rows(&top);
    top.total = pp_profile_total(profile, type);
    top.n_samples = count_samples(profile, type);
    top.total_estimate = pp_profile_total_estimate(profile, type);
    top.is_estimated = top.total_estimate.n_sampled > 0;
    *top_out = top;
    return 0;
}

void pp_top_done(struct pp_top *top)
{
    free(top->rows);
    pp_arena_done(&top->arena);
    *top = (struct pp_top){.arena = PP_ARENA_INIT};
}
