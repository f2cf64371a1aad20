/* The table of locks that are waited for, and the events of such waits. */
#include "sigsafe/locks.h"

#include <stddef.h>

#include "sigsafe/handler.h"
#include "sigsafe/heap_text.h"
#include "sigsafe/store.h"

enum {
    N_PLACES = 1024,
    MOST_PROBES = 16,
    N_NOTES = 1024,
    /* Of a place's state: the number of waiters above, the sum of their beginnings below, counted
     * from the clock's base in units of 2^UNIT_BITS ticks: a hundred nanoseconds or so, and 2^40 of
     * them are a day. */
    SUM_BITS = 52,
    UNIT_BITS = 8,
    MOST_WAITERS = 4095,
};

#define ONE_WAITER (UINT64_C(1) << SUM_BITS)
#define SUM_MASK (ONE_WAITER - 1)
#define TIME_MASK ((UINT64_C(1) << 40) - 1)

static struct place {
    _Atomic uintptr_t lock; /* stays when nobody waits any more, until another takes the place */
    _Atomic uint64_t state;
    _Atomic uint64_t released; /* when it was last, in units */
    _Atomic uintptr_t instead; /* its one waiter's lock, of which this is no more than the word */
} places[N_PLACES];

static struct note {
    _Atomic uintptr_t address;
    _Atomic uint64_t what;
} notes[N_NOTES];

_Atomic uint32_t pp_sig_n_lock_waiters;

/* Mixed twice: addresses at equal distances, as in the stacks of threads, would come to lie side by
 * side. */
static uint32_t hash_of(uintptr_t address)
{
    uint64_t hash = ((uint64_t)address >> 3) * UINT64_C(0x9E3779B97F4A7C15);

    hash ^= hash >> 32;
    return (uint32_t)(hash * UINT64_C(0xD6E8FEB86659FD93) >> 40);
}

static uint64_t unit_of(uint64_t ticks)
{
    return ((ticks - pp_sig_wait_clock.base_ticks) >> UNIT_BITS) & TIME_MASK;
}

/* ---- who waits ---- */

/* The lock's place, taken from one that nobody waits for where it has none; NULL: no room. */
static struct place *place_for(uintptr_t lock)
{
    const uint32_t first = hash_of(lock);
    struct place *idle = NULL;
    uintptr_t before;

    for (uint32_t i = 0; i < MOST_PROBES; i++) {
        struct place *place = &places[(first + i) % N_PLACES];
        const uintptr_t at = atomic_load_explicit(&place->lock, memory_order_acquire);

        if (at == lock)
            return place;
        if (idle == NULL && atomic_load_explicit(&place->state, memory_order_relaxed) == 0)
            idle = place;
        if (at == 0)
            break;
    }
    if (idle == NULL)
        return NULL;
    before = atomic_load_explicit(&idle->lock, memory_order_relaxed);
    return atomic_compare_exchange_strong_explicit(&idle->lock, &before, lock, memory_order_acq_rel,
                                                   memory_order_acquire) ||
                   before == lock
               ? idle
               : NULL;
}

static struct place *place_of(uintptr_t lock)
{
    const uint32_t first = hash_of(lock);

    for (uint32_t i = 0; i < MOST_PROBES; i++) {
        struct place *place = &places[(first + i) % N_PLACES];
        const uintptr_t at = atomic_load_explicit(&place->lock, memory_order_acquire);

        if (at == lock)
            return place;
        if (at == 0)
            return NULL;
    }
    return NULL;
}

/* 1 + its number, or 0 when the table has no room. */
static uint32_t enter(uintptr_t lock, uint64_t unit)
{
    struct place *place = place_for(lock);

    if (place == NULL ||
        atomic_load_explicit(&place->state, memory_order_relaxed) >> SUM_BITS >= MOST_WAITERS)
        return 0;
    (void)atomic_fetch_add_explicit(&place->state, ONE_WAITER + unit, memory_order_acq_rel);
    if (atomic_load_explicit(&place->lock, memory_order_acquire) != lock) {
        /* Another lock took the place meanwhile. */
        (void)atomic_fetch_sub_explicit(&place->state, ONE_WAITER + unit, memory_order_acq_rel);
        return 0;
    }
    return (uint32_t)(place - places) + 1;
}

