/* What a site of a recording's heap is in a profile. */
#ifndef PP_FORMATS_RECORDING_HEAP_ROWS_H
#define PP_FORMATS_RECORDING_HEAP_ROWS_H

#include "formats/recording_heap.h"

/* The sample types of a heap profile. */
enum {
    PP_HEAP_ALLOC_OBJECTS,
    PP_HEAP_ALLOC_SPACE,
    PP_HEAP_INUSE_OBJECTS,
    PP_HEAP_INUSE_SPACE,
    PP_HEAP_N_TYPES
};

struct pp_heap_row {
    int64_t values[PP_HEAP_N_TYPES];
    struct pp_estimate estimates[PP_HEAP_N_TYPES];
};

/* Sums as they are now: a recording may hold any bits. */
struct pp_heap_sums pp_heap_sums_load(const struct pp_rec_heap_sums *sums);

/* How many objects they stand for. */
int64_t pp_heap_sums_objects(const struct pp_heap_sums *sums);

/* Set type 'objects' and the next, which is of their bytes. */
void pp_heap_row_set(struct pp_heap_row *row, int objects, const struct pp_heap_sums *sums);

/* Move what is known of lifetimes from 'row', of this stack, to samples with a label each, and with
 * those of 'beside': the sums stay as they are. */
void pp_heap_row_split(struct pp_heap_row *row, struct pprofc_profile *profile, pp_id stack,
                       const struct pp_label *beside, uint32_t n_beside,
                       const struct pp_rec_lifetimes *lifetimes, bool is_exact);

#endif
