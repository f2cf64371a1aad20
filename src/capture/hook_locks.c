/* Hooks of locks.  They look whether the lock has an owner: one that has none goes straight on to
 * libc's function, which costs a load and a comparison; one that has is timed.
 *
 * Of a mutex they look at the owner and not at the word that says whether it is locked: that is
 * written by locked instructions, and a load of it waits for those (lock and unlock: 1.31 times as
 * long as without us; by the owner, and by the number of those who wait for any lock, 1.00).  But
 * who has taken it says that it is the owner a moment later, and may lose the CPU between: all who
 * came then were missed, for as long as it was away.  While somebody waits for any lock one
 * that has no owner is tried, and what is not to be had at once is timed.  Missed is a wait that
 * begins, while nobody else waits, between the look and libc's own.
 *
 * The fields are glibc's, the same on x86-64 since 2.25 (nptl/pthreadP.h, pthread_rwlock_common.c,
 * internaltypes.h); with another libc nothing is looked at, and nothing seen. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <threads.h>

#include "capture/hook_waits.h"
#include "sigsafe/locks.h"

#define LIKELY(x) __builtin_expect((x) != 0, 1)

/* Of a pthread_mutex_t, as ints. */
enum { MUTEX_COUNT = 1, MUTEX_OWNER = 2, MUTEX_KIND = 4 };
enum { KIND_MASK = 3, KIND_RECURSIVE = 1, KIND_ERRORCHECK = 2, KIND_INHERITS = 32 };
/* Of a pthread_rwlock_t's first word. */
enum { RW_WRITE_PHASE = 1, RW_WRITE_LOCKED = 2, RW_READER_SHIFT = 3 };

static inline int word_of(const void *lock, int index)
{
#ifdef __GLIBC__
    return __atomic_load_n((const int *)lock + index, __ATOMIC_RELAXED);
#else
    (void)lock, (void)index;
    return 0;
#endif
}

static int32_t my_tid(void)
{
    return pp_sig_self != NULL ? atomic_load_explicit(&pp_sig_self->tid, memory_order_relaxed)
                               : pp_sig_gettid();
}

/* One that its owner locks again: that does not wait. */
static bool is_own(const void *mutex)
{
    const int kind = word_of(mutex, MUTEX_KIND) & KIND_MASK;

    return (kind == KIND_RECURSIVE || kind == KIND_ERRORCHECK) &&
           word_of(mutex, MUTEX_OWNER) == my_tid();
}

static inline bool somebody_waits(void)
{
    return atomic_load_explicit(&pp_sig_n_lock_waiters, memory_order_relaxed) != 0;
}

/* The kernel gives one that inherits priority to who waits for it, who says that it is the owner
 * only when it runs: those are always tried. */
static inline bool may_wait_for(const void *mutex)
{
    return (word_of(mutex, MUTEX_OWNER) | (word_of(mutex, MUTEX_KIND) & KIND_INHERITS)) != 0 ||
           somebody_waits();
}

/* Take one that has no owner, if it is to be had; or with an owner that has died. */
static bool is_had_at_once(void *mutex, int *result_out)
{
    if (word_of(mutex, MUTEX_OWNER) != 0)
        return false;
    *result_out = pthread_mutex_trylock(mutex);
    return *result_out == 0 || *result_out == EOWNERDEAD;
}

/* ---- mutexes ---- */

typedef int lock_function(void *lock);

PP_HEAP_TEXT static int lock_busy(void *lock, lock_function *real)
{
    struct pp_sig_lock_wait wait;
    int result;

    if (!pp_sig_lock_begin(&wait, (uintptr_t)lock, (uintptr_t)real))
        return real(lock);
    result = real(lock);
    pp_sig_lock_end(&wait, (uintptr_t)real);
    return result;
}

PP_HEAP_TEXT static int lock_busy_mutex(void *mutex, lock_function *real)
{
    int result;

    if (is_own(mutex))
        return real(mutex);
    return is_had_at_once(mutex, &result) ? result : lock_busy(mutex, real);
}

PP_HEAP_TEXT static int release(void *lock, lock_function *real)
{
    const uint64_t ticks = pp_sig_lock_release((uintptr_t)lock);
    const int result = real(lock); /* after which the lock may be no more */

    pp_sig_lock_charge((uintptr_t)lock, ticks, (uintptr_t)real);
    return result;
}

PP_HEAP_TEXT static int unlock_busy_mutex(void *mutex, lock_function *real)
{
    const int kind = word_of(mutex, MUTEX_KIND);

    if (!pp_sig_waits_are(PP_WAITS_LOCKS) ||
        ((kind & KIND_MASK) == KIND_RECURSIVE && word_of(mutex, MUTEX_COUNT) > 1))
        return real(mutex);
    return release(mutex, real);
}

/* What is jumped to where the word says that the lock is free: libc's function, once it is found.
 */
