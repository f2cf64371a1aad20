/* What lies on and below each node of a profile's tree. */
#include "profile/weights.h"

#include <errno.h>
#include <stdlib.h>

#include "profile/tables.h"

void pp_weights_done(struct pp_weights *weights)
{
    free(weights->total);
    free(weights->total_samples);
    free(weights->total_estimate);
    free(weights->first_child);
    free(weights->next_sibling);
}

static int estimates_init(struct pp_weights *weights, const struct pprofc_profile *profile,
                          uint32_t type)
{
    if (profile->sample_estimates == NULL)
        return 0;
    weights->total_estimate = calloc(profile->n_nodes, sizeof *weights->total_estimate);
    if (weights->total_estimate == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < profile->n_samples; i++)
        pp_estimate_add(&weights->total_estimate[profile->sample_stack[i]],
                        pp_profile_estimate(profile, i, type));
    for (pp_id node = profile->n_nodes; node-- > 1;)
        pp_estimate_add(&weights->total_estimate[profile->node_parent[node]],
                        &weights->total_estimate[node]);
    return 0;
}

int pp_weights_init(struct pp_weights *weights, const struct pprofc_profile *profile, uint32_t type)
{
    const uint32_t n_nodes = profile->n_nodes;

    *weights = (struct pp_weights){
        .total = calloc(n_nodes, sizeof(int64_t)),
        .total_samples = calloc(n_nodes, sizeof(int64_t)),
        .first_child = calloc(n_nodes, sizeof(pp_id)),
        .next_sibling = calloc(n_nodes, sizeof(pp_id)),
    };
    if (weights->total == NULL || weights->total_samples == NULL || weights->first_child == NULL ||
        weights->next_sibling == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < profile->n_samples; i++) {
        const int64_t *values = profile->sample_values + (size_t)i * profile->n_types;
        const pp_id node = profile->sample_stack[i];
        weights->total[node] = pp_add_values(weights->total[node], values[type]);
        weights->total_samples[node] = pp_add_values(
            weights->total_samples[node], pp_profile_type_samples(profile, type, values));
    }
    /* Children have larger numbers than their parents: backwards, every child is complete before it
     * is added. */
    for (pp_id node = n_nodes; node-- > 1;) {
        const pp_id parent = profile->node_parent[node];
        weights->total[parent] = pp_add_values(weights->total[parent], weights->total[node]);
        weights->total_samples[parent] =
            pp_add_values(weights->total_samples[parent], weights->total_samples[node]);
        weights->next_sibling[node] = weights->first_child[parent];
        weights->first_child[parent] = node;
    }
    return estimates_init(weights, profile, type);
}
