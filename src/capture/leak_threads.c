/* Stacks and registers of threads.
 *
 * Of a thread that waits /proc/self/task/T/syscall tells the stack pointer and the arguments of its
 * system call.  What lies below is left over from calls that have returned, and hides leaks.  Its
 * other registers are not told, and libc's calls save few of them (docs/limits.md).  No signal goes
 * to it: poll, epoll_wait and nanosleep would return EINTR.
 *
 * A thread that runs gets a perf event that fires once, in its own code, and stays in the handler
 * until the copy is made: all its registers are in the kernel's frame on its stack, and none of
 * them has changed since, which a look before the copy could not promise. */
#include "capture/leak_threads.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "capture/delivery_watch.h"
#include "capture/proc_file.h"
#include "capture/threads.h"
#include "sigsafe/clock.h"
#include "sigsafe/handler.h"
#include "sigsafe/look.h"
#include "sigsafe/syscall.h"

enum { N_WORDS = 8, N_ARGUMENTS = 6, RED_ZONE_BYTES = 128, STEP_NS = 50 * 1000 };

/* The helper's own; one look at a time. */
static struct pp_leak_scan *scan_now;
static struct pp_leak_threads *threads_now;
static uint32_t n_open;

/* "NUMBER six arguments SP PC", or "-1 SP PC" where it waits outside of any call.  How many numbers
 * follow the first; 0: it runs, or nothing is told. */
static uint32_t read_words(int32_t tid, uint64_t *words)
{
    char path[64], text[256];
    char *at, *end;
    uint32_t n = 0;

    (void)snprintf(path, sizeof path, "/proc/self/task/%d/syscall", tid);
    if (pp_proc_read(path, text, sizeof text) <= 0 ||
        strncmp(text, "running", strlen("running")) == 0)
        return 0;
    (void)strtoll(text, &at, 10);
    for (; at != text && n < N_WORDS; at = end, n++) {
        words[n] = strtoull(at, &end, 16);
        if (end == at)
            break;
    }
    return n;
}

static uint64_t cpu_ns_of(int32_t tid)
{
    return pp_sig_clock_ns(pp_sig_thread_clock(tid));
}

static void add_words(struct pp_leak_scan *scan, const uint64_t *words, uint32_t n)
{
    for (uint32_t i = 0; i < n && scan->n_words < PP_LEAK_MAX_WORDS; i++)
        scan->words[scan->n_words++] = words[i];
}

/* ---- threads that wait ---- */

/* False: it runs, or nothing is told. */
static bool take_waiting(const struct pp_sig_thread *thread)
{
    struct pp_leak_scan *scan = scan_now;
    const int32_t tid = atomic_load_explicit(&thread->tid, memory_order_relaxed);
    const uint64_t cpu_ns = cpu_ns_of(tid);
    const uint64_t low = atomic_load_explicit(&thread->stack_lo, memory_order_relaxed);
    const uint64_t high = atomic_load_explicit(&thread->stack_hi, memory_order_acquire);
    uint64_t words[N_WORDS];
    const uint32_t n = read_words(tid, words);
    uint64_t sp;

    if (n < 2)
        return false;
    if (n == N_WORDS)
        add_words(scan, words, N_ARGUMENTS);
    sp = words[n - 2] - RED_ZONE_BYTES;
    /* On a stack of the program's own making nothing is known of what lies below. */
    if (sp > low && sp < high && scan->n_skips < PP_LEAK_MAX_SKIPS)
        scan->skips[scan->n_skips++] =
            (struct pp_leak_skip){.start = low, .limit = sp, .cpu_ns = cpu_ns, .tid = tid};
    return true;
}

/* ---- threads that run ---- */

static bool is_perf(enum pp_rec_delivery delivery)
{
    return delivery == PP_DELIVERY_PERF_TRAP || delivery == PP_DELIVERY_PERF_SIGNAL;
}

/* What can reach it without ending a call of its: a perf event, or nothing. */
static enum pp_rec_delivery delivery_for(const struct pp_session *session,
                                         const struct pp_watch *watch, int32_t tid)
{
    enum pp_rec_delivery delivery =
        is_perf(watch->source.delivery) ? watch->source.delivery : session->delivery;

    if ((session->settings.kinds & PPROFC_KIND_CPU) == 0) /* none was chosen */
        delivery = pp_delivery_tracer() != 0 || pp_signal_is_foreign(SIGTRAP)
                       ? PP_DELIVERY_PERF_SIGNAL
                       : PP_DELIVERY_PERF_TRAP;
    if (delivery == PP_DELIVERY_PERF_TRAP && pp_delivery_is_blocked(tid, SIGTRAP))
        delivery = PP_DELIVERY_PERF_SIGNAL;
    return is_perf(delivery) ? delivery : PP_DELIVERY_NONE;
}

static bool call_to_hold(const struct pp_session *session, struct pp_sig_thread *thread,
                         struct pp_watch *watch)
{
    const int32_t tid = atomic_load_explicit(&thread->tid, memory_order_relaxed);
    const enum pp_rec_delivery delivery = delivery_for(session, watch, tid);

