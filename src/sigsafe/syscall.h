/* System calls without libc: no errno, no symbol, no cancellation point. */
#ifndef PP_SIGSAFE_SYSCALL_H
#define PP_SIGSAFE_SYSCALL_H

#include <stdint.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
static inline long pp_sig_syscall4(long number, long a, long b, long c, long d)
{
    register long r10 __asm__("r10") = d;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
    return result;
}
#else
#error "system calls of this CPU are not written yet"
#endif

static inline int32_t pp_sig_gettid(void)
{
    return (int32_t)pp_sig_syscall4(SYS_gettid, 0, 0, 0, 0);
}

/* Wake whoever waits on 'word', in this process or another that maps the same memory. */
static inline void pp_sig_futex_wake(void *word)
{
    (void)pp_sig_syscall4(SYS_futex, (long)word, 1 /* FUTEX_WAKE, shared */, INT32_MAX, 0);
}

#endif
