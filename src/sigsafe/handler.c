/* The handler of our signals: it records where its thread is. */
#include "sigsafe/handler.h"

#include <stddef.h>
#include <string.h>
#include <ucontext.h>

#include "sigsafe/arch.h"
#include "sigsafe/chain.h"
#include "sigsafe/clock.h"
#include "sigsafe/entry.h"
#include "sigsafe/look.h"
#include "sigsafe/scratch.h"
#include "sigsafe/spans.h"
#include "sigsafe/store.h"
#include "sigsafe/syscall.h"

enum {
    TRAP_PERF_CODE = 6, /* si_code of a perf event's sigtrap; older headers do not name it */
    PERF_DATA_OFFSET =
        24, /* of si_perf_data in siginfo_t on 64-bit machines (asm-generic/siginfo.h) */
    COST_SAMPLED_EVERY = 16, /* handlers whose duration is measured */
};

struct pp_sig_gate *pp_sig_gate;

void pp_sig_enter(struct pp_sig_thread *thread)
{
    /* Sequentially consistent: ordered before the load of the gate and of published pointers, so
     * that the helper, which changes those first and looks at 'busy' then, sees us or we see the
     * change. */
    atomic_store_explicit(&thread->busy,
                          atomic_load_explicit(&thread->busy, memory_order_relaxed) + 1,
                          memory_order_seq_cst);
}

void pp_sig_leave(struct pp_sig_thread *thread)
{
    const uint32_t outer = atomic_load_explicit(&thread->busy, memory_order_relaxed) - 1;

    /* A handler that interrupted our own code between enter and leave: that goes on, and what it
     * holds must stay. */
    if (outer == 0)
        atomic_store_explicit(&thread->n_exits,
                              atomic_load_explicit(&thread->n_exits, memory_order_relaxed) + 1,
                              memory_order_release);
    atomic_store_explicit(&thread->busy, outer, memory_order_release);
}

/* A slot of the thread table with memory behind it: its index, or 0 when there is none. */
static uint32_t take_slot(struct pp_rec_header *header)
{
    uint32_t index = atomic_load_explicit(&header->threads.n_items, memory_order_relaxed);

    while (pp_sig_table_item(header, &header->threads, index) != NULL)
        if (atomic_compare_exchange_weak_explicit(&header->threads.n_items, &index, index + 1,
                                                  memory_order_acq_rel, memory_order_relaxed))
            return index;
    return 0;
}

struct pp_rec_thread *pp_sig_thread_record(struct pp_rec_header *header,
                                           struct pp_sig_thread *thread)
{
    const uint32_t session = atomic_load_explicit(&pp_sig_gate->session, memory_order_relaxed);
    uint32_t record = atomic_load_explicit(&thread->record, memory_order_relaxed);

    if (record == 0 || atomic_load_explicit(&thread->session, memory_order_relaxed) != session) {
        const uint32_t index = take_slot(header);

        if (index == 0) {
            pp_sig_count_loss(header, PP_LOSS_NO_THREAD_SLOT);
            record = 1; /* slot 0 is [other threads] */
        } else {
            struct pp_rec_thread *slot = pp_sig_table_item(header, &header->threads, index);
            slot->start_ns = pp_sig_clock_ns(CLOCK_MONOTONIC) - pp_sig_gate->start_monotonic_ns;
            atomic_store_explicit(
                &slot->tid, (uint32_t)atomic_load_explicit(&thread->tid, memory_order_relaxed),
                memory_order_release);
            record = index + 1;
        }
        atomic_store_explicit(&thread->session, session, memory_order_relaxed);
        atomic_store_explicit(&thread->record, record, memory_order_release);
    }
    return pp_sig_table_item(header, &header->threads, record - 1);
}

static void add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* Only the thread itself adds to what its handler counts in its own slot: no locked instruction is
 * needed.  Slot 0 is shared. */
static void add_own(const struct pp_sig_event *event, _Atomic uint64_t *counter, uint64_t n)
{
    if (event->thread == 0)
        add(counter, n);
    else
        atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                              memory_order_relaxed);
}

/* Take the thread's CPU time up to 'cpu_ns' that is not booked yet.  A handler may interrupt the
 * thread here, and the helper may book at the same time: each nanosecond goes to one of them. */
static uint64_t take_time(struct pp_sig_thread *thread, uint64_t cpu_ns)
{
    uint64_t last = atomic_load_explicit(&thread->last_cpu_ns, memory_order_relaxed);

    while (cpu_ns > last)
        if (atomic_compare_exchange_weak_explicit(&thread->last_cpu_ns, &last, cpu_ns,
                                                  memory_order_relaxed, memory_order_relaxed))
            return cpu_ns - last;
    return 0;
}

