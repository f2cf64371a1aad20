/* Time that threads are in run queues, and what of it was the control group's doing (cpu.max). */
#ifndef PP_CAPTURE_WAIT_QUEUE_H
#define PP_CAPTURE_WAIT_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/session.h"
#include "capture/threads.h"

/* A session begins. */
void pp_wait_queue_begin(void);

/* Time that thread 'tid' has been in the run queue so far. */
bool pp_wait_queue_read(int32_t tid, uint64_t *queue_ns_out);

/* That of the calling thread, by system calls alone: no errno, no cancellation. */
bool pp_wait_queue_read_own(uint64_t *queue_ns_out);

/* A look at all threads begins; each one's 'queue_ns' is up to date. */
void pp_wait_queue_look(void);
void pp_wait_queue_note(struct pp_wait_account *account);

/* And has ended: the control group is asked, if threads were in queues. */
void pp_wait_queue_looked(struct pp_session *session);

/* For how long the group had been throttled when a thread's time begins: now, or that of a new
 * thread, which was born after the last look. */
uint64_t pp_wait_queue_throttled_ns(struct pp_session *session, bool is_new);

/* Record what is not yet, unless it is less than 'least_ns'. */
void pp_wait_queue_book(struct pp_session *session, struct pp_sig_thread *thread,
                        struct pp_wait_account *account, uint64_t least_ns);

#endif
