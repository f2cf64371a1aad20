/* Waits that become events. */
#include "sigsafe/waits.h"

#include <stddef.h>

#include "sigsafe/descriptor.h"
#include "sigsafe/heap_draw.h"
#include "sigsafe/heap_text.h"
#include "sigsafe/scratch.h"
#include "sigsafe/spans.h"
#include "sigsafe/store.h"
#include "sigsafe/syscall.h"

struct pp_sig_wait_clock pp_sig_wait_clock;

static bool is_alive(const struct pp_sig_thread *thread)
{
    const uint32_t state = atomic_load_explicit(&thread->state, memory_order_acquire);

    return state == PP_SIG_THREAD_BORN || state == PP_SIG_THREAD_LIVE;
}

/* No block is claimed here: a thread that ends has given its own back, and may still wait. */
struct pp_sig_thread *pp_sig_wait_thread(void)
{
    struct pp_sig_thread *thread;

    if (pp_sig_guard != 0)
        return NULL;
    thread = pp_sig_thread_find(pp_sig_gettid());
    if (thread == NULL || !is_alive(thread))
        return NULL;
    pp_sig_self = thread;
    return thread;
}

/* ---- draws ---- */

/* 53 bits, in [0, 1). */
static double uniform(struct pp_sig_thread *self)
{
    uint64_t *random = &self->waits.random;

    if (*random == 0)
        *random = (pp_sig_wait_ticks() ^ (uint64_t)(uintptr_t)self << 20) | 1;
    return (double)(pp_sig_heap_random(random) >> 11) * 0x1p-53;
}

uint64_t pp_sig_wait_draw(struct pp_sig_thread *self, uint64_t interval_ticks)
{
    return (uint64_t)((0.5 + uniform(self)) * (double)interval_ticks) + 1;
}

/* A moment is more likely to lie in a long countdown than in a short one, and anywhere in it. */
uint64_t pp_sig_wait_draw_first(struct pp_sig_thread *self, uint64_t interval_ticks)
{
    double length;

    do
        length = 0.5 + uniform(self);
    while (uniform(self) * 1.5 >= length);
    return (uint64_t)(uniform(self) * length * (double)interval_ticks) + 1;
}

int64_t pp_sig_wait_weight(struct pp_sig_thread *self, uint64_t ticks, uint64_t interval_ticks)
{
    const double weight =
        ticks < interval_ticks ? (double)interval_ticks / (double)(ticks > 0 ? ticks : 1) : 1;

    return (int64_t)(weight + uniform(self));
}

/* ---- the event ---- */

static struct pp_sig_bounds bounds_of(const struct pp_sig_thread *thread)
{
    return (struct pp_sig_bounds){atomic_load_explicit(&thread->stack_lo, memory_order_relaxed),
                                  atomic_load_explicit(&thread->stack_hi, memory_order_acquire)};
}

/* The program's stack, with libc's function as its leaf; its beginning in 'pcs'. */
PP_HEAP_TEXT static const uint64_t *walk_here(struct pp_rec_header *header,
                                              struct pp_sig_thread *self, uint64_t *pcs,
                                              uintptr_t function, struct pp_sig_walk *walk)
{
    pp_sig_unwind_call(bounds_of(self), pp_heap_text_start, pp_heap_text_limit, pcs + 1, walk);
    if ((walk->flags & PP_WALK_NEW_CODE) != 0)
        pp_sig_tell_new_code(header, walk->flags);
    if (function == 0 || walk->n_frames >= PP_MAX_FRAMES)
        return pcs + 1;
    pcs[0] = function;
    pcs[1] += 1; /* a return address now, which is looked up one byte before */
    walk->n_frames++;
    walk->hash = (walk->hash ^ function) * UINT64_C(0x9E3779B97F4A7C15);
    walk->hash ^= walk->hash >> 32;
    walk->hash |= walk->hash == 0;
    return pcs;
}

PP_HEAP_TEXT static int store_here(struct pp_rec_header *header, struct pp_sig_thread *self,
                                   struct pp_sig_event *event, uintptr_t function)
{
    struct pp_sig_scratch *scratch = pp_sig_scratch_take();
    struct pp_sig_walk walk;
    const uint64_t *pcs;
    int result;

    if (scratch == NULL) {
        pp_sig_count_loss(header, PP_LOSS_WAIT);
        return -1;
    }
    pcs = walk_here(header, self, scratch->pcs, function, &walk);
    event->flags |= pp_sig_event_flags(walk.flags);
    result = pp_sig_thread_record(header, self) == NULL ? -1 : 0;
    if (result == 0) {
        event->time_ns = pp_sig_clock_ns(CLOCK_MONOTONIC) - pp_sig_gate->start_monotonic_ns;
        event->thread = atomic_load_explicit(&self->record, memory_order_relaxed) - 1;
        event->label_set = atomic_load_explicit(&self->label_set, memory_order_relaxed);
        event->span = pp_sig_span_number(header, self);
        result = pp_sig_store_event(header, event, pcs, &walk);
    }
    pp_sig_scratch_give(scratch);
    return result;
}

/* The thread-local may be that of a thread which has given its block back, or of a vfork()'s
 * parent. */
static bool is_mine(const struct pp_sig_thread *self)
{
    return atomic_load_explicit(&self->tid, memory_order_relaxed) == pp_sig_gettid() &&
           is_alive(self);
}