void pp_sig_book_remainder(struct pp_rec_header *header, struct pp_sig_thread *thread,
                           uint64_t cpu_ns)
{
    const uint64_t pcs[1] = {PP_PC_UNSAMPLED};
    const struct pp_sig_walk walk = {.n_frames = 1, .flags = 0, .hash = PP_PC_UNSAMPLED};
    struct pp_rec_thread *slot = pp_sig_thread_record(header, thread);
    const uint64_t delta_ns = slot == NULL ? 0 : take_time(thread, cpu_ns);
    struct pp_sig_event event;

    if (delta_ns == 0)
        return;
    event.time_ns = pp_sig_clock_ns(CLOCK_MONOTONIC) - pp_sig_gate->start_monotonic_ns;
    event.thread = atomic_load_explicit(&thread->record, memory_order_relaxed) - 1;
    event.label_set = event.span = 0;
    event.flags = PP_EVENT_REMAINDER;
    event.family = PP_FAMILY_CPU;
    event.n_values = 2;
    event.values[0] = 0;
    event.values[1] = (int64_t)delta_ns;
    if (pp_sig_store_event(header, &event, pcs, &walk) == 0)
        add(&slot->unsampled_ns, delta_ns);
    else
        add(&header->lost_ns, delta_ns);
}

static int is_paused(void)
{
    return atomic_load_explicit(&pp_sig_gate->is_paused, memory_order_relaxed) != 0;
}

void pp_sig_sample(struct pp_rec_header *header, struct pp_sig_thread *thread, const void *context)
{
    struct pp_sig_scratch *scratch = pp_sig_scratch_take();

    if (scratch == NULL) {
        /* The stack is lost; the time stays the thread's. */
        pp_sig_count_loss(header, PP_LOSS_NO_SCRATCH);
        if (is_paused()) /* a look at all threads was all that was wanted */
            return;
        pp_sig_book_remainder(header, thread, pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID));
        return;
    }
    pp_sig_sample_on(scratch->stack + sizeof scratch->stack, header, thread, context, scratch);
    pp_sig_scratch_give(scratch);
}

static void wake(struct pp_rec_header *header)
{
    atomic_fetch_add_explicit(&header->command_block.futex, 1, memory_order_release);
    pp_sig_futex_wake((void *)&header->command_block.futex);
}

/* It is woken once till it looks. */
void pp_sig_tell_new_code(struct pp_rec_header *header, uint32_t walk)
{
    const uint32_t seen = (walk & PP_WALK_INFERRED) != 0 ? PP_NEW_CODE_UNKNOWN : PP_NEW_CODE_SLOW;

    if (atomic_load_explicit(&pp_sig_gate->saw_new_code, memory_order_relaxed) >= seen ||
        atomic_exchange_explicit(&pp_sig_gate->saw_new_code, seen, memory_order_relaxed) >= seen)
        return;
    if (seen == PP_NEW_CODE_UNKNOWN)
        wake(header);
}

void pp_sig_walk_thread(struct pp_rec_header *header, const struct pp_sig_thread *thread,
                        const void *context, uint64_t *pcs, struct pp_sig_walk *walk)
{
    pp_sig_unwind(
        context,
        (struct pp_sig_bounds){atomic_load_explicit(&thread->stack_lo, memory_order_relaxed),
                               atomic_load_explicit(&thread->stack_hi, memory_order_acquire)},
        pcs, walk);
    if ((walk->flags & PP_WALK_NEW_CODE) != 0)
        pp_sig_tell_new_code(header, walk->flags);
}

static inline __attribute__((always_inline)) void sample_here(struct pp_rec_header *header,
                                                              struct pp_sig_thread *thread,
                                                              const void *context,
                                                              struct pp_sig_scratch *scratch)
{
    const uint64_t cpu_ns = pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    const uint64_t time_ns = pp_sig_clock_ns(CLOCK_MONOTONIC) - pp_sig_gate->start_monotonic_ns;
    const uint64_t delta_ns = take_time(thread, cpu_ns);
    struct pp_rec_thread *slot = pp_sig_thread_record(header, thread);
    struct pp_sig_walk walk;
    struct pp_sig_event event;

    if (slot == NULL) {
        pp_sig_count_loss(header, PP_LOSS_NO_THREAD_SLOT);
        add(&header->lost_ns, delta_ns);
        return;
    }
    pp_sig_walk_thread(header, thread, context, scratch->pcs, &walk);
    if ((walk.flags & PP_WALK_SLOW_READS) != 0 &&
        atomic_load_explicit(&thread->thread_pointer, memory_order_relaxed) == 0)
        atomic_store_explicit(&thread->thread_pointer, pp_sig_arch_thread_pointer(),
                              memory_order_relaxed);
    event.time_ns = time_ns;
    event.thread = atomic_load_explicit(&thread->record, memory_order_relaxed) - 1;
    event.label_set = atomic_load_explicit(&thread->label_set, memory_order_relaxed);
    event.span = pp_sig_span_sample(header, thread, scratch->pcs[0]);
    event.flags = pp_sig_event_flags(walk.flags);
    event.family = PP_FAMILY_CPU;
    event.n_values = 2;
    event.values[0] = 1;
    event.values[1] = (int64_t)delta_ns;
    if (pp_sig_store_event(header, &event, scratch->pcs, &walk) == 0) {
        add_own(&event, &slot->n_samples, 1);
        add_own(&event, &slot->sampled_ns, delta_ns);
        if ((event.flags & PP_EVENT_TRUNCATED) != 0)
            add(&header->n_truncated, 1);
        if ((event.flags & PP_EVENT_INFERRED) != 0)
            add(&header->n_inferred, 1);
        /* By the thread as well: of many that take few samples each, some are measured.  By its
         * CPU clock: a handler may have to wait for a CPU. */
        if ((atomic_load_explicit(&slot->n_samples, memory_order_relaxed) + event.thread) %
                COST_SAMPLED_EVERY ==
            0)
            add(&header->handler_cpu_ns,
                (pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_ns) * COST_SAMPLED_EVERY);
    } else {
        add(&header->lost_ns, delta_ns);
    }
}

