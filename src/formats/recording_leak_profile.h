/* From a recording's heap to a profile of what nothing leads to, beside what is in use. */
#ifndef PP_FORMATS_RECORDING_LEAK_PROFILE_H
#define PP_FORMATS_RECORDING_LEAK_PROFILE_H

#include "binary/symbolizer.h"
#include "profile/profile.h"
#include "recording/reader.h"

/* Fill 'profile', a new one, with the suspects of the last look, objects and bytes, and the same of
 * all that is in use, by the stacks that allocated it.  The suspects are shown first, or what is in
 * use where nobody looked.  -ENODATA when the recording has no heap; -EAGAIN when results were
 * being written down as it was read; -EBADMSG, -ENOMEM. */
int pp_recording_leak_profile_fill(struct pp_recording_reader *reader,
                                   struct pp_symbolizer *symbolizer, struct pprofc_profile *profile,
                                   struct pprofc_error *err);

#endif
