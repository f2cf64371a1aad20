/* Hook of syscall(): what has no function of its own in libc, futexes above all.  Rust's standard
 * library waits so, and its crate parking_lot. */
#include <errno.h>
#include <linux/futex.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture/hook_waits.h"
#include "sigsafe/lock_code.h"
#include "sigsafe/locks.h"

typedef long call_function(long number, long a, long b, long c, long d, long e, long f);

/* What the word is when somebody waits for it as for a lock, in Rust's std (library/std/src/sys/
 * sync/mutex/futex.rs, rwlock/futex.rs): a mutex is 2, a lock for readers and writers has one of
 * its two top bits, and both bits together with all others are a parked thread. */
enum { RUST_CONTENDED = 2 };
#define RUST_WAITERS 0xC0000000u
#define RUST_PARKED 0xFFFFFFFFu

/* Of parking_lot (parking_lot_core/src/thread_parker/linux.rs): a thread that is parked, for
 * whatever reason, waits by a word of its own. */
enum { PARKED_BY_WORD = 1 };

static bool is_wait(long operation)
{
    const long command = operation & FUTEX_CMD_MASK;

    return command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET || command == FUTEX_LOCK_PI;
}

static bool is_lock(long operation, long expected, long timeout)
{
    const uint32_t word = (uint32_t)expected;

    if ((operation & FUTEX_CMD_MASK) == FUTEX_LOCK_PI)
        return true;
    return timeout == 0 && word != RUST_PARKED &&
           (word == RUST_CONTENDED || (word & RUST_WAITERS) != 0);
}

/* The lock that is waited for by the word at 'word'; 0: none. */
PP_HEAP_TEXT static uintptr_t lock_of(long word, long operation, long expected, long timeout)
{
    enum pp_lock_code code;

    if (!pp_sig_waits_are(PP_WAITS_LOCKS))
        return 0;
    if (is_lock(operation, expected, timeout))
        return (uintptr_t)word;
    if (atomic_load_explicit(&pp_sig_n_lock_code, memory_order_relaxed) == 0 ||
        (operation & FUTEX_CMD_MASK) != FUTEX_WAIT || (uint32_t)expected != PARKED_BY_WORD ||
        (code = pp_sig_lock_code_caller()) == PP_LOCK_CODE_NONE)
        return 0;
    return pp_sig_lock_code_lock((uintptr_t)word, code);
}

/* What a thread may wait for in this call. */
static enum pp_rec_wait kind_of(long number)
{
    switch (number) {
#ifdef SYS_io_uring_enter
    case SYS_io_uring_enter:
#endif
#ifdef SYS_io_getevents
    case SYS_io_getevents:
#endif
        return PP_WAIT_POLL;
#ifdef SYS_futex_waitv
    case SYS_futex_waitv:
        return PP_WAIT_FUTEX;
#endif
    default:
        return PP_WAIT_UNKNOWN;
    }
}

PP_HEAP_TEXT static long wait_on_futex(call_function *real, long a, long b, long c, long d, long e,
                                       long f)
{
    const uintptr_t lock = lock_of(a, b, c, d);
    struct pp_sig_lock_wait locked;
    struct pp_sig_wait timed;
    long result;

    if (lock != 0) {
        if (!pp_sig_lock_begin_by(&locked, lock, (uintptr_t)a, (uintptr_t)real))
            return real(SYS_futex, a, b, c, d, e, f);
        result = real(SYS_futex, a, b, c, d, e, f);
        pp_sig_lock_end(&locked, (uintptr_t)real);
        return result;
    }
    if (!pp_sig_wait_begin(&timed, PP_WAITS_OFFCPU, PP_WAIT_FUTEX, (uintptr_t)real))
        return real(SYS_futex, a, b, c, d, e, f);
    result = real(SYS_futex, a, b, c, d, e, f);
    pp_sig_wait_end(&timed, PP_WAIT_FUTEX, -1, (uintptr_t)real);
    return result;
}

/* By whoever lets others go on: the lock's word is free already. */
PP_HEAP_TEXT static long wake_by_futex(call_function *real, long a, long b, long c, long d, long e,
                                       long f)
{
    const uintptr_t lock = pp_sig_lock_by((uintptr_t)a);
    const uint64_t ticks = pp_sig_lock_release(lock);
    const long result = real(SYS_futex, a, b, c, d, e, f);

    pp_sig_lock_charge(lock, ticks, (uintptr_t)real);
    return result;
}

static bool is_wake(long operation)
{
    const long command = operation & FUTEX_CMD_MASK;

    return command == FUTEX_WAKE || command == FUTEX_UNLOCK_PI;
}

/* Whatever it was called with: words that are no arguments are handed on as they are. */
PP_HOOK_FUNCTION long pp_hook_syscall(long number, long a, long b, long c, long d, long e, long f);
PP_HEAP_TEXT long pp_hook_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    call_function *const real = (call_function *)pp_wait_real(PP_HOOK_syscall);
    struct pp_sig_wait timed;
    enum pp_rec_wait kind;
    long result;

    if (number == SYS_futex) {
        if (is_wait(b))
            return wait_on_futex(real, a, b, c, d, e, f);
        if (is_wake(b) && atomic_load_explicit(&pp_sig_n_lock_waiters, memory_order_relaxed) != 0)
            return wake_by_futex(real, a, b, c, d, e, f);
        return real(number, a, b, c, d, e, f);
    }
#ifdef SYS_seccomp
    if (number == SYS_seccomp) /* from now on no call of ours that the program does not make */
        pp_sig_descriptor_is_filtered = true;
#endif
    kind = kind_of(number);
    if (kind == PP_WAIT_UNKNOWN ||
        !pp_sig_wait_begin(&timed, PP_WAITS_OFFCPU, kind, (uintptr_t)real))
        return real(number, a, b, c, d, e, f);
    result = real(number, a, b, c, d, e, f);
    pp_sig_wait_end(&timed, kind, number == SYS_futex ? -1 : (int)a, (uintptr_t)real);
    return result;
}

PP_HOOK_FUNCTION int pp_hook_prctl(int option, unsigned long a, unsigned long b, unsigned long c,
                                   unsigned long d);
PP_HEAP_TEXT int pp_hook_prctl(int option, unsigned long a, unsigned long b, unsigned long c,
                               unsigned long d)
{
    int (*const real)(int, unsigned long, unsigned long, unsigned long, unsigned long) =
        (int (*)(int, unsigned long, unsigned long, unsigned long, unsigned long))pp_wait_real(
            PP_HOOK_prctl);

    if (option == PR_SET_SECCOMP)
        pp_sig_descriptor_is_filtered = true;
    return real(option, a, b, c, d);
}
