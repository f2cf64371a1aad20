/* Tells waits for parking_lot's locks from other futexes. */
#include "sigsafe/lock_code.h"

#include <stddef.h>

#include "sigsafe/arch.h"
#include "sigsafe/descriptor.h"
#include "sigsafe/waits.h"

enum {
    /* Between the function and libc's there are seven in a build without inlining, and twelve if
     * its closures are called by functions of their own; ours are six. */
    MOST_FRAMES = 24,
    /* Bits of a lock that somebody is parked for (raw_mutex.rs, raw_rwlock.rs): a mutex has no
     * others but that it is locked. */
    MUTEX_LOCKED = 1,
    MUTEX_PARKED = 2,
    RWLOCK_PARKED = 1,
    RWLOCK_WRITER_PARKED = 2,
    RWLOCK_UPGRADABLE = 4,
    RWLOCK_WRITER = 8,
    RWLOCK_READER = 16,
};

/* Of parking_lot_core's ThreadData what rustc lays out before the word that the thread waits by;
 * 0.11.2 to 0.13.0 are alike. */
struct parked {
    uint64_t key; /* the address of what is waited for */
    uint64_t next, unpark_token, park_token;
};

static struct range {
    _Atomic uintptr_t start, limit; /* limit 0: free */
    _Atomic uint32_t code;
} ranges[PP_MAX_LOCK_CODE];

_Atomic uint32_t pp_sig_n_lock_code;

static void set_range(struct range *range, uintptr_t start, uintptr_t limit, enum pp_lock_code code)
{
    atomic_store_explicit(&range->limit, 0, memory_order_release);
    atomic_store_explicit(&range->start, start, memory_order_release);
    atomic_store_explicit(&range->code, code, memory_order_release);
    atomic_store_explicit(&range->limit, limit, memory_order_release);
}

bool pp_sig_lock_code_add(uintptr_t start, uintptr_t limit, enum pp_lock_code code)
{
    const uint32_t n = atomic_load_explicit(&pp_sig_n_lock_code, memory_order_relaxed);
    uint32_t i = 0;

    while (i < n && atomic_load_explicit(&ranges[i].limit, memory_order_relaxed) != 0)
        i++;
    if (i == PP_MAX_LOCK_CODE)
        return false;
    set_range(&ranges[i], start, limit, code);
    if (i == n)
        atomic_store_explicit(&pp_sig_n_lock_code, n + 1, memory_order_release);
    return true;
}

void pp_sig_lock_code_forget(uintptr_t start, uintptr_t limit)
{
    uint32_t n = atomic_load_explicit(&pp_sig_n_lock_code, memory_order_relaxed);

    for (uint32_t i = 0; i < n; i++) {
        const uintptr_t at = atomic_load_explicit(&ranges[i].start, memory_order_relaxed);
        if (at >= start && at < limit)
            set_range(&ranges[i], 0, 0, PP_LOCK_CODE_NONE);
    }
    while (n > 0 && atomic_load_explicit(&ranges[n - 1].limit, memory_order_relaxed) == 0)
        n--;
    atomic_store_explicit(&pp_sig_n_lock_code, n, memory_order_release);
}

enum pp_lock_code pp_sig_lock_code_of(uint64_t pc)
{
    const uint32_t n = atomic_load_explicit(&pp_sig_n_lock_code, memory_order_acquire);

    for (uint32_t i = 0; i < n; i++)
        if (pc - 1 < atomic_load_explicit(&ranges[i].limit, memory_order_acquire) &&
            pc - 1 >= atomic_load_explicit(&ranges[i].start, memory_order_relaxed))
            return atomic_load_explicit(&ranges[i].code, memory_order_relaxed);
    return PP_LOCK_CODE_NONE;
}

enum pp_lock_code pp_sig_lock_code_caller(void)
{
    uint64_t pcs[MOST_FRAMES];
    const uint32_t n = pp_sig_wait_callers(pcs, MOST_FRAMES);
    enum pp_lock_code code = PP_LOCK_CODE_NONE;

    for (uint32_t i = 0; i < n && code == PP_LOCK_CODE_NONE; i++)
        code = pp_sig_lock_code_of(pcs[i]);
    return code;
}

/* ---- which lock ---- */

static uintptr_t mutex_of(long pid, const struct parked *parked)
{
    uint8_t state;

    if (parked->park_token != 0 ||
        !pp_sig_arch_read_memory(pid, parked->key, &state, sizeof state) ||
        (state & ~MUTEX_LOCKED) != MUTEX_PARKED)
        return 0;
    return (uintptr_t)parked->key;
}

/* A writer that has the lock but for its readers waits by the odd address. */
static uintptr_t rwlock_of(long pid, const struct parked *parked)
{
    const uint64_t lock = parked->key & ~(uint64_t)1, token = parked->park_token;
    const uint64_t parked_bit = (parked->key & 1) != 0 ? RWLOCK_WRITER_PARKED : RWLOCK_PARKED;
    uint64_t state;

    if (lock % sizeof state != 0 ||
        (token != RWLOCK_WRITER && token != RWLOCK_READER &&
         token != (RWLOCK_READER | RWLOCK_UPGRADABLE)) ||
        !pp_sig_arch_read_memory(pid, lock, &state, sizeof state) || (state & parked_bit) == 0)
        return 0;
    return (uintptr_t)lock;
}

/* Nothing is taken for granted of the crate's version: what is no lock that somebody waits for, as
 * this thread says it does, is not taken for one, and reading it cannot fault. */
uintptr_t pp_sig_lock_code_lock(uintptr_t word, enum pp_lock_code code)
{
    struct parked parked;
    uintptr_t lock;
    long pid;

    if (pp_sig_descriptor_is_filtered)
        return word;
    pid = pp_sig_arch_getpid();
    if (!pp_sig_arch_read_memory(pid, word - sizeof parked, &parked, sizeof parked))
        return word;
    lock = code == PP_LOCK_CODE_MUTEX ? mutex_of(pid, &parked) : rwlock_of(pid, &parked);
    return lock != 0 ? lock : word;
}