void pp_sig_sample_here(struct pp_rec_header *header, struct pp_sig_thread *thread,
                        const void *context, struct pp_sig_scratch *scratch)
{
    uint32_t look = atomic_load_explicit(&thread->look, memory_order_relaxed);

    if (__builtin_expect(look != 0, 0)) {
        /* The helper may have given up: whoever takes the number tells where the thread stands. */
        look = atomic_exchange_explicit(&thread->look, 0, memory_order_acq_rel);
        if (look == PP_LOOK_HOLD)
            pp_sig_hold_here();
        else if (look != 0)
            pp_sig_look_here(header, thread, context, scratch, look);
        if (look != 0 || is_paused())
            return;
    }
    sample_here(header, thread, context, scratch);
}

/* Above RLIMIT_SIGPENDING the kernel still delivers the sampler's signal but forgets what came with
 * it.  What else looks so is a kill() from outside the process's pid namespace. */
static int is_called_by_sampler(const siginfo_t *info)
{
    struct pp_sig_thread *thread;

    if (info->si_code != SI_USER || info->si_pid != 0)
        return 0;
    thread = pp_sig_thread_find(pp_sig_gettid());
    return thread != NULL &&
           atomic_load_explicit(&thread->is_called_upon, memory_order_relaxed) != 0;
}

void pp_sig_wake_dozing(struct pp_rec_header *header)
{
    if (atomic_load_explicit(&pp_sig_gate->helper_dozes, memory_order_relaxed) == 0 ||
        atomic_exchange_explicit(&pp_sig_gate->helper_dozes, 0, memory_order_relaxed) == 0)
        return;
    wake(header);
}

/* 1 when the signal is ours; then *index_out is the thread block it was sent for, or
 * PP_HINT_LOOK_UP. */
static int is_ours(int signo, const siginfo_t *info, uint32_t *index_out)
{
    uint64_t data;

    if (signo == SIGTRAP && info->si_code == TRAP_PERF_CODE) {
        memcpy(&data, (const char *)info + PERF_DATA_OFFSET, sizeof data);
        return pp_sig_hint_index(data, index_out);
    }
    if (signo == SIGPROF && (info->si_code == SI_TIMER || info->si_code == PP_SI_SAMPLER))
        return pp_sig_hint_index((uint64_t)(uintptr_t)info->si_value.sival_ptr, index_out);
    /* F_SETSIG: a POLL_* code.  Only a descriptor's owner gets those, and SIGPROF was asked for by
     * us. */
    *index_out = PP_HINT_LOOK_UP;
    return signo == SIGPROF &&
           ((info->si_code >= POLL_IN && info->si_code <= POLL_HUP) || is_called_by_sampler(info));
}

/* Not one that has booked its last, nor a block given back since the signal was sent. */
static int is_in_use(const struct pp_sig_thread *thread)
{
    const uint32_t state = atomic_load_explicit(&thread->state, memory_order_relaxed);

    return state != PP_SIG_THREAD_FREE && state != PP_SIG_THREAD_ENDING;
}

/* One that a CPU timer brought costs less than others. */
static void count_timer(struct pp_rec_header *header, struct pp_sig_thread *thread)
{
    struct pp_rec_thread *slot = pp_sig_thread_record(header, thread);

    if (slot != NULL)
        atomic_fetch_add_explicit(&slot->n_by_timer, 1, memory_order_relaxed);
}

/* Touches no thread-local, errno neither: a thread of clone() may have none, or its parent's. */
void pp_sig_handle(int signo, siginfo_t *info, void *context)
{
    struct pp_rec_header *header;
    struct pp_sig_thread *thread;
    uint32_t index;

    if (!is_ours(signo, info, &index)) {
        pp_sig_chain_call(signo, info, context);
        return;
    }
    thread = index == PP_HINT_LOOK_UP ? pp_sig_thread_running() : pp_sig_thread_at(index);
    if (thread == NULL)
        return;
    pp_sig_enter(thread);
    header = atomic_load_explicit(&pp_sig_gate->header, memory_order_acquire);
    if (header != NULL &&
        (!is_paused() || atomic_load_explicit(&thread->look, memory_order_relaxed) != 0) &&
        is_in_use(thread) && atomic_load_explicit(&thread->ignored, memory_order_relaxed) == 0) {
        pp_sig_sample(header, thread, context);
        if (info->si_code == SI_TIMER)
            count_timer(header, thread);
        pp_sig_wake_dozing(header);
    }
    pp_sig_leave(thread);
}
