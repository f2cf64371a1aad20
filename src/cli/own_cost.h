/* What profiling cost, as recordings themselves count it. */
#ifndef PP_CLI_OWN_COST_H
#define PP_CLI_OWN_COST_H

#include <stdbool.h>
#include <stdint.h>

#include "recording/reader.h"

/* Sums over recordings; begin with zeroes. */
struct pp_own_cost {
    uint32_t n_recordings;
    uint64_t n_samples;
    uint64_t program_ns;             /* CPU time of the programs */
    uint64_t helper_ns, handlers_ns; /* the helper's, and the handlers' by one in sixteen */
    uint64_t delivery_ns;  /* of bringing the samples; measured after 5 s of CPU, before that 0 */
    uint64_t children_ns;  /* of children of ours that wrote files */
    uint32_t n_calibrated; /* recordings that know what a delivery costs */
    uint64_t recording_bytes; /* shared memory */
    uint64_t table_bytes;     /* private: unwind tables, and what follows the heap */
    uint64_t written_bytes;   /* of the recordings as files */
};

/* Add what 'reader' says of the recording at 'path' ("": it has no name); NULL adds nothing. */
void pp_own_cost_add(struct pp_own_cost *cost, const char *path,
                     const struct pp_recording_reader *reader);

/* All CPU time of it. */
uint64_t pp_own_cost_ns(const struct pp_own_cost *cost);

/* Add one sum to another. */
void pp_own_cost_sum(struct pp_own_cost *cost, const struct pp_own_cost *more);

#endif
