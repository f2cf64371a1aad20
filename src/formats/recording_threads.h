/* Where all threads of a process stood at one look, as a profile: a sample for each thread, with
 * its name, id and state as labels. */
#ifndef PP_FORMATS_RECORDING_THREADS_H
#define PP_FORMATS_RECORDING_THREADS_H

#include "binary/symbolizer.h"
#include "profile/profile.h"
#include "recording/reader.h"

/* Labels of its samples. */
#define PP_LABEL_THREAD_ID "thread_id"
#define PP_LABEL_THREAD_NAME "thread_name"
#define PP_LABEL_STATE "state" /* "running", "futex wait", "epoll_wait", "waiting" .. */
#define PP_LABEL_IDLE "idle"   /* nanoseconds for which it certainly did not run */

/* The threads of look number 'look' (PP_REQUEST_STACKS).  -EBADMSG when the recording is damaged.
 * A comment says how many threads are missing, if any are, and how many stacks do not reach their
 * root. */
int pp_recording_threads(struct pp_recording_reader *reader, struct pp_symbolizer *symbolizer,
                         uint32_t look, struct pprofc_profile **profile_out,
                         struct pprofc_error *err);

/* What a thread does that waits in the system call 'number' of this machine; NULL: no common one.
 */
const char *pp_wait_name(int64_t number);

#endif
