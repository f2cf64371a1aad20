/* A pprof file's ids to ours. */
#include "formats/pprof_ids.h"

#include "base/memory.h"

int pp_pprof_ids_init(struct pp_pprof_ids *ids, size_t n_expected)
{
    *ids = (struct pp_pprof_ids){.n_dense = n_expected + n_expected / 2 + 64};
    ids->dense = calloc(ids->n_dense, sizeof *ids->dense);
    if (ids->dense == NULL)
        ids->n_dense = 0;
    return ids->dense == NULL ? -ENOMEM : 0;
}

void pp_pprof_ids_done(struct pp_pprof_ids *ids)
{
    free(ids->dense);
    free(ids->sparse);
    pp_id_table_done(&ids->table);
    *ids = (struct pp_pprof_ids){0};
}

uint32_t pp_pprof_ids_find_sparse(const struct pp_pprof_ids *ids, uint64_t theirs)
{
    const uint64_t hash = pp_hash_mix(theirs);
    struct pp_id_probe probe = pp_id_table_first(&ids->table, hash);

    while (probe.id != 0 && ids->sparse[probe.id - 1].theirs != theirs)
        probe = pp_id_table_after(&ids->table, hash, probe);
    return probe.id == 0 ? 0 : ids->sparse[probe.id - 1].ours;
}

int pp_pprof_ids_put(struct pp_pprof_ids *ids, uint64_t theirs, uint32_t ours)
{
    if (pp_pprof_ids_find(ids, theirs) != 0)
        return -EEXIST;
    if (theirs < ids->n_dense) {
        ids->dense[theirs] = ours;
        return 0;
    }
    if (pp_array_reserve(&ids->sparse, &ids->sparse_capacity, (size_t)ids->n_sparse + 1,
                         sizeof *ids->sparse) != 0 ||
        pp_id_table_put(&ids->table, pp_hash_mix(theirs), ids->n_sparse + 1) != 0)
        return -ENOMEM;
    ids->sparse[ids->n_sparse++] = (struct pp_pprof_id){theirs, ours};
    return 0;
}
