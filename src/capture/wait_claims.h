/* Waits under way, recorded up to now while they go on: when somebody asks, and of long ones from
 * time to time, so that a program that is killed in one leaves it in its recording. */
#ifndef PP_CAPTURE_WAIT_CLAIMS_H
#define PP_CAPTURE_WAIT_CLAIMS_H

#include <stdbool.h>

#include "capture/session.h"
#include "capture/threads.h"

/* Record what the thread waits for, if it waits in a hook. */
void pp_wait_claim_now(struct pp_session *session, struct pp_sig_thread *thread,
                       struct pp_wait_account *account);

/* A look at all threads begins: so many may be recorded in it. */
void pp_wait_claims_begin_look(void);

/* Do so when the wait has lasted for a second, and each time for twice as long as when it was
 * recorded last: no more than half of it, or a second, is ever missing.  Whether it was. */
bool pp_wait_claim_due(struct pp_session *session, struct pp_sig_thread *thread,
                       struct pp_wait_account *account);

/* Of the wait that the thread is in nothing is recorded that was before now. */
void pp_wait_leave_out_so_far(struct pp_sig_thread *thread);

/* How much of the wait that the thread is in is not recorded yet. */
uint64_t pp_wait_under_way_ns(const struct pp_sig_thread *thread);

/* Whether the thread is in a wait that is recorded in part. */
bool pp_wait_is_claimed(const struct pp_sig_thread *thread);

#endif
