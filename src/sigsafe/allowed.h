/* The libc functions that code in src/sigsafe may call, each with its reason.  tests/lint reads
 * this file. */
#ifndef PP_SIGSAFE_ALLOWED_H
#define PP_SIGSAFE_ALLOWED_H

#include <time.h>

#include "sigsafe/sigsafe.h"

/* On POSIX's list of async-signal-safe functions; in the vdso or one system call, no lock, no
 * allocation.  Asked for clocks that are always there only: it touches errno, a thread-local, when
 * it fails. */
PP_SIG int clock_gettime(clockid_t clock, struct timespec *time);

/* indirect: pp_sig_chain_call: the application's own handler, called as the kernel would have
 * called it */

#endif
