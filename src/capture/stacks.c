/* A look at all threads: where each one stands.
 *
 * Of a thread that waits the kernel tells the system call, sp and pc (/proc/self/task/T/syscall);
 * the helper walks from there through process_vm_readv.  No signal goes to it: poll, epoll_wait and
 * nanosleep would return EINTR.  Its clock, read before and after, shows that it did not run
 * meanwhile.
 *
 * A thread that runs is asked: 'look' in its block is set, and its next signal of ours answers.  So
 * that one comes soon it gets a perf event that fires once, in its own code only; where there are
 * none the signal of the sampler, with the race that this has. */
#include "capture/stacks.h"

#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "capture/delivery_watch.h"
#include "capture/sampler.h"
#include "capture/thread_place.h"
#include "capture/threads.h"
#include "sigsafe/clock.h"
#include "sigsafe/handler.h"
#include "sigsafe/look.h"

enum {
    ANSWER_NS = 50 * 1000 * 1000, /* for threads that run, or wait for a CPU */
    ANSWER_STEP_NS = 200 * 1000,
    TABLE_BUDGET_NS = 20 * 1000 * 1000,
    MOST_ATTEMPTS = 4, /* at a thread that wakes while it is looked at */
};

/* ---- one thread ---- */

static uint64_t cpu_clock_ns(const struct pp_sig_thread *thread)
{
    return pp_sig_clock_ns(
        pp_sig_thread_clock(atomic_load_explicit(&thread->tid, memory_order_relaxed)));
}

/* For how long it is known not to have run: since the first look that found its clock so. */
static int64_t idle_ns(struct pp_watch *watch, uint64_t cpu_ns)
{
    const uint64_t now_ns = pp_sig_clock_ns(CLOCK_MONOTONIC);

    if (watch->look_time_ns != 0 && watch->look_cpu_ns == cpu_ns)
        return (int64_t)(now_ns - watch->look_time_ns);
    watch->look_time_ns = now_ns;
    watch->look_cpu_ns = cpu_ns;
    return 0;
}

static void store(struct pp_session *session, struct pp_sig_thread *thread,
                  const struct pp_sig_stand *where, const uint64_t *pcs,
                  const struct pp_sig_walk *walk)
{
    struct pp_sig_stand stand = *where;

    stand.look = session->look.number;
    stand.tid = atomic_load_explicit(&thread->tid, memory_order_relaxed);
    stand.label_set = atomic_load_explicit(&thread->label_set, memory_order_relaxed);
    stand.n_threads = 1;
    if (pp_sig_thread_record(session->header, thread) != NULL)
        stand.thread = atomic_load_explicit(&thread->record, memory_order_relaxed) - 1;
    (void)pp_sig_store_stand(session->header, &stand, pcs, walk);
    session->look.n_threads++;
    pp_segments_tend(&session->segments); /* nobody else makes room meanwhile */
}

static void store_without_stack(struct pp_session *session, struct pp_sig_thread *thread,
                                const struct pp_sig_stand *where, uint64_t pseudo_pc)
{
    const struct pp_sig_walk walk = {.n_frames = 1, .flags = 0, .hash = pseudo_pc};

    store(session, thread, where, &pseudo_pc, &walk);
}

/* The first stack in code that is new waits for its rules: else it would end there. */
static bool has_learned(struct pp_session *session, const struct pp_sig_walk *walk)
{
    if ((walk->flags & PP_WALK_NEW_CODE) == 0 || session->look.has_learned)
        return false;
    session->look.has_learned = true;
    return pp_modules_refresh(session->modules, TABLE_BUDGET_NS) >= 0;
}

/* Tell where it waits.  False when it runs. */
static bool tell_waiting(struct pp_session *session, struct pp_sig_thread *thread,
                         struct pp_watch *watch)
{
    static uint64_t pcs[PP_MAX_FRAMES + 1]; /* the helper's stack is small */
    const int32_t tid = atomic_load_explicit(&thread->tid, memory_order_relaxed);
    struct pp_sig_stand where = {.call = -1};
    struct pp_sig_walk walk;
    struct pp_thread_place place;

    for (uint32_t attempt = 1;; attempt++) {
        const uint64_t cpu_ns = cpu_clock_ns(thread);

        pp_thread_place_read(tid, &place);
        if (place.state == PP_PLACE_RUNS)
            return false;
        if (place.state == PP_PLACE_GONE)
            return true;
        where.call = place.call;
        where.idle_ns = idle_ns(watch, cpu_ns);
        if (place.state == PP_PLACE_UNKNOWN)
            break;
        pp_sig_unwind_from(place.pc, place.sp, pcs, &walk);
        if (has_learned(session, &walk))
            continue;
        if (cpu_clock_ns(thread) != cpu_ns && attempt < MOST_ATTEMPTS)
            continue;
        if (cpu_clock_ns(thread) != cpu_ns)
            walk.flags |= PP_WALK_INFERRED; /* it ran while its stack was read */
        store(session, thread, &where, pcs, &walk);
        return true;
    }
    store_without_stack(session, thread, &where, PP_PC_WAITING);
    return true;
}

/* ---- threads that run ---- */

