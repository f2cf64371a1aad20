/* Folding: many events into sums per (stack, thread, labels, time slice), so that a long run keeps
 * all it has measured in bounded memory.  Works on memory only; the helper thread calls it. */
#ifndef PP_CAPTURE_FOLD_H
#define PP_CAPTURE_FOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "recording/layout.h"

#define PP_FOLD_FORGET_ALL (UINT64_C(1) << 62)

struct pp_fold {
    struct pp_rec_segment *out; /* a segment of kind FOLDED in the caller's zeroed memory */
    uint64_t *places; /* by the hash of what is summed: offset + 1 of the sum, and the hash's top */
    uint32_t *moved;  /* where the stacks of the segment that is added are in 'out', by their
                         distance  from the end of its area / 8 */
    uint32_t n_places, n_places_max, n_moved, n_events;
    uint64_t slice_ns;
    bool forget_spans;                  /* sum over spans */
    struct pp_rec_header *forget_ended; /* sum over this recording's threads that have ended; they
                                           become [other threads].  NULL: keep them apart */
    uint64_t forget_below; /* the last resort: sums of fewer samples give up their stacks, which
                              become [folded]; 0: none do */
    uint64_t n_forgotten;  /* samples whose stack was given up this time */
};

/* How big things are. */
struct pp_fold_room {
    uint64_t n_bytes;      /* of the output */
    uint32_t n_slots;      /* for distinct stacks; a power of two */
    uint32_t n_places;     /* 3/4 of them for sums, in the end; a power of two */
    uint64_t n_pool_bytes; /* the most that a segment to be added holds of stacks */
};

/* Memory that pp_fold_begin() wants. */
uint64_t pp_fold_memory_bytes(const struct pp_fold_room *room);

/* Prepare 'fold' in zeroed 'memory'. */
void pp_fold_begin(struct pp_fold *fold, void *memory, const struct pp_fold_room *room,
                   uint64_t slice_ns);

/* Add every committed event of 'segment' (raw or folded, with no writer left).  Returns 0, or
 * -ENOSPC when the output is full: begin again with more room or a wider slice. */
int pp_fold_add(struct pp_fold *fold, struct pp_rec_segment *segment);

/* Bytes of the finished segment once it is closed up, for the allocation it will live in. */
uint64_t pp_fold_bytes(const struct pp_fold *fold);

/* Copy the finished segment, closed up, to 'memory' of pp_fold_bytes() zeroed bytes. */
void pp_fold_finish(const struct pp_fold *fold, void *memory);

/* Copy 'segment' as it was when 'head' was read from it, closed up (no room between log and
 * stacks), to 'memory', which holds pp_segment_closed_bytes() zeroed ones.  Only committed events
 * at or after log offset 'from' go along; 'stop_at_hole': stop at the first uncommitted one (its
 * writer lives), else skip it.  Returns the log offset up to which events were taken.  The segment
 * may be freed and used again meanwhile: the copy is then worthless, but nothing else is touched.
 */
uint32_t pp_segment_copy_closed(const struct pp_rec_segment *head, struct pp_rec_segment *segment,
                                uint32_t from, bool stop_at_hole, void *memory);
uint64_t pp_segment_closed_bytes(const struct pp_rec_segment *head);
uint32_t pp_segment_pool_bytes(const struct pp_rec_segment *segment); /* of stacks */

/* The event at log offset 'at' or the next one behind a hole; NULL at the end.  '*at' moves to its
 * offset. */
struct pp_rec_event *pp_segment_event(struct pp_rec_segment *segment, uint32_t *at,
                                      uint32_t n_log_bytes);

#endif
