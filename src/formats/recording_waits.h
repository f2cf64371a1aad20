/* What a recording says exactly of where its threads' time went, and the stacks of what has none.
 */
#ifndef PP_FORMATS_RECORDING_WAITS_H
#define PP_FORMATS_RECORDING_WAITS_H

#include "profile/profile.h"
#include "recording/reader.h"

/* Whether waits or locks were followed. */
bool pp_recorded_has_waits(const struct pp_rec_header *head);

/* Whether all time off CPU was: of locks alone nobody knows what else threads waited for. */
bool pp_recorded_has_wait_times(const struct pp_rec_header *head);

/* Add the totals of 'reader' to those of 'profile'. */
void pp_recorded_waits_add(struct pprofc_profile *profile,
                           const struct pp_recording_reader *reader);

/* The name of a wait that no frame tells of: "[unattributed]", "[run queue]", "[throttled]"; NULL:
 * its stack says it. */
const char *pp_recorded_wait_frame(const struct pp_recording_event *event);

#endif
