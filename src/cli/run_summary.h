/* The last lines of a run: what happened, how good the profile is, where the time went, what to do
 * next. */
#ifndef PP_CLI_RUN_SUMMARY_H
#define PP_CLI_RUN_SUMMARY_H

#include "cli/run.h"

/* What the recording has to tell: its delivery when it is not the best, and its messages. */
void pp_run_say_delivery(const struct pp_rec_header *header);

/* Threads that block the signal which samples come by, and what they used. */
void pp_run_say_unsampled(const struct pp_recording_reader *reader);

/* "myprog exited 0 after 12.3 s; 1 229 cpu samples = ...", then the hottest lines. */
void pp_run_say_result(const struct pp_run *run, const struct pprofc_profile *profile);

/* "myprog exited 0 after 12.3 s". */
void pp_run_end_text(const struct pp_run *run, char *text, size_t capacity);

/* The hottest lines of the profile's own type. */
void pp_run_say_hot_lines(const struct pprofc_profile *profile);

/* What the user might want to do differently: few samples, missing names, children. */
void pp_run_say_hints(const struct pp_run *run, const struct pprofc_profile *profile);

/* Of them, what holds for every kind. */
void pp_run_say_common_hints(const struct pp_run *run, const struct pprofc_profile *profile);

/* "wrote A (41 KiB) and B;   next:  pprofc report A" */
void pp_run_say_written(const struct pp_run *run, const struct pp_output_file *files,
                        size_t n_files);

#endif
