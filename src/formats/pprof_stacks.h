/* From the bytes that a sample's frames are in a pprof file to their stack: the same stack stands
 * in the same bytes, so one that was met before is known without decoding.  Of the bytes their
 * digest is kept, not where they are: one look at this table and none at what the file said before,
 * which may be gone. */
#ifndef PP_FORMATS_PPROF_STACKS_H
#define PP_FORMATS_PPROF_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/bytes_digest.h"
#include "profile/id_table.h"

/* 96 bits of the digest: in 2^40 looks at 2^24 stacks the chance of a wrong one is 2^-32. */
struct pp_pprof_stack {
    uint64_t proof;
    uint32_t tag;  /* the upper half of its place */
    uint32_t node; /* 0, the stack without frames: a free slot */
};

/* Begins as zeros. */
struct pp_pprof_stacks {
    struct pp_pprof_stack *slots;
    uint32_t n_slots; /* a power of two, or 0 */
    uint32_t n_stacks;
    uint64_t n_found;
    bool is_off; /* nothing comes twice, or memory ran out: no more are put in */
};

void pp_pprof_stacks_done(struct pp_pprof_stacks *stacks);

/* Remember a new one. */
void pp_pprof_stacks_put(struct pp_pprof_stacks *stacks, struct pp_digest digest, uint32_t node);

/* Where the search for a digest begins; NULL while the table is empty. */
static inline const struct pp_pprof_stack *pp_pprof_stacks_start(
    const struct pp_pprof_stacks *stacks, struct pp_digest digest)
{
    return stacks->n_slots == 0 ? NULL
                                : &stacks->slots[(digest.place >> 32) * stacks->n_slots >> 32];
}

/* The node of the stack with this digest; 0 when it is new. */
static inline uint32_t pp_pprof_stacks_find(struct pp_pprof_stacks *stacks, struct pp_digest digest)
{
    const struct pp_pprof_stack *slot = pp_pprof_stacks_start(stacks, digest);

    while (slot != NULL && slot->node != 0) {
        if (slot->proof == digest.proof && slot->tag == (uint32_t)(digest.place >> 32)) {
            stacks->n_found++;
            return slot->node;
        }
        if (++slot == stacks->slots + stacks->n_slots)
            slot = stacks->slots;
    }
    return 0;
}

/* Of a file with many stacks the table is far away: have it brought here while other samples are
 * looked at. */
PP_FETCHES static inline void pp_pprof_stacks_fetch(const struct pp_pprof_stacks *stacks,
                                                    struct pp_digest digest)
{
    __builtin_prefetch(pp_pprof_stacks_start(stacks, digest));
}

#endif
