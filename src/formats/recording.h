/* From a recording to a profile with names. */
#ifndef PP_FORMATS_RECORDING_H
#define PP_FORMATS_RECORDING_H

#include "binary/symbolizer.h"
#include "formats/recording_shapes.h"
#include "formats/recording_window.h"
#include "profile/profile.h"
#include "recording/reader.h"

struct pp_heap_mark;

struct pp_recording_profile_options {
    enum pp_rec_family kind; /* PP_FAMILY_CPU, _OFFCPU, _LOCK or _HEAP; 0: the first of these that
                              * the recording holds */
    enum pp_recorded_view
        view;                /* another profile than a kind's own; 'kind' is not looked at then */
    int64_t cpu_ns_override; /* the process's CPU time by its parent's wait4(), 0: none; used when
                              * the recording was cut off (by a kill), since nobody read the clock
                              * at the end then */
    int64_t
        end_ns_override; /* when the parent saw its end, CLOCK_MONOTONIC, 0: none; used likewise */
    const struct pp_recording_window *window; /* only what lies in it; NULL: all (one recording) */
    /* Of the heap: */
    bool is_at_peak; /* what was in use when the heap was largest, instead of what is */
    const struct pp_heap_mark *heap_since; /* what was allocated since, and by how much memory in
                                            * use has grown (below 0: shrunk); NULL: all */
    bool is_fresh;         /* the process's exact totals were brought up to date just before */
    bool has_whole_in_use; /* with 'heap_since': what is in use, not by how much that has grown */
};

/* The kinds that a recording holds, bit (family - 1) each. */
uint32_t pp_recording_kinds(const struct pp_rec_header *head);

/* Make a profile of 'reader'.  'symbolizer' NULL: one for this call; 'options' NULL: none.
 *
 * A location's address is the run-time address that it was looked up by: the interrupted pc, and
 * the return address less one of callers.  An address belongs to what was mapped there when the
 * sample was taken. */
int pp_recording_to_profile(struct pp_recording_reader *reader, struct pp_symbolizer *symbolizer,
                            const struct pp_recording_profile_options *options,
                            struct pprofc_profile **profile_out, struct pprofc_error *err);

/* The same of the 'n_readers' recordings of one process (it called exec), in the order in which
 * they were made, as one profile: its command is that of the first. */
int pp_recordings_to_profile(struct pp_recording_reader *const *readers, size_t n_readers,
                             struct pp_symbolizer *symbolizer,
                             const struct pp_recording_profile_options *options,
                             struct pprofc_profile **profile_out, struct pprofc_error *err);

/* The same of a recording's bytes, a whole .ppc file; 'name' is for messages. */
int pp_recording_read(const void *bytes, size_t n_bytes, const char *name,
                      struct pprofc_profile **profile_out, struct pprofc_error *err);

#endif
