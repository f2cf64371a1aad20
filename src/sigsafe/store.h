/* Putting samples into the recording, lock-free, from any thread and from handlers.
 *
 * Writers: handlers and threads of the profiled process.  The helper thread prepares empty segments
 * (spares) ahead of need and takes sealed ones away once no writer can hold them.  Readers: see
 * recording/layout.h. */
#ifndef PP_SIGSAFE_STORE_H
#define PP_SIGSAFE_STORE_H

#include <stdint.h>

#include "recording/layout.h"
#include "sigsafe/sigsafe.h"
#include "sigsafe/unwind.h"

/* One event to be stored; values as recording/layout.h says for its family. */
struct pp_sig_event {
    uint64_t time_ns;
    uint32_t thread, label_set, span;
    uint16_t flags;
    uint8_t family, n_values;
    int64_t values[PP_REC_MAX_VALUES];
};

/* What a walk's flags are in an event. */
static inline uint16_t pp_sig_event_flags(uint32_t walk)
{
    uint16_t flags = 0;

    if ((walk & PP_WALK_TRUNCATED) != 0)
        flags |= PP_EVENT_TRUNCATED;
    if ((walk & PP_WALK_CUT) != 0)
        flags |= PP_EVENT_CUT;
    if ((walk & PP_WALK_INFERRED) != 0)
        flags |= PP_EVENT_INFERRED;
    return flags;
}

/* Store 'event' with the stack 'pcs'.  Returns 0, or -1 when there was no room (counted as
 * PP_LOSS_NO_SPACE by this call). */
PP_SIG int pp_sig_store_event(struct pp_rec_header *header, const struct pp_sig_event *event,
                              const uint64_t *pcs, const struct pp_sig_walk *walk);

/* Make 'segment' ready for use in 'n_bytes' of zeroed memory. */
PP_SIG void pp_sig_segment_init(struct pp_rec_segment *segment, uint64_t n_bytes, uint32_t n_slots,
                                uint64_t sequence);

/* The stack's offset / 8 in the segment's area, found or added; 0 when the segment is full or
 * sealed. */
PP_SIG uint32_t pp_sig_segment_stack(struct pp_rec_segment *segment, const uint64_t *pcs,
                                     uint32_t n_frames, uint32_t flags, uint64_t hash);

/* Room for an event with its length written and its state RESERVED, or NULL when the segment is
 * full or sealed. */
PP_SIG struct pp_rec_event *pp_sig_segment_reserve(struct pp_rec_segment *segment,
                                                   uint32_t n_bytes);

/* Nothing more goes into 'segment'; what is reserved already is still committed. */
PP_SIG void pp_sig_segment_seal(struct pp_rec_segment *segment);

/* Item 'index' of a table, or NULL when its block is not there. */
PP_SIG void *pp_sig_table_item(struct pp_rec_header *header, struct pp_rec_table *table,
                               uint32_t index);

PP_SIG void pp_sig_count_loss(struct pp_rec_header *header, enum pp_rec_loss cause);

#endif
