/* From the bytes that a sample's frames are in a pprof file to their stack: the same stack stands
 * in the same bytes, so one that was met before is found by a look at them, without decoding. */
#ifndef PP_FORMATS_PPROF_STACKS_H
#define PP_FORMATS_PPROF_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/wire.h"
#include "profile/id_table.h"

/* In place, so that a stack is found by one look at the table and one at its bytes. */
struct pp_pprof_stack {
    uint64_t begin : 40, n_bytes : 24; /* where its bytes are in the file; no bytes: a free slot */
    uint32_t tag;                      /* of the hash */
    uint32_t node;
};

/* Begins as zeros, but for the file. */
struct pp_pprof_stacks {
    const uint8_t *file;
    struct pp_pprof_stack *slots;
    uint32_t n_slots; /* a power of two, or 0 */
    uint32_t n_stacks;
    uint64_t n_found;
    bool is_off; /* nothing comes twice, or memory ran out: no more are put in */
};

void pp_pprof_stacks_done(struct pp_pprof_stacks *stacks);

/* The node of the stack in 'bytes'; false when it is new. */
bool pp_pprof_stacks_find(struct pp_pprof_stacks *stacks, struct pp_wire bytes, uint64_t hash,
                          uint32_t *node_out);

/* Remember a new one. */
void pp_pprof_stacks_put(struct pp_pprof_stacks *stacks, struct pp_wire bytes, uint64_t hash,
                         uint32_t node);

enum { PP_CACHE_LINE_BYTES = 64, PP_PPROF_MOST_FETCHED_BYTES = 256 };

/* Where the search for a hash begins; NULL while the table is empty. */
static inline const struct pp_pprof_stack *pp_pprof_stacks_start(
    const struct pp_pprof_stacks *stacks, uint64_t hash)
{
    return stacks->n_slots == 0 ? NULL : &stacks->slots[(hash >> 32) * stacks->n_slots >> 32];
}

/* Of a file with many stacks the table and the bytes are far away: have them brought here while
 * other samples are looked at. */
PP_FETCHES static inline void pp_pprof_stacks_fetch_slot(const struct pp_pprof_stacks *stacks,
                                                         uint64_t hash)
{
    __builtin_prefetch(pp_pprof_stacks_start(stacks, hash));
}

PP_FETCHES static inline void pp_pprof_stacks_fetch_bytes(const struct pp_pprof_stacks *stacks,
                                                          uint64_t hash)
{
    const struct pp_pprof_stack *slot = pp_pprof_stacks_start(stacks, hash);

    if (slot == NULL || slot->tag != (uint32_t)(hash >> 32))
        return;
    for (uint32_t at = 0; at < slot->n_bytes && at < PP_PPROF_MOST_FETCHED_BYTES;
         at += PP_CACHE_LINE_BYTES)
        __builtin_prefetch(stacks->file + slot->begin + at);
    __builtin_prefetch(stacks->file + slot->begin + slot->n_bytes - 1);
}

#endif
