/* The libc functions that code in src/sigsafe may call, each with its reason.  tests/lint reads
 * this file. */
#ifndef PP_SIGSAFE_ALLOWED_H
#define PP_SIGSAFE_ALLOWED_H

#include <time.h>

#include "sigsafe/sigsafe.h"

/* On POSIX's list of async-signal-safe functions; in the vdso or one system call, no lock, no
 * allocation. */
PP_SIG int clock_gettime(clockid_t clock, struct timespec *time);

#endif
