/* Where code lies that waits for a lock by a bare futex, whose word says nothing of that: functions
 * of the Rust crate parking_lot.
 *
 * Writer: the helper, by what it finds in modules (capture/lock_code.c).  Readers: threads that are
 * about to wait.  A range that is read while it changes is at worst a wait of the wrong kind. */
#ifndef PP_SIGSAFE_LOCK_CODE_H
#define PP_SIGSAFE_LOCK_CODE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sigsafe/sigsafe.h"

enum { PP_MAX_LOCK_CODE = 64 }; /* each version of the crate in a module has nine at most */

/* Whose code it is: raw_mutex.rs's RawMutex is a byte, raw_rwlock.rs's RawRwLock a word. */
enum pp_lock_code { PP_LOCK_CODE_NONE, PP_LOCK_CODE_MUTEX, PP_LOCK_CODE_RWLOCK };

/* Places that may hold a range: 0: there is nothing to ask. */
extern _Atomic uint32_t pp_sig_n_lock_code;

/* A function in [start, limit).  False: there is no room. */
PP_SIG bool pp_sig_lock_code_add(uintptr_t start, uintptr_t limit, enum pp_lock_code code);

/* Those in [start, limit) are gone. */
PP_SIG void pp_sig_lock_code_forget(uintptr_t start, uintptr_t limit);

/* Which of them a return address lies in. */
PP_SIG enum pp_lock_code pp_sig_lock_code_of(uint64_t pc);

/* Which of them has called, through a few frames, the hook that asks.  Walks so far up the stack:
 * about as costly as an event. */
PP_SIG enum pp_lock_code pp_sig_lock_code_caller(void);

/* The lock that a thread in such code waits for by 'word'; 'word' itself where that cannot be
 * known.  Three system calls. */
PP_SIG uintptr_t pp_sig_lock_code_lock(uintptr_t word, enum pp_lock_code code);

#endif
