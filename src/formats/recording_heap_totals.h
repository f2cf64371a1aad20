/* What a recording's heap counts exactly, in all and by thread, and what its allocator says. */
#ifndef PP_FORMATS_RECORDING_HEAP_TOTALS_H
#define PP_FORMATS_RECORDING_HEAP_TOTALS_H

#include "formats/recording_heap.h"

/* Note in 'mark' what was counted so far.  0 or -ENOMEM; pp_heap_mark_done() in any case. */
int pp_recorded_totals_mark(const struct pp_recording_reader *reader, struct pp_heap_mark *mark);

/* Add what the recording counted 'since' a mark of it, or since its start (NULL): totals, threads
 * and losses. */
void pp_recorded_totals_add(struct pprofc_profile *profile,
                            const struct pp_recording_reader *reader,
                            const struct pp_heap_mark *since);

/* As of the last recording: what an earlier one's allocator had is gone. */
void pp_recorded_memory_take(struct pprofc_profile *profile, const struct pp_rec_header *last);

#endif
