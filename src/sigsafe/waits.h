/* Waits of a thread, timed at the boundary of libc's blocking calls.
 *
 * The hooks (capture/hook_wait_*.c) stand around such a call: pp_sig_wait_begin() and
 * pp_sig_wait_end().  A wait of half an interval or more is an event of its own.  Shorter ones are
 * added up, and each half to one and a half intervals of that sum pick the wait in which they end:
 * it stands for all time since the last, and for interval / its own length of waits, so that sums
 * of both are unbiased and that of times is exact.  (The next countdown begins where the last has
 * ended, in the middle of a wait: begun at the wait's end, it would pick a quarter too few.)
 *
 * A call in which the thread has kept its CPU (sigsafe/kept_cpu.h) was no wait, and its end is not
 * timed.  What a thread used of the CPU, or waited for one, in such a call is no wait: of the sum
 * of waits and CPU time that exceeds the time that has gone by so much is left out (of CPU time by
 * the thread itself, of both by the helper, which knows how long it was in the run queue).
 *
 * Writers: the thread itself; 'claimed_ticks' and 'overlap_ns': the helper (capture/waits.c).
 * Readers: the helper. */
#ifndef PP_SIGSAFE_WAITS_H
#define PP_SIGSAFE_WAITS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "recording/layout.h"
#include "sigsafe/clock.h"
#include "sigsafe/handler.h"
#include "sigsafe/kept_cpu.h"
#include "sigsafe/sigsafe.h"
#include "sigsafe/threads.h"

/* Bits of pp_sig_gate->waits. */
enum { PP_WAITS_OFFCPU = 1, PP_WAITS_LOCKS = 2 };

/* How waits are measured; set by the helper before the gate says that they are. */
struct pp_sig_wait_clock {
    uint32_t uses_tsc;            /* ticks are the CPU's; else they are nanoseconds */
    _Atomic uint64_t ns_q32;      /* nanoseconds a tick, times 2^32 */
    uint64_t base_ticks, base_ns; /* that were the same moment, of CLOCK_MONOTONIC */
    uint64_t interval_ticks, lock_interval_ticks;
    uint64_t least_ticks; /* no thread gives up its CPU and has it again in less */
};
extern struct pp_sig_wait_clock pp_sig_wait_clock;

/* One that is under way, on the stack of the hook. */
struct pp_sig_wait {
    struct pp_sig_thread *self;
    uint64_t begin_ticks, ticks_before; /* the thread's sum then: a handler's waits are in it */
    uint64_t kept_cpu;                  /* of sigsafe/kept_cpu.h */
};

static inline uint64_t pp_sig_wait_ticks(void)
{
#if defined(__x86_64__)
    if (__builtin_expect(pp_sig_wait_clock.uses_tsc != 0, 1))
        return __builtin_ia32_rdtsc();
#endif
    return pp_sig_clock_ns(CLOCK_MONOTONIC);
}

/* How long so many ticks are. */
static inline uint64_t pp_sig_wait_ns(uint64_t ticks)
{
    const uint64_t factor = atomic_load_explicit(&pp_sig_wait_clock.ns_q32, memory_order_relaxed);

    return (uint64_t)(((unsigned __int128)ticks * factor) >> 32);
}

/* Likewise, the moment of CLOCK_MONOTONIC. */
static inline uint64_t pp_sig_wait_moment_ns(uint64_t ticks)
{
    const int64_t distance = (int64_t)(ticks - pp_sig_wait_clock.base_ticks);

    return distance >= 0 ? pp_sig_wait_clock.base_ns + pp_sig_wait_ns((uint64_t)distance)
                         : pp_sig_wait_clock.base_ns - pp_sig_wait_ns((uint64_t)-distance);
}

static inline bool pp_sig_waits_are(uint32_t bits)
{
    return pp_sig_gate != NULL &&
           (atomic_load_explicit(&pp_sig_gate->waits, memory_order_relaxed) & bits) != 0;
}

/* The block of a thread that has not been here before, or NULL: nothing of it is to be timed. */
PP_SIG struct pp_sig_thread *pp_sig_wait_thread(void);

/* Half an interval or more: that is an event. */
static inline bool pp_sig_wait_is_long(uint64_t ticks, uint64_t interval_ticks)
{
    return ticks >= interval_ticks / 2;
}

