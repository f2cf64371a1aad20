/* The chain of segments: spares ahead of need, sealed ones folded behind.  The helper thread's,
 * except where said. */
#ifndef PP_CAPTURE_SEGMENTS_H
#define PP_CAPTURE_SEGMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/fold.h"
#include "capture/memory_file.h"
#include "recording/layout.h"

enum {
    PP_SEGMENT_BYTES = 256 * 1024,
    PP_SEGMENT_SLOTS = 4096,
    PP_SEGMENT_LEAST_BYTES = 64 * 1024, /* where shared memory is scarce */
    PP_MAX_RECYCLED = 8,
    PP_KEEP_SEALED = 2,                    /* sealed segments left raw for readers that come late */
    PP_FOLDED_MAX_BYTES = 8 * 1024 * 1024, /* bound of the sums; wider slices keep it */
};

struct pp_segments {
    struct pp_memory_file *file;
    struct pp_rec_header *header;
    uint64_t segment_bytes;
    uint64_t next_sequence;
    uint64_t active_seen; /* at the last look */
    uint64_t slice_ns;    /* of the folded segment */
    bool forget_spans, forget_ended_threads;
    uint64_t forget_below; /* samples of a sum that give up their stack, this time */
    uint32_t n_spares;     /* so many empty segments are kept ready */
    bool is_short;         /* of memory: fold as soon as something is sealed, and keep nothing */
    struct pp_fold sums;   /* what the folded segment holds, ready to be added to */
    void *sums_memory;     /* NULL: they begin anew, from the folded segment */
    uint64_t n_sums_memory;
    struct pp_rec_segment_ref place, other_place; /* of the folded segment, by turns */
    uint64_t recycled[PP_MAX_RECYCLED]; /* segments of zeroed memory that is there already */
    uint32_t n_recycled;
    void (*wait_for_handlers)(void *context);
    void *context;
};

/* Make the first segment active and spares behind it.  Returns 0 or -ENOSPC. */
int pp_segments_init(struct pp_segments *segments, struct pp_memory_file *file,
                     struct pp_rec_header *header, void (*wait_for_handlers)(void *),
                     void *context);

/* How many samples a second may come: many want more spares, since the helper may be late. */
void pp_segments_expect(struct pp_segments *segments, double samples_hz);

/* Do what is due: fill up the spares, fold what has been sealed for long. */
void pp_segments_tend(struct pp_segments *segments);

/* Give back what is not in the recording's memory. */
void pp_segments_done(struct pp_segments *segments);

/* Make sure the table holds at least 'n_items' and some more.  Returns 0 or -ENOSPC. */
int pp_table_reserve(struct pp_memory_file *file, struct pp_rec_table *table, uint32_t n_items);
void pp_table_init(struct pp_rec_table *table, uint32_t item_bytes, uint32_t n_first);

#endif
