/* The handler of our signals: it records where its thread is. */
#ifndef PP_SIGSAFE_HANDLER_H
#define PP_SIGSAFE_HANDLER_H

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>

#include "recording/layout.h"
#include "sigsafe/entry.h"
#include "sigsafe/sigsafe.h"
#include "sigsafe/threads.h"

/* si_code of the sampler's signals: one that nobody else uses.  The kernel takes negative ones only
 * from a thread that is not the first. */
enum { PP_SI_SAMPLER = -0x70 };

enum pp_sig_new_code {
    PP_NEW_CODE_NONE,
    PP_NEW_CODE_SLOW,    /* has no table yet, its .eh_frame was read in place */
    PP_NEW_CODE_UNKNOWN, /* no rules at all: a stack may have ended there; the helper was woken */
};

/* What handlers ask first.  It lies on a page of its own with MADV_WIPEONFORK: in a child it is all
 * zero at once. */
struct pp_sig_gate {
    _Atomic(struct pp_rec_header *) header; /* NULL: nothing runs */
    uint64_t start_monotonic_ns;
    _Atomic uint32_t session; /* number of the running session */
    _Atomic uint32_t is_paused;
    _Atomic uint32_t saw_new_code; /* what walks have met since the helper looked at modules */
    _Atomic uint32_t is_ours;      /* 0 in a child that no fork handler has told of its birth */
    _Atomic uint32_t helper_dozes; /* nothing ran for a while: the next sample wakes the helper */
    /* Not 0: threads that are looked at for PP_LOOK_HOLD stay in their handlers as long as it is
     * this; a futex. */
    _Atomic uint32_t hold;
    _Atomic uint32_t waits; /* what hooks of blocking calls are to do, sigsafe/waits.h */
};
extern struct pp_sig_gate *pp_sig_gate; /* set once, before the first handler is installed */

/* What was there before us for one of our signals, and what the application has set since. */
struct pp_sig_chain {
    struct sigaction actions[2];
    _Atomic uint32_t current; /* which of the two holds */
};
PP_SIG struct pp_sig_chain *pp_sig_chain_of(int signo); /* NULL: not one of our signals */

/* Take one sample of 'thread' at 'context' (a ucontext_t).  What the handler does; tests and
 * benchmarks call it too. */
PP_SIG void pp_sig_sample(struct pp_rec_header *header, struct pp_sig_thread *thread,
                          const void *context);

/* Book CPU time that no sample saw on [unsampled]. */
PP_SIG void pp_sig_book_remainder(struct pp_rec_header *header, struct pp_sig_thread *thread,
                                  uint64_t cpu_ns);

/* The thread's slot in the recording, made when it has none; NULL when the table is full. */
PP_SIG struct pp_rec_thread *pp_sig_thread_record(struct pp_rec_header *header,
                                                  struct pp_sig_thread *thread);

/* The stack of this thread at 'context', a ucontext_t, into 'pcs' of PP_MAX_FRAMES + 1.  Code
 * without rules is told to the helper. */
PP_SIG void pp_sig_walk_thread(struct pp_rec_header *header, const struct pp_sig_thread *thread,
                               const void *context, uint64_t *pcs, struct pp_sig_walk *walk);

/* Code without rules ends stacks until the helper has made some: it is told, by a walk's flags with
 * PP_WALK_NEW_CODE. */
PP_SIG void pp_sig_tell_new_code(struct pp_rec_header *header, uint32_t walk);

/* The first sample after a rest, of CPU or of the heap: the helper looks seldom while nothing runs.
 */
PP_SIG void pp_sig_wake_dozing(struct pp_rec_header *header);

/* A thread is about to use the recording, or is done: between the two nothing it can see is taken
 * away. */
PP_SIG void pp_sig_enter(struct pp_sig_thread *thread);
PP_SIG void pp_sig_leave(struct pp_sig_thread *thread);

#endif
