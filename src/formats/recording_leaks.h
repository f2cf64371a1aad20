/* From a recording's heap to what grows in it and what nothing leads to. */
#ifndef PP_FORMATS_RECORDING_LEAKS_H
#define PP_FORMATS_RECORDING_LEAKS_H

#include "binary/symbolizer.h"
#include "profile/leaks.h"
#include "recording/reader.h"

/* Fill in 'report_out', which pp_leak_report_done() ends: all stacks of the heap, and names for the
 * first 'n_named' of those that grow and of those that are suspected.  -ENODATA when the recording
 * has no heap; -EAGAIN when its history was being written as it was read; -EBADMSG, -ENOMEM. */
int pp_recording_leaks(struct pp_recording_reader *reader, struct pp_symbolizer *symbolizer,
                       uint32_t n_named, struct pp_leak_report *report_out,
                       struct pprofc_error *err);

#endif
