/* Hooks of conditions and semaphores.
 *
 * A thread that waits for a condition has its mutex again when the call returns.  When the one that
 * signals holds that mutex, the rest of the wait is one for the mutex.  Who waits tells which mutex
 * goes with the condition; whether the signaller owns it is read by a system call, since the mutex
 * may be gone.
 *
 * A semaphore is a lock when a thread posts it that has waited for it: what waits for such a one
 * waits for a lock, what waits for another one for somebody's signal, as for a condition. */
#include <pthread.h>
#include <semaphore.h>
#include <threads.h>

#include "capture/hook_waits.h"
#include "sigsafe/arch.h"
#include "sigsafe/locks.h"

/* ---- conditions ---- */

enum { OWNER_OFFSET = 8 }; /* of glibc's pthread_mutex_t */

/* Where it is noted which mutex goes with a condition that is waited for: an odd address. */
static uintptr_t mutex_of(uintptr_t condition)
{
    return condition | 1;
}

/* The time of a signal by a thread that holds the mutex. */
static void note_signal(uintptr_t condition)
{
    const uint64_t mutex = pp_sig_lock_noted(mutex_of(condition));
    int32_t owner = 0;

    if (mutex != 0 && pp_sig_self != NULL &&
        pp_sig_arch_read_memory(pp_sig_arch_getpid(), mutex + OWNER_OFFSET, &owner, sizeof owner) &&
        owner == atomic_load_explicit(&pp_sig_self->tid, memory_order_relaxed))
        pp_sig_lock_note(condition, pp_sig_wait_ticks());
}

PP_HEAP_TEXT static void have_waited(struct pp_sig_wait *timed, uintptr_t condition,
                                     uintptr_t mutex, uintptr_t function)
{
    const uint64_t now = pp_sig_wait_ticks();
    const uint64_t signalled = pp_sig_lock_noted(condition);

    pp_sig_lock_note(mutex_of(condition), 0);
    if (pp_sig_waits_are(PP_WAITS_LOCKS) && signalled > timed->begin_ticks && now > signalled)
        pp_sig_lock_waited(timed->self, mutex, now - signalled, false, function);
    if (pp_sig_waits_are(PP_WAITS_OFFCPU))
        pp_sig_wait_end(timed, PP_WAIT_CONDITION, -1, function);
    else
        atomic_store_explicit(&timed->self->waits.since_ticks, 0, memory_order_relaxed);
}

