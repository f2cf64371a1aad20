/* Events of waits that the helper records: with the stack of a thread that waits, read from
 * outside, or with a pseudo frame. */
#ifndef PP_CAPTURE_WAIT_STACK_H
#define PP_CAPTURE_WAIT_STACK_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/session.h"
#include "recording/layout.h"
#include "sigsafe/threads.h"

/* Whose work a wait was: as in struct pp_sig_event. */
struct pp_wait_context {
    uint32_t label_set, span;
};

struct pp_wait_event {
    const struct pp_sig_thread *thread;
    enum pp_rec_family family;
    enum pp_rec_wait kind;
    enum pp_rec_descriptor descriptor;
    int64_t count;
    uint64_t ns;
    uint64_t lock; /* of families that have one */
    bool is_remainder;
    struct pp_wait_context context;
};

/* What the thread works for now, if it has worked for nothing else since its 'n_changes' were
 * 'seen'; else nothing: nobody knows what the time since went to.  Of spans our own alone, whose
 * changes are counted. */
struct pp_wait_context pp_wait_context_since(struct pp_session *session,
                                             const struct pp_sig_thread *thread, uint32_t seen);

/* With 'pseudo_pc' for a stack.  0, or -1 when there was no room (counted). */
int pp_wait_store_pseudo(struct pp_session *session, const struct pp_wait_event *event,
                         uint64_t pseudo_pc);

/* Where the thread waits now, outside of any hook; kind and descriptor by its system call.  False:
 * it does not wait, and nothing is stored. */
bool pp_wait_store_outside(struct pp_session *session, const struct pp_wait_event *event);

/* Whether the thread waits in a hook, as that says: one that was left by longjmp() says so for
 * ever.  Of one that runs or queues nobody knows: it may be on the way out. */
enum pp_wait_state { PP_WAIT_UNDER_WAY, PP_WAIT_LEFT, PP_WAIT_RUNS };
enum pp_wait_state pp_wait_state_of(const struct pp_sig_thread *thread);

/* In a hook, in the wait that began at 'since': up to 'now' it is recorded here, and the thread
 * leaves that out.  Of a lock for its family, too.  Which of them the thread leaves out; 0: the
 * wait has ended meanwhile. */
enum { PP_CLAIMED_WAIT = 1, PP_CLAIMED_LOCK = 2 };
uint32_t pp_wait_claim(struct pp_session *session, struct pp_sig_thread *thread,
                       const struct pp_wait_event *event, uint64_t since, uint64_t now);

#endif
