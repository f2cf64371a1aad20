/* What a recording's header and threads say of the whole profile. */
#ifndef PP_FORMATS_RECORDING_FACTS_H
#define PP_FORMATS_RECORDING_FACTS_H

#include <stddef.h>

#include "formats/recording_shapes.h"
#include "profile/profile.h"
#include "recording/reader.h"

/* What holds for all: from the first recording; how samples were taken from the last, as it may
 * have changed. */
void pp_recorded_facts_set(struct pprofc_profile *profile, const struct pp_recorded_shape *shape,
                           struct pp_recording_reader *const *readers, size_t n_readers);

/* Of it, what holds for every kind: the command and the start, from the first recording. */
void pp_recorded_origin_set(struct pprofc_profile *profile, const struct pp_rec_header *first);

/* When the recording ended, or was last known to go on. */
uint64_t pp_recorded_end_ns(const struct pp_rec_header *head);

/* A comment that says where kernel time stands. */
void pp_recorded_kernel_time_state(struct pprofc_profile *profile,
                                   struct pp_recording_reader *const *readers, size_t n_readers);

/* Add the counts, times and losses of one recording that are a matter of 'families', bit (family -
 * 1) each. */
void pp_recorded_quality_add(struct pprofc_profile *profile,
                             const struct pp_recording_reader *reader, uint32_t families);

/* Whether what was lost so would have been of one of 'families'. */
bool pp_recorded_loss_is_of(enum pp_rec_loss cause, uint32_t families);

/* What its budget was, in millionths (0: none), and how often it changed something. */
void pp_recorded_budget_add(struct pp_quality *quality, uint64_t share_ppm, uint64_t n_changes);

/* "no_space". */
const char *pp_recorded_loss_name(enum pp_rec_loss cause);

/* Whether such samples are in no stack; else they, or their time, are there in another way. */
bool pp_recorded_loss_is_of_samples(enum pp_rec_loss cause);

/* Count 'n' losses of this cause, none of them when 'n' is 0. */
void pp_recorded_loss_add(struct pprofc_profile *profile, enum pp_rec_loss cause, uint64_t n);

#endif