    if (atomic_load_explicit(&thread->ignored, memory_order_relaxed) != 0 ||
        delivery == PP_DELIVERY_NONE || pp_signal_install(pp_delivery_signal(delivery)) != 0)
        return false;
    atomic_store_explicit(&thread->look, PP_LOOK_HOLD, memory_order_release);
    if (pp_source_open_once(&watch->look_source, delivery, tid,
                            pp_sig_thread_hint(thread->index)) == 0)
        return true;
    atomic_store_explicit(&thread->look, 0, memory_order_release);
    return false;
}

static void look_at(struct pp_session *session, struct pp_sig_thread *thread,
                    struct pp_watch *watch)
{
    watch->is_asked = false;
    if (take_waiting(thread))
        return;
    threads_now->n_ran++;
    if (threads_now->held_since_ns == 0)
        threads_now->held_since_ns = pp_sig_clock_ns(CLOCK_MONOTONIC);
    watch->is_asked = call_to_hold(session, thread, watch);
    threads_now->n_unseen += !watch->is_asked;
}

static void stop_calling(struct pp_watch *watch)
{
    if (watch->is_asked)
        pp_source_close(&watch->look_source);
    watch->is_asked = false;
}

/* Whoever takes the number stays in its handler. */
static bool is_held(const struct pp_sig_thread *thread)
{
    return atomic_load_explicit(&thread->look, memory_order_acquire) != PP_LOOK_HOLD;
}

/* One that has gone to sleep instead is as others that wait. */
static void count_open(struct pp_session *session, struct pp_sig_thread *thread,
                       struct pp_watch *watch)
{
    (void)session;
    if (!watch->is_asked || is_held(thread))
        return;
    if (take_waiting(thread))
        stop_calling(watch);
    else
        n_open++;
}

static void wait_for_held(struct pp_session *session, uint64_t until_ns)
{
    const struct timespec step = {0, STEP_NS};

    for (;;) {
        n_open = 0;
        pp_threads_each(session, count_open);
        if (n_open == 0 || pp_sig_clock_ns(CLOCK_MONOTONIC) >= until_ns)
            break;
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &step, NULL);
    }
    threads_now->n_unseen += n_open;
}

/* ---- what that will cost ---- */

static uint64_t longest_turn_ns;

/* What a thread waits for a processor before a turn, on average (Documentation/scheduler/
 * sched-stats.rst: time run, time waited, turns). */
static void count_turn(struct pp_session *session, struct pp_sig_thread *thread,
                       struct pp_watch *watch)
{
    const int32_t tid = atomic_load_explicit(&thread->tid, memory_order_relaxed);
    uint64_t words[N_WORDS], waited_ns, n_turns;
    char path[64], text[128], *at;

    (void)session, (void)watch;
    if (read_words(tid, words) >= 2)
        return;
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/schedstat", tid);
    if (pp_proc_read(path, text, sizeof text) <= 0)
        return;
    (void)strtoull(text, &at, 10);
    waited_ns = strtoull(at, &at, 10);
    n_turns = strtoull(at, &at, 10);
    if (n_turns > 0 && waited_ns / n_turns > longest_turn_ns)
        longest_turn_ns = waited_ns / n_turns;
}

uint64_t pp_leak_threads_predict_ns(struct pp_session *session)
{
    longest_turn_ns = 0;
    pp_threads_scan(session);
    pp_threads_each(session, count_turn);
    return longest_turn_ns;
}

void pp_leak_threads_look(struct pp_session *session, struct pp_leak_scan *scan, uint64_t hold_ns,
                          struct pp_leak_threads *threads_out)
{
    static uint32_t n_looks;

    scan_now = scan;
    threads_now = threads_out;
    *threads_out = (struct pp_leak_threads){.n_ran = 0};
    n_looks = n_looks % INT32_MAX + 1;
    atomic_store_explicit(&pp_sig_gate->hold, n_looks, memory_order_release);
    pp_threads_tend(session);
    pp_threads_scan(session);
    pp_threads_each(session, look_at);
    if (threads_out->n_ran > threads_out->n_unseen)
        wait_for_held(session, threads_out->held_since_ns + hold_ns);
}

/* The number stays where it was not taken: it will be, for nothing. */
static void forget(struct pp_session *session, struct pp_sig_thread *thread, struct pp_watch *watch)
{
    (void)session, (void)thread;
    stop_calling(watch);
}

void pp_leak_threads_release(struct pp_session *session)
{
    atomic_store_explicit(&pp_sig_gate->hold, 0, memory_order_release);
    pp_sig_futex_wake((void *)&pp_sig_gate->hold);
    pp_threads_each(session, forget);
}

void pp_leak_threads_check(struct pp_leak_scan *scan, struct pp_leak_threads *threads)
{
    for (uint32_t i = 0; i < scan->n_skips; i++) {
        struct pp_leak_skip *skip = &scan->skips[i];
        skip->is_void = skip->tid != 0 && cpu_ns_of(skip->tid) != skip->cpu_ns;
        threads->n_ran += skip->is_void;
        threads->n_unseen += skip->is_void;
    }
}