/* The calling thread may wait now.  False: its waits are not timed, and end is not to be called. */
static inline __attribute__((always_inline)) bool pp_sig_wait_begin(struct pp_sig_wait *wait,
                                                                    uint32_t bits,
                                                                    enum pp_rec_wait kind,
                                                                    uintptr_t function)
{
    struct pp_sig_thread *self = pp_sig_self;

    if (!pp_sig_waits_are(bits))
        return false;
    if (__builtin_expect(self == NULL, 0) && (self = pp_sig_wait_thread()) == NULL)
        return false;
    wait->self = self;
    wait->ticks_before = self->waits.ticks;
    wait->begin_ticks = pp_sig_wait_ticks();
    self->waits.frame = (uintptr_t)wait;
    self->waits.function = function;
    self->waits.kind = kind;
    atomic_store_explicit(&self->waits.since_ticks, wait->begin_ticks, memory_order_relaxed);
    wait->kept_cpu = pp_sig_keep_cpu(&self->waits.n_marks);
    return true;
}

/* A wait of 'ticks' that is an event, or one that ends a countdown.  'is_claimed': the helper has
 * recorded its beginning. */
PP_SIG void pp_sig_wait_take(struct pp_sig_thread *self, uint64_t ticks, bool is_claimed,
                             enum pp_rec_wait kind, int descriptor, uintptr_t function);

/* The innermost 'most' frames that have called this, ours among them, as return addresses; how many
 * there are. */
PP_SIG uint32_t pp_sig_wait_callers(uint64_t *pcs_out, uint32_t most);

/* And has ended.  'descriptor': that it was for, or -1; 'function': libc's, the leaf of the stack.
 * Without system calls but for the waits that become events. */
static inline __attribute__((always_inline)) void pp_sig_wait_end(const struct pp_sig_wait *wait,
                                                                  enum pp_rec_wait kind,
                                                                  int descriptor,
                                                                  uintptr_t function)
{
    struct pp_sig_thread *self = wait->self;
    uint64_t begin_ticks = wait->begin_ticks, end_ticks, nested_ticks, claimed_ticks, ticks;

    self->waits.n++;
    if (pp_sig_has_kept_cpu(&self->waits.n_marks, wait->kept_cpu)) {
        atomic_store_explicit(&self->waits.since_ticks, 0, memory_order_relaxed);
        return;
    }
    end_ticks = pp_sig_wait_ticks();
    nested_ticks = self->waits.ticks - wait->ticks_before;
    atomic_store_explicit(&self->waits.since_ticks, 0, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    claimed_ticks = atomic_load_explicit(&self->waits.claimed_ticks, memory_order_relaxed);
    if (__builtin_expect(claimed_ticks > begin_ticks, 0))
        begin_ticks = claimed_ticks;
    ticks = end_ticks - begin_ticks - nested_ticks;
    if (__builtin_expect((int64_t)ticks < 0, 0)) /* clocks of two CPUs, or a claim just now */
        ticks = 0;
    if (ticks < pp_sig_wait_clock.least_ticks)
        return;
    self->waits.ticks += ticks;
    self->waits.small.small_ticks += ticks;
    if (__builtin_expect(self->waits.small.small_ticks >= self->waits.small.next_ticks ||
                             pp_sig_wait_is_long(ticks, pp_sig_wait_clock.interval_ticks),
                         0))
        pp_sig_wait_take(self, ticks, claimed_ticks > wait->begin_ticks, kind, descriptor,
                         function);
}

/* The next countdown, from the thread's own random numbers: half to one and a half intervals. */
PP_SIG uint64_t pp_sig_wait_draw(struct pp_sig_thread *self, uint64_t interval_ticks);
/* The first of all: as if it had begun long ago. */
PP_SIG uint64_t pp_sig_wait_draw_first(struct pp_sig_thread *self, uint64_t interval_ticks);
/* Whether a wait of 'ticks', which is in the countdown's sum already, is an event by itself or the
 * one that a countdown ends in; then how many waits and ticks the event stands for. */
PP_SIG bool pp_sig_wait_is_due(struct pp_sig_thread *self, struct pp_sig_countdown *countdown,
                               uint64_t ticks, uint64_t interval_ticks, int64_t *count_out,
                               uint64_t *ticks_out);
/* interval / ticks as a whole number, at random so that the mean is right. */
PP_SIG int64_t pp_sig_wait_weight(struct pp_sig_thread *self, uint64_t ticks,
                                  uint64_t interval_ticks);

/* What is stored of a wait, with the stack of the call that led to us; family, values and flags
 * are set.  0, or -1 when there was no room (counted). */
struct pp_sig_event;
PP_SIG int pp_sig_wait_store(struct pp_sig_thread *self, struct pp_sig_event *event,
                             uintptr_t function);

#endif