#define FIRST(name)                                                                \
    PP_HEAP_TEXT static int first_##name(void *lock);                              \
    static lock_function *free_##name = first_##name;                              \
    PP_HEAP_TEXT static int first_##name(void *lock)                               \
    {                                                                              \
        lock_function *const real = (lock_function *)pp_wait_real(PP_HOOK_##name); \
                                                                                   \
        __atomic_store_n(&free_##name, real, __ATOMIC_RELAXED);                    \
        return real(lock);                                                         \
    }

/* Each a function of its own: the hook is left with four instructions, and no frame. */
#define MUTEX(name, type)                                                                          \
    FIRST(name##_lock)                                                                             \
    FIRST(name##_unlock)                                                                           \
    PP_HEAP_TEXT static int name##_lock_busy(void *mutex)                                          \
    {                                                                                              \
        return lock_busy_mutex(mutex, (lock_function *)pp_wait_real(PP_HOOK_##name##_lock));       \
    }                                                                                              \
    PP_HEAP_TEXT static int name##_unlock_busy(void *mutex)                                        \
    {                                                                                              \
        return unlock_busy_mutex(mutex, (lock_function *)pp_wait_real(PP_HOOK_##name##_unlock));   \
    }                                                                                              \
    PP_HOOK_FUNCTION int pp_hook_##name##_lock(type *mutex);                                       \
    PP_HEAP_TEXT int pp_hook_##name##_lock(type *mutex)                                            \
    {                                                                                              \
        return LIKELY(!may_wait_for(mutex)) ? free_##name##_lock(mutex) : name##_lock_busy(mutex); \
    }                                                                                              \
    PP_HOOK_FUNCTION int pp_hook_##name##_unlock(type *mutex);                                     \
    PP_HEAP_TEXT int pp_hook_##name##_unlock(type *mutex)                                          \
    {                                                                                              \
        return LIKELY(!somebody_waits()) ? free_##name##_unlock(mutex)                             \
                                         : name##_unlock_busy(mutex);                              \
    }
MUTEX(pthread_mutex, pthread_mutex_t)
MUTEX(mtx, mtx_t)

/* A lock that may be waited for until a time. */
#define TIMED_LOCK(name, is_free, is_had, parameters, arguments)                       \
    PP_HOOK_FUNCTION int pp_hook_##name parameters;                                    \
    PP_HEAP_TEXT int pp_hook_##name parameters                                         \
    {                                                                                  \
        int(*const real) parameters = (int(*) parameters)pp_wait_real(PP_HOOK_##name); \
        struct pp_sig_lock_wait wait;                                                  \
        int result;                                                                    \
                                                                                       \
        if (LIKELY(is_free))                                                           \
            return real arguments;                                                     \
        if (is_had)                                                                    \
            return result;                                                             \
        if (!pp_sig_lock_begin(&wait, (uintptr_t)lock, (uintptr_t)real))               \
            return real arguments;                                                     \
        result = real arguments;                                                       \
        pp_sig_lock_end(&wait, (uintptr_t)real);                                       \
        return result;                                                                 \
    }

#define TIMED_MUTEX(name, parameters, arguments)                                         \
    TIMED_LOCK(name, !may_wait_for(lock) || is_own(lock), is_had_at_once(lock, &result), \
               parameters, arguments)
TIMED_MUTEX(pthread_mutex_timedlock, (pthread_mutex_t * lock, const struct timespec *until),
            (lock, until))
TIMED_MUTEX(pthread_mutex_clocklock,
            (pthread_mutex_t * lock, clockid_t clock, const struct timespec *until),
            (lock, clock, until))
TIMED_MUTEX(mtx_timedlock, (mtx_t * lock, const struct timespec *until), (lock, until))

/* ---- locks for readers and writers ---- */

static inline bool is_free_to_read(const void *lock)
{
    return (word_of(lock, 0) & (RW_WRITE_PHASE | RW_WRITE_LOCKED)) !=
           (RW_WRITE_PHASE | RW_WRITE_LOCKED);
}

static inline bool is_free_to_write(const void *lock)
{
    const unsigned word = (unsigned)word_of(lock, 0);

    return (word & RW_WRITE_LOCKED) == 0 && word >> RW_READER_SHIFT == 0;
}

#define TIMED_RWLOCK(name, is_free, parameters, arguments) \
    TIMED_LOCK(name, is_free, false, parameters, arguments)
TIMED_RWLOCK(pthread_rwlock_rdlock, is_free_to_read(lock), (pthread_rwlock_t * lock), (lock))
TIMED_RWLOCK(pthread_rwlock_wrlock, is_free_to_write(lock), (pthread_rwlock_t * lock), (lock))
TIMED_RWLOCK(pthread_rwlock_timedrdlock, is_free_to_read(lock),
             (pthread_rwlock_t * lock, const struct timespec *until), (lock, until))
TIMED_RWLOCK(pthread_rwlock_timedwrlock, is_free_to_write(lock),
             (pthread_rwlock_t * lock, const struct timespec *until), (lock, until))
TIMED_RWLOCK(pthread_rwlock_clockrdlock, is_free_to_read(lock),
             (pthread_rwlock_t * lock, clockid_t clock, const struct timespec *until),
             (lock, clock, until))
TIMED_RWLOCK(pthread_rwlock_clockwrlock, is_free_to_write(lock),
             (pthread_rwlock_t * lock, clockid_t clock, const struct timespec *until),
             (lock, clock, until))

PP_HOOK_FUNCTION int pp_hook_pthread_rwlock_unlock(pthread_rwlock_t *lock);
PP_HEAP_TEXT int pp_hook_pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
    lock_function *const real = (lock_function *)pp_wait_real(PP_HOOK_pthread_rwlock_unlock);

    if (LIKELY(!somebody_waits()) || !pp_sig_waits_are(PP_WAITS_LOCKS))
        return real(lock);
    return release(lock, real);
}