static void leave(uint32_t number, uint64_t unit)
{
    struct place *place = &places[number - 1];
    const uint64_t released = atomic_load_explicit(&place->released, memory_order_acquire);
    const uint64_t begin = released > unit ? released : unit;
    uint64_t state = atomic_load_explicit(&place->state, memory_order_relaxed), after;

    do {
        after = (state & SUM_MASK) > begin ? state - ONE_WAITER - begin
                                           : (state - ONE_WAITER) & ~SUM_MASK;
        if (after >> SUM_BITS == 0) /* what rounding and races have left */
            after = 0;
    } while (!atomic_compare_exchange_weak_explicit(&place->state, &state, after,
                                                    memory_order_acq_rel, memory_order_relaxed));
}

/* The word is the thread's own, and has no other waiter. */
static uint32_t enter_word(uintptr_t word, uintptr_t lock)
{
    const uint32_t number = enter(word, 0);

    if (number != 0)
        atomic_store_explicit(&places[number - 1].instead, lock, memory_order_release);
    return number;
}

static void leave_word(uint32_t number)
{
    atomic_store_explicit(&places[number - 1].instead, 0, memory_order_release);
    leave(number, 0);
}

uintptr_t pp_sig_lock_by(uintptr_t word)
{
    const struct place *place = place_of(word);
    const uintptr_t lock =
        place != NULL ? atomic_load_explicit(&place->instead, memory_order_acquire) : 0;

    return lock != 0 && atomic_load_explicit(&place->lock, memory_order_acquire) == word ? lock
                                                                                         : word;
}

uint64_t pp_sig_lock_release(uintptr_t lock)
{
    const uint64_t now = unit_of(pp_sig_wait_ticks());
    struct place *place = place_of(lock);
    uint64_t state, n;

    if (place == NULL)
        return 0;
    state = atomic_load_explicit(&place->state, memory_order_relaxed);
    do {
        n = state >> SUM_BITS;
        if (n == 0)
            return 0;
    } while (!atomic_compare_exchange_weak_explicit(&place->state, &state,
                                                    n << SUM_BITS | (n * now & SUM_MASK),
                                                    memory_order_acq_rel, memory_order_relaxed));
    atomic_store_explicit(&place->released, now, memory_order_release);
    return n * now > (state & SUM_MASK) ? (n * now - (state & SUM_MASK)) << UNIT_BITS : 0;
}

/* ---- events ---- */

/* Store what a countdown has chosen: 'ticks' for a lock, of 'family'. */
PP_HEAP_TEXT static void store(struct pp_sig_thread *self, uint8_t family, uintptr_t lock,
                               int64_t count, uint64_t ticks, uintptr_t function)
{
    struct pp_sig_event event = {.family = family, .n_values = PP_WAIT_N_LOCK_VALUES};

    event.values[PP_WAIT_COUNT] = count;
    event.values[PP_WAIT_NS] = (int64_t)pp_sig_wait_ns(ticks);
    event.values[PP_WAIT_LOCK] = (int64_t)lock;
    event.flags = PP_WAIT_MUTEX * PP_EVENT_WAIT;
    (void)pp_sig_wait_store(self, &event, function);
}

/* As pp_sig_wait_take(), with a countdown of its own. */
PP_HEAP_TEXT static void count_down(struct pp_sig_thread *self, uint8_t family, uintptr_t lock,
                                    uint64_t ticks, bool is_claimed, uintptr_t function)
{
    const uint64_t interval_ticks = pp_sig_wait_clock.lock_interval_ticks;
    struct pp_sig_countdown *countdown =
        family == PP_FAMILY_LOCK ? &self->waits.waited : &self->waits.charged;
    uint64_t event_ticks;
    int64_t count;

    if (self->waits.is_inside != 0)
        return;
    self->waits.is_inside = 1;
    countdown->small_ticks += ticks;
    if (pp_sig_wait_is_due(self, countdown, ticks, interval_ticks, &count, &event_ticks))
        store(self, family, lock, is_claimed ? 0 : count, event_ticks, function);
    self->waits.is_inside = 0;
}