#define CONDITION(name, parameters, arguments)                                              \
    PP_HOOK_FUNCTION int pp_hook_##name parameters;                                         \
    PP_HEAP_TEXT int pp_hook_##name parameters                                              \
    {                                                                                       \
        int(*const real) parameters = (int(*) parameters)pp_wait_real(PP_HOOK_##name);      \
        struct pp_sig_wait timed;                                                           \
        int result;                                                                         \
                                                                                            \
        if (!pp_sig_wait_begin(&timed, PP_WAITS_OFFCPU | PP_WAITS_LOCKS, PP_WAIT_CONDITION, \
                               (uintptr_t)real))                                            \
            return real arguments;                                                          \
        if (pp_sig_waits_are(PP_WAITS_LOCKS))                                               \
            pp_sig_lock_note(mutex_of((uintptr_t)condition), (uintptr_t)mutex);             \
        result = real arguments;                                                            \
        have_waited(&timed, (uintptr_t)condition, (uintptr_t)mutex, (uintptr_t)real);       \
        return result;                                                                      \
    }
CONDITION(pthread_cond_wait, (pthread_cond_t * condition, pthread_mutex_t *mutex),
          (condition, mutex))
CONDITION(pthread_cond_timedwait,
          (pthread_cond_t * condition, pthread_mutex_t *mutex, const struct timespec *until),
          (condition, mutex, until))
CONDITION(pthread_cond_clockwait,
          (pthread_cond_t * condition, pthread_mutex_t *mutex, clockid_t clock,
           const struct timespec *until),
          (condition, mutex, clock, until))
CONDITION(cnd_wait, (cnd_t * condition, mtx_t *mutex), (condition, mutex))
CONDITION(cnd_timedwait, (cnd_t * condition, mtx_t *mutex, const struct timespec *until),
          (condition, mutex, until))

#define SIGNAL(name, type)                                                         \
    PP_HOOK_FUNCTION int pp_hook_##name(type *condition);                          \
    PP_HEAP_TEXT int pp_hook_##name(type *condition)                               \
    {                                                                              \
        int (*const real)(type *) = (int (*)(type *))pp_wait_real(PP_HOOK_##name); \
                                                                                   \
        if (pp_sig_waits_are(PP_WAITS_LOCKS))                                      \
            note_signal((uintptr_t)condition);                                     \
        return real(condition);                                                    \
    }
SIGNAL(pthread_cond_signal, pthread_cond_t)
SIGNAL(pthread_cond_broadcast, pthread_cond_t)
SIGNAL(cnd_signal, cnd_t)
SIGNAL(cnd_broadcast, cnd_t)

/* ---- semaphores ---- */

/* The low half of glibc's first word is its value. */
static inline bool is_free(const sem_t *semaphore)
{
#ifdef __GLIBC__
    return __atomic_load_n((const unsigned *)semaphore, __ATOMIC_RELAXED) != 0;
#else
    (void)semaphore;
    return true;
#endif
}

/* Where it is noted that it is a lock: no other note has an odd address. */
static uintptr_t note_of(const sem_t *semaphore)
{
    return (uintptr_t)semaphore | 1;
}

static bool is_lock(const sem_t *semaphore)
{
    return pp_sig_waits_are(PP_WAITS_LOCKS) && pp_sig_lock_noted(note_of(semaphore)) != 0;
}

enum { N_HELD = sizeof((struct pp_sig_thread_waits *)NULL)->held / sizeof(uintptr_t) };

/* The newest few, in the order of their waits. */
static void hold(const sem_t *semaphore)
{
    struct pp_sig_thread *self = pp_sig_self;

    if (self == NULL || !pp_sig_waits_are(PP_WAITS_LOCKS))
        return;
    for (int i = N_HELD - 1; i > 0; i--)
        self->waits.held[i] = self->waits.held[i - 1];
    self->waits.held[0] = (uintptr_t)semaphore;
}

/* Whether the thread had waited for it. */
static bool let_go(const sem_t *semaphore)
{
    struct pp_sig_thread *self = pp_sig_self;

    for (int i = 0; self != NULL && i < N_HELD; i++)
        if (self->waits.held[i] == (uintptr_t)semaphore) {
            self->waits.held[i] = 0;
            return true;
        }
    return false;
}

#define SEMAPHORE(name, parameters, arguments)                                                  \
    PP_HOOK_FUNCTION int pp_hook_##name parameters;                                             \
    PP_HEAP_TEXT int pp_hook_##name parameters                                                  \
    {                                                                                           \
        int(*const real) parameters = (int(*) parameters)pp_wait_real(PP_HOOK_##name);          \
        struct pp_sig_lock_wait locked;                                                         \
        struct pp_sig_wait timed;                                                               \
        int result;                                                                             \
                                                                                                \
        if (is_free(semaphore)) {                                                               \
            result = real arguments;                                                            \
        } else if (is_lock(semaphore)) {                                                        \
            const bool is_timed =                                                               \
                pp_sig_lock_begin(&locked, (uintptr_t)semaphore, (uintptr_t)real);              \
            result = real arguments;                                                            \
            if (is_timed)                                                                       \
                pp_sig_lock_end(&locked, (uintptr_t)real);                                      \
        } else {                                                                                \
            const bool is_timed =                                                               \
                pp_sig_wait_begin(&timed, PP_WAITS_OFFCPU, PP_WAIT_CONDITION, (uintptr_t)real); \
            result = real arguments;                                                            \
            if (is_timed)                                                                       \
                pp_sig_wait_end(&timed, PP_WAIT_CONDITION, -1, (uintptr_t)real);                \
        }                                                                                       \
        if (result == 0)                                                                        \
            hold(semaphore);                                                                    \
        return result;                                                                          \
    }
SEMAPHORE(sem_wait, (sem_t * semaphore), (semaphore))
SEMAPHORE(sem_timedwait, (sem_t * semaphore, const struct timespec *until), (semaphore, until))
SEMAPHORE(sem_clockwait, (sem_t * semaphore, clockid_t clock, const struct timespec *until),
          (semaphore, clock, until))

PP_HOOK_FUNCTION int pp_hook_sem_post(sem_t *semaphore);
PP_HEAP_TEXT int pp_hook_sem_post(sem_t *semaphore)
{
    int (*const real)(sem_t *) = (int (*)(sem_t *))pp_wait_real(PP_HOOK_sem_post);
    uint64_t ticks = 0;
    int result;

    if (pp_sig_waits_are(PP_WAITS_LOCKS) && let_go(semaphore)) {
        pp_sig_lock_note(note_of(semaphore), 1);
        if (atomic_load_explicit(&pp_sig_n_lock_waiters, memory_order_relaxed) != 0)
            ticks = pp_sig_lock_release((uintptr_t)semaphore);
    }
    result = real(semaphore);
    if (ticks != 0)
        pp_sig_lock_charge((uintptr_t)semaphore, ticks, (uintptr_t)real);
    return result;
}