PP_HEAP_TEXT int pp_sig_wait_store(struct pp_sig_thread *self, struct pp_sig_event *event,
                                   uintptr_t function)
{
    struct pp_rec_header *header;
    int result = -1;

    if (!is_mine(self))
        return -1;
    pp_sig_enter(self);
    header = atomic_load_explicit(&pp_sig_gate->header, memory_order_acquire);
    if (header != NULL && atomic_load_explicit(&self->ignored, memory_order_relaxed) == 0 &&
        atomic_load_explicit(&pp_sig_gate->waits, memory_order_acquire) != 0 &&
        atomic_load_explicit(&pp_sig_gate->is_paused, memory_order_relaxed) == 0)
        result = store_here(header, self, event, function);
    pp_sig_leave(self);
    return result;
}

uint32_t pp_sig_wait_callers(uint64_t *pcs_out, uint32_t most)
{
    struct pp_sig_thread *self = pp_sig_self != NULL ? pp_sig_self : pp_sig_wait_thread();
    uint32_t n;

    if (self == NULL || !is_mine(self))
        return 0;
    pp_sig_enter(self);
    n = pp_sig_unwind_callers(bounds_of(self), pcs_out, most);
    pp_sig_leave(self);
    return n;
}

/* ---- how long it was ---- */

/* CPU time and run queue that is to be left out of 'ns'. */
static uint64_t overlap_of(struct pp_sig_thread *self, uint64_t ns)
{
    struct pp_sig_thread_waits *waits = &self->waits;
    const uint64_t now_ns = pp_sig_clock_ns(CLOCK_MONOTONIC);
    const uint64_t cpu_ns = pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    const uint64_t known_ns = atomic_load_explicit(&waits->overlap_ns, memory_order_relaxed);
    const uint64_t taken_ns = atomic_load_explicit(&waits->taken_off_ns, memory_order_relaxed);
    uint64_t overlap_ns = known_ns > taken_ns ? known_ns - taken_ns : 0;

    if (waits->mark_ns != 0 && cpu_ns >= waits->mark_cpu_ns) {
        const uint64_t sum_ns =
            cpu_ns - waits->mark_cpu_ns + pp_sig_wait_ns(waits->ticks - waits->mark_ticks);
        const uint64_t wall_ns = now_ns - waits->mark_ns;

        if (sum_ns > wall_ns && sum_ns - wall_ns > overlap_ns)
            overlap_ns = sum_ns - wall_ns;
    }
    waits->mark_ns = now_ns;
    waits->mark_cpu_ns = cpu_ns;
    waits->mark_ticks = waits->ticks;
    if (overlap_ns > ns)
        overlap_ns = ns;
    atomic_store_explicit(&waits->taken_off_ns, taken_ns + overlap_ns, memory_order_relaxed);
    return overlap_ns;
}

bool pp_sig_wait_is_due(struct pp_sig_thread *self, struct pp_sig_countdown *countdown,
                        uint64_t ticks, uint64_t interval_ticks, int64_t *count_out,
                        uint64_t *ticks_out)
{
    if (countdown->next_ticks == 0)
        countdown->next_ticks =
            countdown->small_ticks - ticks + pp_sig_wait_draw_first(self, interval_ticks);
    if (pp_sig_wait_is_long(ticks, interval_ticks)) {
        countdown->small_ticks -= ticks;
        *count_out = 1;
        *ticks_out = ticks;
        return true;
    }
    if (countdown->small_ticks < countdown->next_ticks)
        return false;
    *count_out = pp_sig_wait_weight(self, ticks, interval_ticks);
    /* The helper may have booked the sum just now, this wait in it. */
    *ticks_out = countdown->next_ticks > countdown->told_ticks
                     ? countdown->next_ticks - countdown->told_ticks
                     : 0;
    countdown->told_ticks = countdown->next_ticks;
    countdown->next_ticks += pp_sig_wait_draw(self, interval_ticks);
    return true;
}

PP_HEAP_TEXT void pp_sig_wait_take(struct pp_sig_thread *self, uint64_t ticks, bool is_claimed,
                                   enum pp_rec_wait kind, int descriptor, uintptr_t function)
{
    struct pp_sig_event event = {.family = PP_FAMILY_OFFCPU, .n_values = PP_WAIT_N_VALUES};
    uint64_t event_ticks, ns, overlap_ns;

    if (self->waits.is_inside != 0)
        return;
    self->waits.is_inside = 1;
    if (pp_sig_wait_is_due(self, &self->waits.small, ticks, pp_sig_wait_clock.interval_ticks,
                           &event.values[PP_WAIT_COUNT], &event_ticks)) {
        if (is_claimed)
            event.values[PP_WAIT_COUNT] = 0; /* counted with its beginning */
        ns = pp_sig_wait_ns(event_ticks);
        overlap_ns = overlap_of(self, ns);
        event.values[PP_WAIT_NS] = (int64_t)(ns - overlap_ns);
        event.flags = (uint16_t)(kind * PP_EVENT_WAIT +
                                 pp_sig_descriptor_kind(descriptor) * PP_EVENT_DESCRIPTOR);
        if (ns > overlap_ns && pp_sig_wait_store(self, &event, function) == 0)
            atomic_store_explicit(
                &self->waits.stored_ns,
                atomic_load_explicit(&self->waits.stored_ns, memory_order_relaxed) + ns -
                    overlap_ns,
                memory_order_relaxed);
    }
    self->waits.is_inside = 0;
}
