/* The libc functions that code in src/sigsafe may call, each with its reason.  tests/lint reads
 * this file. */
#ifndef PP_SIGSAFE_ALLOWED_H
#define PP_SIGSAFE_ALLOWED_H

#include <time.h>

#include "sigsafe/sigsafe.h"

/* On POSIX's list of async-signal-safe functions; in the vdso or one system call, no lock, no
 * allocation. */
PP_SIG int clock_gettime(clockid_t clock, struct timespec *time);

/* Where errno of this thread lies: a constant offset from the thread pointer in libc's initial TLS.
 * The handler keeps it. */
PP_SIG int *__errno_location(void);

/* indirect: pp_sig_chain_call: the application's own handler, called as the kernel would have
 * called it */

#endif
