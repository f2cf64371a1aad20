/* From a recording's stacks to nodes of a profile's tree, with names; each distinct stack once.
 * One of these a recording. */
#ifndef PP_FORMATS_RECORDING_STACKS_H
#define PP_FORMATS_RECORDING_STACKS_H

#include "formats/recording_frames.h"

/* A stack as it was recorded. */
struct pp_recorded_walk {
    const uint64_t *pcs; /* leaf first */
    uint32_t n_frames;
    uint64_t key;     /* equal keys mean the same stack */
    uint64_t time_ns; /* when: what lay at its addresses then */
    bool is_truncated;
};

/* What it became. */
struct pp_recorded_stack {
    uint64_t key;
    uint32_t epoch;
    pp_id node;
    bool is_truncated, is_named; /* is_named: its leaf */
};

struct pp_recorded_stacks {
    struct pprofc_profile *profile;
    struct pp_recorded_modules modules;
    struct pp_recorded_frames frames;
    uint64_t n_frames_left; /* frames that distinct stacks may still have */
    uint64_t n_frames_named;
    struct pp_recorded_stack *stacks;
    size_t stacks_capacity;
    uint32_t n_stacks;
    struct pp_id_table table;   /* ids are index + 1 */
    struct pp_id_table charged; /* likewise, by key alone */
    pp_id *locations;
    size_t locations_capacity;
};

/* Begin with 'reader', which must outlive it.  0 or -ENOMEM; pp_recorded_stacks_done() in any case.
 */
int pp_recorded_stacks_init(struct pp_recorded_stacks *stacks, struct pprofc_profile *profile,
                            struct pp_symbolizer *symbolizer,
                            const struct pp_recording_reader *reader);
void pp_recorded_stacks_done(struct pp_recorded_stacks *stacks);

/* Set '*stack_out' (valid until the next call).  -ENOMEM, or -EBADMSG when the recording's stacks
 * are more than it can hold. */
int pp_recorded_stacks_find(struct pp_recorded_stacks *stacks, const struct pp_recorded_walk *walk,
                            const struct pp_recorded_stack **stack_out, struct pprofc_error *err);

/* State in the profile what names may be missing or wrong.  0 or -ENOMEM. */
int pp_recorded_stacks_note_missing(struct pp_recorded_stacks *stacks);

#endif
