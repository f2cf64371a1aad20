/* A pprof file's ids (any 64-bit number but 0) to ours. */
#ifndef PP_FORMATS_PPROF_IDS_H
#define PP_FORMATS_PPROF_IDS_H

#include "profile/id_table.h"

/* Ids are 1 to n nearly always: those are an array.  The others are in a table. */
struct pp_pprof_ids {
    uint32_t *dense; /* ours by theirs; 0: not there */
    uint64_t n_dense;
    struct pp_pprof_id {
        uint64_t theirs;
        uint32_t ours;
    } * sparse;
    size_t sparse_capacity;
    uint32_t n_sparse;
    struct pp_id_table table; /* ids are index into sparse + 1 */
};

int pp_pprof_ids_init(struct pp_pprof_ids *ids, size_t n_expected);
void pp_pprof_ids_done(struct pp_pprof_ids *ids);

/* 0, -EEXIST when 'theirs' is there already, or -ENOMEM. */
int pp_pprof_ids_put(struct pp_pprof_ids *ids, uint64_t theirs, uint32_t ours);
uint32_t pp_pprof_ids_find_sparse(const struct pp_pprof_ids *ids, uint64_t theirs);

/* Ours, or 0 when 'theirs' is not there. */
static inline uint32_t pp_pprof_ids_find(const struct pp_pprof_ids *ids, uint64_t theirs)
{
    return theirs < ids->n_dense ? ids->dense[theirs] : pp_pprof_ids_find_sparse(ids, theirs);
}

#endif
