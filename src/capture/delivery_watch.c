/* What can happen to a delivery while it is in use.
 *
 * A debugger that attaches owns SIGTRAP: it would stop at each of ours.  It passes SIGPROF on
 * silently, so all threads move to perf signals, and back to traps when it has left.
 *
 * A program that takes SIGTRAP through libc is no matter: the hooks keep its handler in the chain.
 * One that takes it behind them (a raw system call, a static program without wrapped functions)
 * would do so again: it gets SIGTRAP to itself, and all threads move to perf signals.  SIGPROF is
 * put back and chained: there is no third signal to go to.  Between the taking and the helper's
 * next turn (40 to 1500 ms) the program's own handler gets our signals, and SIG_DFL set in that way
 * kills: no profiler can prevent that. */
#include "capture/delivery_watch.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/proc_file.h"
#include "capture/threads.h"
#include "sigsafe/clock.h"
#include "sigsafe/handler.h"

enum {
    TRACER_SAMPLES = 20, /* each of ours stops a debugger; a look costs 15 us */
    TRACER_LEAST_NS = 200 * 1000 * 1000,
    TRACER_MOST_NS = 1000 * 1000 * 1000,
    TRACER_EARLY_NS = 50 * 1000 * 1000,  /* rather than at the turn after */
    BLOCKED_LEAST_NS = 50 * 1000 * 1000, /* CPU time without a sample that asks for a look */
    BLOCKED_PERIODS = 20,
};

/* ---- all threads at once ---- */

static void change(struct pp_session *session, struct pp_sig_thread *thread, struct pp_watch *watch)
{
    /* Those that have something less keep it. */
    if (watch->source.delivery == PP_DELIVERY_PERF_TRAP ||
        watch->source.delivery == PP_DELIVERY_PERF_SIGNAL)
        pp_thread_change_source(session, thread, watch, session->delivery);
}

static void change_all(struct pp_session *session, enum pp_rec_delivery delivery,
                       const char *reason)
{
    struct pp_rec_header *header = session->header;
    const bool is_new = reason[0] != '\0' && strcmp(header->delivery_reason, reason) != 0;

    session->delivery = delivery;
    (void)snprintf(header->delivery_reason, sizeof header->delivery_reason, "%s", reason);
    atomic_store_explicit(&header->delivery, (uint32_t)delivery, memory_order_release);
    if (!session->is_paused)
        pp_threads_each(session, change);
    if (is_new)
        pp_session_message(header, "%s", reason);
}

/* ---- a debugger ---- */

static void watch_for_tracer(struct pp_session *session)
{
    const bool is_traced = pp_delivery_tracer() != 0;

    if (is_traced && session->delivery == PP_DELIVERY_PERF_TRAP) {
        session->has_left_traps = true;
        change_all(session, PP_DELIVERY_PERF_SIGNAL,
                   "a debugger attached and owns SIGTRAP; using perf signals until it leaves");
    } else if (!is_traced && session->has_left_traps) {
        session->has_left_traps = false;
        if (session->delivery == PP_DELIVERY_PERF_SIGNAL && !pp_signal_is_foreign(SIGTRAP))
            change_all(session, PP_DELIVERY_PERF_TRAP, "");
    }
}

/* ---- our signal is taken ---- */

static void watch_for_taker(struct pp_session *session)
{
    if (session->delivery == PP_DELIVERY_PERF_TRAP && !pp_signal_is_ours(SIGTRAP)) {
        if (pp_signal_is_foreign(SIGPROF))
            pp_signal_check(SIGTRAP);
        else
            change_all(session, PP_DELIVERY_PERF_SIGNAL,
                       "the program took SIGTRAP for itself; using perf signals, which cost more");
    }
    if (session->delivery != PP_DELIVERY_PERF_TRAP || session->said_fallbacks != 0 ||
        session->has_timers)
        pp_signal_check(SIGPROF);
}

static uint64_t tracer_interval_ns(const struct pp_session *session)
{
    const uint64_t wanted_ns = TRACER_SAMPLES * session->period_ns;

    return wanted_ns < TRACER_LEAST_NS  ? TRACER_LEAST_NS
           : wanted_ns > TRACER_MOST_NS ? TRACER_MOST_NS
                                        : wanted_ns;
}

void pp_delivery_watch(struct pp_session *session, uint64_t now_ns, bool was_stopped)
{
    if (session->delivery == PP_DELIVERY_TEST)
        return;
    if (was_stopped || now_ns + TRACER_EARLY_NS >= session->next_tracer_look_ns) {
        session->next_tracer_look_ns = now_ns + tracer_interval_ns(session);
        watch_for_tracer(session);
    }
    watch_for_taker(session);
}

/* ---- threads that block it ---- */

/* SigBlk of a thread; 0 when it cannot be read. */
static uint64_t blocked_signals(int32_t tid)
{
    char path[64], text[4096];
    const char *at;

    (void)snprintf(path, sizeof path, "/proc/self/task/%d/status", tid);
    if (pp_proc_read(path, text, sizeof text) <= 0)
        return 0;
    at = strstr(text, "SigBlk:\t");
    return at == NULL ? 0 : strtoull(at + strlen("SigBlk:\t"), NULL, 16);
}

static bool has_signal(uint64_t mask, int signo)
{
    return (mask >> (signo - 1) & 1) != 0;
}

bool pp_delivery_is_blocked(int32_t tid, int signo)
{
    return has_signal(blocked_signals(tid), signo);
}

static void look_at_mask(struct pp_session *session, struct pp_sig_thread *thread,
                         struct pp_watch *watch)
{
    const int32_t tid = atomic_load_explicit(&thread->tid, memory_order_relaxed);
    const uint64_t last_ns = atomic_load_explicit(&thread->last_cpu_ns, memory_order_relaxed);
    struct pp_rec_thread *slot;
    uint64_t cpu_ns, mask;

    if (watch->source.delivery == PP_DELIVERY_NONE)
        return;
    cpu_ns = pp_sig_clock_ns(pp_sig_thread_clock(tid));
    if (cpu_ns < last_ns + BLOCKED_LEAST_NS ||
        cpu_ns < last_ns + BLOCKED_PERIODS * session->period_ns)
        return;
    mask = blocked_signals(tid);
    if (!has_signal(mask, pp_delivery_signal(watch->source.delivery)))
        return;
    if (watch->source.delivery == PP_DELIVERY_PERF_TRAP && !has_signal(mask, SIGPROF)) {
        pp_thread_change_source(session, thread, watch, PP_DELIVERY_PERF_SIGNAL);
        return;
    }
    /* It had a timer because it spends much in the kernel. */
    if (watch->source.delivery == PP_DELIVERY_CPU_TIMER &&
        session->delivery == PP_DELIVERY_PERF_TRAP && !has_signal(mask, SIGTRAP)) {
        pp_thread_change_source(session, thread, watch, PP_DELIVERY_PERF_TRAP);
        return;
    }
    slot = pp_sig_thread_record(session->header, thread);
    if (slot == NULL)
        return;
    atomic_fetch_or_explicit(&slot->flags, PP_THREAD_BLOCKS_SIGNAL, memory_order_relaxed);
    pp_sig_book_remainder(session->header, thread, cpu_ns);
}

void pp_delivery_look_at_masks(struct pp_session *session)
{
    pp_threads_each(session, look_at_mask);
}
