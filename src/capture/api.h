/* What the public calls share; session_lock is held through each. */
#ifndef PP_CAPTURE_API_H
#define PP_CAPTURE_API_H

#include "capture/session.h"
#include "capture/threads.h"

/* *was_running_out tells whether this call began the session. */
int pp_api_start(const struct pprofc_options *options, bool *was_running_out,
                 struct pprofc_error *err);

int pp_api_stop(struct pprofc_recording **recording_out, struct pprofc_error *err);

/* -ESRCH, said. */
int pp_api_not_running(struct pprofc_error *err);

/* Book what the calling thread has used since its last sample: what comes now is something else.
 * While a session runs. */
void pp_api_book_self(struct pp_sig_thread *self);

#endif
