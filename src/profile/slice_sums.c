/* Samples without the time axis. */
#include "profile/slice_sums.h"

#include <errno.h>
#include <stdlib.h>

#include "base/memory.h"
#include "profile/tables.h"

/* The sum that sample 'i' belongs to, made when it is not there yet, counted from 1; 0: no memory.
 */
static uint32_t find_sum(const struct pprofc_profile *profile, struct pp_slice_sums *sums,
                         struct pp_id_table *table, uint32_t i)
{
    const pp_id stack = profile->sample_stack[i], labels = profile->sample_labels[i];
    const uint64_t hash = pp_hash_mix((uint64_t)stack << 32 | labels);
    struct pp_id_probe probe = pp_id_table_first(table, hash);

    while (probe.id != 0 && (profile->sample_stack[sums->first[probe.id - 1]] != stack ||
                             profile->sample_labels[sums->first[probe.id - 1]] != labels))
        probe = pp_id_table_after(table, hash, probe);
    if (probe.id != 0)
        return probe.id;
    if (pp_id_table_put(table, hash, sums->n_sums + 1) != 0)
        return 0;
    sums->first[sums->n_sums++] = i;
    return sums->n_sums;
}

int pp_slice_sums_make(const struct pprofc_profile *profile, struct pp_slice_sums *sums_out)
{
    struct pp_id_table table = {NULL, 0, 0};
    struct pp_slice_sums sums = {
        .first = calloc((size_t)profile->n_samples + 1, sizeof *sums.first),
        .values = calloc((size_t)profile->n_samples * profile->n_types + 1, sizeof *sums.values)};
    bool failed = sums.first == NULL || sums.values == NULL;

    for (uint32_t i = 0; i < profile->n_samples && !failed; i++) {
        const uint32_t sum = find_sum(profile, &sums, &table, i);
        failed = sum == 0;
        for (uint32_t type = 0; type < profile->n_types && !failed; type++) {
            int64_t *value = &sums.values[(size_t)(sum - 1) * profile->n_types + type];
            *value =
                pp_add_values(*value, profile->sample_values[(size_t)i * profile->n_types + type]);
        }
    }
    pp_id_table_done(&table);
    if (failed) {
        pp_slice_sums_done(&sums);
        return -ENOMEM;
    }
    *sums_out = sums;
    return 0;
}

/* Of each sum the next one of its stack, from 1; of a stack's last one 0.  'last' and 'next' are
 * zeros. */
static void chain(const struct pprofc_profile *profile, const struct pp_slice_sums *sums,
                  uint32_t *last, uint32_t *next)
{
    for (uint32_t i = 0; i < sums->n_sums; i++) {
        const pp_id stack = profile->sample_stack[sums->first[i]];
        if (last[stack] != 0)
            next[last[stack] - 1] = i + 1;
        last[stack] = i + 1;
    }
}

uint32_t *pp_slice_sums_by_stack(const struct pprofc_profile *profile,
                                 const struct pp_slice_sums *sums)
{
    uint32_t *order = calloc((size_t)sums->n_sums + 1, sizeof *order);
    pp_autofree uint32_t *last = calloc(profile->n_nodes, sizeof *last);
    pp_autofree uint32_t *next = calloc((size_t)sums->n_sums + 1, sizeof *next);
    pp_autofree bool *is_done = calloc((size_t)sums->n_sums + 1, sizeof *is_done);
    uint32_t n = 0;

    if (order == NULL || last == NULL || next == NULL || is_done == NULL) {
        free(order);
        return NULL;
    }
    chain(profile, sums, last, next);
    for (uint32_t i = 0; i < sums->n_sums; i++) {
        for (uint32_t sum = i + 1; sum != 0 && !is_done[sum - 1]; sum = next[sum - 1]) {
            is_done[sum - 1] = true;
            order[n++] = sum - 1;
        }
    }
    return order;
}

void pp_slice_sums_done(struct pp_slice_sums *sums)
{
    free(sums->first);
    free(sums->values);
    *sums = (struct pp_slice_sums){NULL, NULL, 0};
}