/* The perf event that can reach it, or PP_DELIVERY_NONE. */
static enum pp_rec_delivery perf_delivery_of(const struct pp_session *session,
                                             const struct pp_watch *watch, int32_t tid)
{
    enum pp_rec_delivery delivery = watch->source.delivery;

    if (delivery == PP_DELIVERY_NONE)
        delivery = session->delivery;
    if (delivery == PP_DELIVERY_PERF_TRAP && pp_delivery_is_blocked(tid, SIGTRAP))
        delivery = PP_DELIVERY_PERF_SIGNAL;
    return delivery == PP_DELIVERY_PERF_TRAP || delivery == PP_DELIVERY_PERF_SIGNAL
               ? delivery
               : PP_DELIVERY_NONE;
}

/* Make a signal come that it answers by. */
static void call_upon(struct pp_session *session, struct pp_sig_thread *thread,
                      struct pp_watch *watch)
{
    const int32_t tid = atomic_load_explicit(&thread->tid, memory_order_relaxed);
    const uint64_t hint = pp_sig_thread_hint(thread->index);
    const enum pp_rec_delivery delivery = perf_delivery_of(session, watch, tid);
    struct pp_thread_place place;

    if (session->delivery == PP_DELIVERY_TEST)
        return;
    if (delivery != PP_DELIVERY_NONE && pp_signal_install(pp_delivery_signal(delivery)) == 0 &&
        pp_source_open_once(&watch->look_source, delivery, tid, hint) == 0)
        return;
    if (pp_delivery_is_blocked(tid, SIGPROF) || pp_signal_install(SIGPROF) != 0)
        return;
    pp_thread_place_read(tid, &place); /* last: it may have gone to sleep */
    if (place.state != PP_PLACE_RUNS)
        return;
    atomic_store_explicit(&thread->is_called_upon, 1, memory_order_relaxed);
    (void)pp_sampler_signal(tid, hint);
}

static bool is_looked_at(const struct pp_sig_thread *thread)
{
    return atomic_load_explicit(&thread->state, memory_order_acquire) != PP_SIG_THREAD_ENDING &&
           atomic_load_explicit(&thread->ignored, memory_order_relaxed) == 0 &&
           atomic_load_explicit(&thread->tid, memory_order_relaxed) != 0;
}

static void look_at(struct pp_session *session, struct pp_sig_thread *thread,
                    struct pp_watch *watch)
{
    watch->is_asked = false;
    if (!is_looked_at(thread))
        return;
    watch->is_named = false; /* threads change their names */
    pp_thread_describe(session, thread, watch);
    if (tell_waiting(session, thread, watch))
        return;
    watch->is_asked = true;
    atomic_store_explicit(&thread->look, session->look.number, memory_order_release);
    call_upon(session, thread, watch);
}

static void count_open(struct pp_session *session, struct pp_sig_thread *thread,
                       struct pp_watch *watch)
{
    if (watch->is_asked && atomic_load_explicit(&thread->look, memory_order_relaxed) != 0)
        session->look.n_open++;
}

static void wait_for_answers(struct pp_session *session)
{
    const uint64_t until_ns = pp_sig_clock_ns(CLOCK_MONOTONIC) + ANSWER_NS;

    for (;;) {
        const struct timespec step = {0, ANSWER_STEP_NS};

        session->look.n_open = 0;
        pp_threads_each(session, count_open);
        if (session->look.n_open == 0 || pp_sig_clock_ns(CLOCK_MONOTONIC) >= until_ns)
            return;
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &step, NULL);
    }
}

/* One that has not answered may wait by now; else it is listed as it is. */
static void settle(struct pp_session *session, struct pp_sig_thread *thread, struct pp_watch *watch)
{
    const struct pp_sig_stand where = {.runs = 1, .call = -1};

    if (!watch->is_asked)
        return;
    watch->is_asked = false;
    pp_source_close(&watch->look_source);
    if (atomic_exchange_explicit(&thread->look, 0, memory_order_acq_rel) == 0)
        session->look.n_threads++; /* its handler has told, or does now */
    else if (is_looked_at(thread) && !tell_waiting(session, thread, watch))
        store_without_stack(session, thread, &where, PP_PC_RUNNING);
}

int32_t pp_stacks_take(struct pp_session *session)
{
    const struct pp_sig_walk no_walk = {.n_frames = 1, .flags = 0, .hash = PP_PC_WAITING};
    const uint64_t no_pc = PP_PC_WAITING;
    struct pp_sig_stand end = {.n_threads = 0};

    session->look.number = session->look.number % INT32_MAX + 1;
    session->look.n_threads = 0;
    session->look.has_learned = false;
    pp_threads_tend(session);
    pp_threads_scan(session);
    pp_threads_each(session, look_at);
    wait_for_answers(session);
    pp_threads_each(session, settle);
    pp_wait_for_handlers(NULL);
    end.look = session->look.number;
    end.tid = (int32_t)session->look.n_threads;
    (void)pp_sig_store_stand(session->header, &end, &no_pc, &no_walk);
    pp_segments_tend(&session->segments);
    return (int32_t)session->look.number;
}
