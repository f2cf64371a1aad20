/* The account of where a thread's time goes: begun when the thread is first looked at, brought up
 * to date at looks, told to the recording, ended by a pause or with the thread.  The helper's. */
#ifndef PP_CAPTURE_WAIT_ACCOUNT_H
#define PP_CAPTURE_WAIT_ACCOUNT_H

#include <stdint.h>

#include "capture/session.h"
#include "capture/threads.h"

/* The thread's CPU clock. */
uint64_t pp_wait_cpu_clock_ns(const struct pp_sig_thread *thread);

/* Threads are followed from this moment of CLOCK_MONOTONIC on: a session's beginning, or a pause's
 * end.  One that is born later counts from its birth. */
void pp_wait_account_follow_from(uint64_t now_ns);

/* It has ended with its thread, which the kernel may list for a while yet, or the thread did in a
 * pause or before the session: it is not begun again, and nothing is counted twice. */
bool pp_wait_account_is_closed(const struct pp_sig_thread *thread,
                               const struct pp_wait_account *account);

/* Begin: from now, or from the thread's birth where that was seen. */
void pp_wait_account_begin(struct pp_session *session, struct pp_sig_thread *thread,
                           struct pp_wait_account *account);

/* Bring it up to date; 'since_out': the wait under way.  By how much the thread's time is not
 * explained yet. */
uint64_t pp_wait_account_update(struct pp_sig_thread *thread, struct pp_wait_account *account,
                                uint64_t *since_out);

/* What the events of the thread add up to, without the run queue's. */
uint64_t pp_wait_account_stored_ns(const struct pp_sig_thread *thread,
                                   const struct pp_wait_account *account);

/* Write it to the thread's place in the recording. */
void pp_wait_account_tell(struct pp_session *session, struct pp_sig_thread *thread,
                          const struct pp_wait_account *account);

/* It ends; what it has counts before the next one. */
void pp_wait_account_end(const struct pp_sig_thread *thread, struct pp_wait_account *account);

/* How often its labels or its span have changed. */
static inline uint32_t pp_wait_changes_of(const struct pp_sig_thread *thread)
{
    return atomic_load_explicit(&thread->n_changes, memory_order_relaxed);
}

/* Clocks that are read one after the other do not agree to the nanosecond. */
static inline uint64_t pp_at_least_0(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

#endif
