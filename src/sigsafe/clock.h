/* Readings of clocks, in nanoseconds. */
#ifndef PP_SIGSAFE_CLOCK_H
#define PP_SIGSAFE_CLOCK_H

#include <stdint.h>

#include "sigsafe/allowed.h"
#include "sigsafe/syscall.h"

static inline uint64_t pp_sig_clock_ns(clockid_t clock)
{
    struct timespec now = {0, 0};

    /* The vdso knows these; others are a system call anyway, which may fail: a thread's may be
     * gone. */
    if (clock == CLOCK_MONOTONIC || clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC_COARSE)
        (void)clock_gettime(clock, &now);
    else
        (void)pp_sig_syscall4(SYS_clock_gettime, clock, (long)&now, 0, 0);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* The CPU clock of any thread of this process, as the kernel numbers them (CPUCLOCK_PERTHREAD_MASK
 * | CPUCLOCK_SCHED). */
static inline clockid_t pp_sig_thread_clock(int32_t tid)
{
    return (clockid_t)((~(uint32_t)tid << 3) | 6u);
}

#endif