bool pp_sig_lock_begin(struct pp_sig_lock_wait *wait, uintptr_t lock, uintptr_t function)
{
    if (!pp_sig_wait_begin(&wait->timed, PP_WAITS_OFFCPU | PP_WAITS_LOCKS, PP_WAIT_MUTEX, function))
        return false;
    wait->timed.self->waits.lock = lock;
    wait->lock = lock;
    wait->place = wait->word_place = 0;
    if (!pp_sig_waits_are(PP_WAITS_LOCKS))
        return true;
    atomic_fetch_add_explicit(&pp_sig_n_lock_waiters, 1, memory_order_seq_cst);
    wait->place = enter(lock, unit_of(wait->timed.begin_ticks));
    if (wait->place == 0)
        atomic_fetch_sub_explicit(&pp_sig_n_lock_waiters, 1, memory_order_relaxed);
    return true;
}

bool pp_sig_lock_begin_by(struct pp_sig_lock_wait *wait, uintptr_t lock, uintptr_t word,
                          uintptr_t function)
{
    if (!pp_sig_lock_begin(wait, lock, function))
        return false;
    if (word != lock && wait->place != 0)
        wait->word_place = enter_word(word, lock);
    return true;
}

PP_HEAP_TEXT void pp_sig_lock_waited(struct pp_sig_thread *self, uintptr_t lock, uint64_t ticks,
                                     bool is_claimed, uintptr_t function)
{
    self->waits.n_contentions += !is_claimed;
    self->waits.delay_ticks += ticks;
    count_down(self, PP_FAMILY_LOCK, lock, ticks, is_claimed, function);
}

PP_HEAP_TEXT void pp_sig_lock_end(struct pp_sig_lock_wait *wait, uintptr_t function)
{
    struct pp_sig_thread *self = wait->timed.self;
    const uint64_t claimed = atomic_load_explicit(&self->waits.claimed_ticks, memory_order_relaxed);
    const uint64_t begin = claimed > wait->timed.begin_ticks ? claimed : wait->timed.begin_ticks;
    const uint64_t ticks = pp_sig_wait_ticks() - begin;

    self->waits.lock = 0;
    if (wait->word_place != 0)
        leave_word(wait->word_place);
    if (wait->place != 0) {
        leave(wait->place, unit_of(wait->timed.begin_ticks));
        atomic_fetch_sub_explicit(&pp_sig_n_lock_waiters, 1, memory_order_relaxed);
    }
    if (pp_sig_waits_are(PP_WAITS_LOCKS))
        pp_sig_lock_waited(self, wait->lock, (int64_t)ticks > 0 ? ticks : 0,
                           claimed > wait->timed.begin_ticks, function);
    if (pp_sig_waits_are(PP_WAITS_OFFCPU))
        pp_sig_wait_end(&wait->timed, PP_WAIT_MUTEX, -1, function);
    else
        atomic_store_explicit(&self->waits.since_ticks, 0, memory_order_relaxed);
}

PP_HEAP_TEXT void pp_sig_lock_charge(uintptr_t lock, uint64_t ticks, uintptr_t function)
{
    struct pp_sig_thread *self = pp_sig_self != NULL ? pp_sig_self : pp_sig_wait_thread();

    if (self != NULL && ticks != 0)
        count_down(self, PP_FAMILY_HOLDER, lock, ticks, false, function);
}

/* ---- notes ---- */

void pp_sig_lock_note(uintptr_t address, uint64_t what)
{
    struct note *note = &notes[hash_of(address) % N_NOTES];

    atomic_store_explicit(&note->address, 0, memory_order_relaxed);
    atomic_store_explicit(&note->what, what, memory_order_release);
    atomic_store_explicit(&note->address, address, memory_order_release);
}

uint64_t pp_sig_lock_noted(uintptr_t address)
{
    const struct note *note = &notes[hash_of(address) % N_NOTES];
    uint64_t what;

    if (atomic_load_explicit(&note->address, memory_order_acquire) != address)
        return 0;
    what = atomic_load_explicit(&note->what, memory_order_acquire);
    return atomic_load_explicit(&note->address, memory_order_acquire) == address ? what : 0;
}

void pp_sig_locks_reset(void)
{
    for (uint32_t i = 0; i < N_PLACES; i++) {
        atomic_store_explicit(&places[i].lock, 0, memory_order_relaxed);
        atomic_store_explicit(&places[i].state, 0, memory_order_relaxed);
        atomic_store_explicit(&places[i].released, 0, memory_order_relaxed);
        atomic_store_explicit(&places[i].instead, 0, memory_order_relaxed);
    }
    atomic_store_explicit(&pp_sig_n_lock_waiters, 0, memory_order_relaxed);
}
