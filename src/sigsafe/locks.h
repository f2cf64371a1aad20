/* Waits for locks: charged to the thread that waits, and at the release to the one that let others
 * wait.
 *
 * A hook that finds a lock busy tells it here before and after it waits.  Who waits for which lock
 * stands in a small table without locks of its own, so that a holder knows at its release for how
 * long others have waited since the release before.
 *
 * Writers and readers: threads that wait, and that release what others wait for. */
#ifndef PP_SIGSAFE_LOCKS_H
#define PP_SIGSAFE_LOCKS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sigsafe/sigsafe.h"
#include "sigsafe/waits.h"

/* A wait for a lock that is under way. */
struct pp_sig_lock_wait {
    struct pp_sig_wait timed;
    uintptr_t lock;
    uint32_t place; /* 1 + its place in the table; 0: none */
    uint32_t word_place;
};

/* How many wait for a lock now: without any, a release has nothing to ask. */
extern _Atomic uint32_t pp_sig_n_lock_waiters;

/* The calling thread is about to wait for 'lock', which is busy, in libc's 'function'.  False: that
 * is not followed, and end is not to be called. */
PP_SIG bool pp_sig_lock_begin(struct pp_sig_lock_wait *wait, uintptr_t lock, uintptr_t function);

/* The same where it waits by a word of its own, which is all that whoever wakes it knows. */
PP_SIG bool pp_sig_lock_begin_by(struct pp_sig_lock_wait *wait, uintptr_t lock, uintptr_t word,
                                 uintptr_t function);

/* The lock that is waited for by 'word'; 'word' itself where it is that. */
PP_SIG uintptr_t pp_sig_lock_by(uintptr_t word);

/* It has it, or has given up.  'function': libc's, the leaf of the stack. */
PP_SIG void pp_sig_lock_end(struct pp_sig_lock_wait *wait, uintptr_t function);

/* The calling thread is about to release 'lock': for how many ticks others have waited for it since
 * the last release.  0: nobody does. */
PP_SIG uint64_t pp_sig_lock_release(uintptr_t lock);

/* It has been released, after others had waited for 'ticks'. */
PP_SIG void pp_sig_lock_charge(uintptr_t lock, uint64_t ticks, uintptr_t function);

/* A wait of 'ticks' for 'lock' that has ended just now, timed by whoever calls: the part of a wait
 * for a condition in which the mutex was not to be had again.  'is_claimed': the helper has
 * recorded and counted its beginning. */
PP_SIG void pp_sig_lock_waited(struct pp_sig_thread *self, uintptr_t lock, uint64_t ticks,
                               bool is_claimed, uintptr_t function);

/* Notes of something by an address, in a table in which newer ones replace older ones: when a
 * condition was signalled, say.  0: nothing is known. */
PP_SIG void pp_sig_lock_note(uintptr_t address, uint64_t what);
PP_SIG uint64_t pp_sig_lock_noted(uintptr_t address);

/* In a child after fork: nobody waits. */
PP_SIG void pp_sig_locks_reset(void);

#endif
