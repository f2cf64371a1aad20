/* The labels of a recording's samples: thread, labels of the program's own, span. */
#ifndef PP_FORMATS_RECORDING_LABELS_H
#define PP_FORMATS_RECORDING_LABELS_H

#include <stdint.h>

#include "profile/id_table.h"
#include "profile/profile.h"
#include "recording/reader.h"

/* Which labels a sample carries; made once for each combination. */
struct pp_recorded_label_key {
    uint32_t thread, label_set, span;
    uint32_t wait, descriptor; /* 0: none; else what pp_recorded_label_wait() says; a kind */
    uint64_t lock;             /* its address; 0: none */
};

/* What 'event' waits for, as keys have it; 'says_running': of a thread on a CPU, too. */
uint32_t pp_recorded_label_wait(const struct pp_recording_event *event, bool says_running);

struct pp_recorded_frames;

struct pp_recorded_labels {
    struct pprofc_profile *profile;
    const struct pp_recording_reader *reader;
    struct pp_recorded_frames *frames; /* for the names of locks; NULL: addresses alone */
    uint32_t n_threads;
    struct pp_id_table index; /* 1 + number in 'known' */
    struct pp_recorded_label_entry *known;
    uint32_t n_known;
    size_t capacity;
    uint64_t n_unknown_sets, n_unknown_spans; /* samples whose labels, whose span nobody knows */
};

/* 'reader' has threads up to 'n_threads'. */
void pp_recorded_labels_init(struct pp_recorded_labels *labels, struct pprofc_profile *profile,
                             const struct pp_recording_reader *reader, uint32_t n_threads,
                             struct pp_recorded_frames *frames);

/* The profile's label set for such a sample.  0 or -ENOMEM. */
int pp_recorded_labels_find(struct pp_recorded_labels *labels,
                            const struct pp_recorded_label_key *key, pp_id *label_set_out);

/* Those of 'label_set' into 'to', which has room for PP_REC_MAX_LABELS; how many. */
uint32_t pp_recorded_labels_of_set(struct pprofc_profile *profile,
                                   const struct pp_recording_reader *reader, uint32_t label_set,
                                   struct pp_label *to);

/* What is not known is told in the profile's comments. */
void pp_recorded_labels_note(const struct pp_recorded_labels *labels);
void pp_recorded_labels_done(struct pp_recorded_labels *labels);

#endif
