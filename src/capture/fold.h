/* Folding: many events into sums per (stack, thread, labels, time slice), so that a long run keeps
 * all it has measured in bounded memory.  Works on memory only; the helper thread calls it. */
#ifndef PP_CAPTURE_FOLD_H
#define PP_CAPTURE_FOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "recording/layout.h"

struct pp_fold {
    struct pp_rec_segment *out; /* a segment of kind FOLDED in the caller's zeroed memory */
    uint32_t *places;           /* offsets + 1 of folded events, by the hash of what they sum */
    uint32_t n_places, n_events;
    uint64_t slice_ns;
    bool forget_spans;    /* sum over spans */
    bool forget_stacks;   /* the last resort: all stacks become one, [folded] */
    uint64_t n_forgotten; /* samples whose stack was given up this time */
};

/* Memory that pp_fold_begin() wants for an output of 'n_bytes' and 'n_places'. */
uint64_t pp_fold_memory_bytes(uint64_t n_bytes, uint32_t n_places);

/* Prepare 'fold' in zeroed 'memory' with room for 'n_slots' distinct stacks and 3/4 'n_places' sums
 * (powers of two both). */
void pp_fold_begin(struct pp_fold *fold, void *memory, uint64_t n_bytes, uint32_t n_slots,
                   uint32_t n_places, uint64_t slice_ns);

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

/* The event at log offset 'at' or the next one behind a hole; NULL at the end.  '*at' moves to its
 * offset. */
struct pp_rec_event *pp_segment_event(struct pp_rec_segment *segment, uint32_t *at,
                                      uint32_t n_log_bytes);

#endif
