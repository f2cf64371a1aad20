/* From a recording's heap to a profile: what its sites allocated, and what of it is in use. */
#ifndef PP_FORMATS_RECORDING_HEAP_H
#define PP_FORMATS_RECORDING_HEAP_H

#include "formats/recording.h"

/* Sums over a site's objects, as numbers that can be subtracted. */
struct pp_heap_sums {
    uint64_t n_samples, bytes, excess;
    double bytes_variance, count_variance;
};

/* What was counted exactly: of a recording, or of one of its threads. */
struct pp_heap_counters {
    uint64_t n_allocs, n_reallocs, n_frees, requested_bytes;
    uint64_t usable_allocated_bytes, usable_freed_bytes;
};

/* What the sites of a recording stood at: windows begin there. */
struct pp_heap_mark {
    struct pp_heap_site {
        struct pp_heap_sums allocated, freed;
    } * sites;
    uint32_t n_sites;
    uint64_t time_ns;                      /* since the recording's start */
    struct pp_heap_counters all, *threads; /* by index in the recording */
    uint32_t n_threads;
    struct pp_heap_mapping_sums {
        uint64_t n_maps, mapped_bytes, n_others, other_bytes, n_unmaps, unmapped_bytes;
    } mappings;
    uint64_t losses[PP_LOSS_COUNT];
};

/* Read what 'reader' holds; pp_heap_mark_done() in any case.  0 or -ENOMEM. */
int pp_heap_mark_take(const struct pp_recording_reader *reader, struct pp_heap_mark *mark_out);
void pp_heap_mark_done(struct pp_heap_mark *mark);

/* Fill 'profile', a new one, as pp_recordings_to_profile() does for the kind heap.  After an exec
 * only the last recording's objects are in use.  -ENODATA when the peak is asked for that nobody
 * followed; -EBADMSG, -ENOMEM. */
int pp_recorded_heap_fill(struct pprofc_profile *profile, struct pp_symbolizer *symbolizer,
                          struct pp_recording_reader *const *readers, size_t n_readers,
                          const struct pp_recording_profile_options *options,
                          struct pprofc_error *err);

/* The head of such a profile alone: types, period, exact totals, quality. */
void pp_recorded_heap_facts(struct pprofc_profile *profile,
                            struct pp_recording_reader *const *readers, size_t n_readers);

/* The figures of the program's allocator, without its name; false when it was not asked. */
bool pp_recorded_memory(const struct pp_rec_header *head, struct pp_heap_memory *memory_out);

#endif
