/* The helper's accounts of CPU time, by the kernel's clocks.  (capture/accounts.c) */
#ifndef PP_CAPTURE_ACCOUNTS_H
#define PP_CAPTURE_ACCOUNTS_H

#include "capture/session.h"

/* Of the process since the session began, without the helper. */
uint64_t pp_accounts_program_cpu_ns(const struct pp_session *session);

/* Write the totals into the recording's header. */
void pp_accounts_update(struct pp_session *session);

/* At the end: CPU time of threads that came and went between two looks, and of lost samples, goes
 * to [unsampled] of [other threads]. */
void pp_accounts_book_the_rest(struct pp_session *session);

#endif
