/* Threads that spend much of their CPU time in the kernel get CPU timers. */
#include "capture/kernel_time.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/cpu.h"
#include "capture/delivery_watch.h"
#include "capture/proc_file.h"
#include "capture/threads.h"
#include "sigsafe/clock.h"
#include "sigsafe/handler.h"

enum {
    LOOK_CPU_NS = 200 * 1000 * 1000, /* a look costs 20 to 60 us */
    N_EARLY_LOOKS = 2,               /* after a quarter, and a half, of that */
    N_LOOKS = 10,                    /* then it is known: looks are seldom */
    LATE_LOOK_CPU_NS = 1000 * 1000 * 1000,
};

/* Of CPU time: what is older than about that counts no more. */
#define SPAN_CPU_NS UINT64_C(2000000000)

static const double much = 0.05, little = 0.02; /* of a thread's CPU time */
static const double own_s = 40e-6; /* a perf event's delivery, nearly all of it kernel time */

/* Clock ticks of a thread in the program and in the kernel, as the kernel divides its exact CPU
 * time by what its own ticks met. */
static bool read_times(int32_t tid, uint64_t *user_out, uint64_t *kernel_out)
{
    char path[64], text[1024];
    const char *at;

    (void)snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
    (void)pp_proc_read(path, text, sizeof text);
    at = strrchr(text, ')'); /* a name may hold anything */
    for (int field = 2; at != NULL && field < 14; field++)
        at = strchr(at + 1, ' ');
    if (at == NULL)
        return false;
    *user_out = strtoull(at, (char **)&at, 10);
    *kernel_out = strtoull(at, NULL, 10);
    return true;
}

/* A source in place of the one there is, which stays when the new one cannot be had. */
static void exchange(struct pp_session *session, struct pp_sig_thread *thread,
                     struct pp_watch *watch, enum pp_rec_delivery delivery)
{
    const int32_t tid = atomic_load_explicit(&thread->tid, memory_order_relaxed);
    struct pp_rec_thread *slot = pp_sig_thread_record(session->header, thread);
    struct pp_source source;

    if (slot == NULL || pp_signal_install(pp_delivery_signal(delivery)) != 0 ||
        pp_source_open(&source, delivery, tid, pp_sig_thread_hint(thread->index),
                       pp_cpu_draw_period(session, watch)) != 0)
        return;
    pp_source_close(&watch->source);
    watch->source = source;
    pp_kernel_time_begin_period(session, thread, watch);
    session->has_timers |= delivery == PP_DELIVERY_CPU_TIMER;
    atomic_fetch_or_explicit(&slot->flags, PP_THREAD_HAD_TIMER, memory_order_relaxed);
}

/* Whether a share of 'n' clock ticks is so far on one side of a limit that it is no chance: two
 * standard deviations of the kernel's ticks that the time was divided by, and one for the
 * hundredths of a second in which it is told. */
static bool is_sure(double distance, double share, double n)
{
    const double per_tick = (double)sysconf(_SC_CLK_TCK) / pp_kernel_tick_hz();
    const double beyond = distance - 1 / n;

    return beyond > 0 && beyond * beyond > 4 * (share * (1 - share) + 0.01) * per_tick / n;
}

static bool is_perf(enum pp_rec_delivery delivery)
{
    return delivery == PP_DELIVERY_PERF_TRAP || delivery == PP_DELIVERY_PERF_SIGNAL;
}

/* ---- samples that did not come ---- */

/* Beyond those that came since the period was set: what its sample periods of CPU time lack.  The
 * first of them began before, on average half a period earlier. */
static double n_missed_in_period(const struct pp_kernel_share *seen,
                                 const struct pp_rec_thread *slot, double *n_taken_out)
{
    const uint64_t n_samples = atomic_load_explicit(&slot->n_samples, memory_order_relaxed);
    const uint64_t sampled_ns = atomic_load_explicit(&slot->sampled_ns, memory_order_relaxed);

    *n_taken_out = 0;
    if (seen->period_ns == 0 || n_samples <= seen->period_samples)
        return 0;
    *n_taken_out = (double)(n_samples - seen->period_samples);
    return (double)(sampled_ns - seen->period_sampled_ns) / (double)seen->period_ns - *n_taken_out -
           0.5;
}

void pp_kernel_time_end_period(struct pp_session *session, struct pp_sig_thread *thread,
                               struct pp_watch *watch)
{
    const struct pp_rec_thread *slot;
    double n_taken;

    if (watch->kernel.period_ns == 0 ||
        (slot = pp_sig_thread_record(session->header, thread)) == NULL)
        return;
    watch->kernel.n_missed += n_missed_in_period(&watch->kernel, slot, &n_taken);
    watch->kernel.n_taken += n_taken;
}

void pp_kernel_time_begin_period(struct pp_session *session, struct pp_sig_thread *thread,
                                 struct pp_watch *watch)
{
    struct pp_kernel_share *seen = &watch->kernel;
    const struct pp_rec_thread *slot;

    /* One that is left out has no source, and takes no place in the recording. */
    seen->period_ns = 0;
    if (!is_perf(watch->source.delivery) ||
        (slot = pp_sig_thread_record(session->header, thread)) == NULL)
        return;
    seen->period_ns = watch->source.period_ns;
    seen->period_samples = atomic_load_explicit(&slot->n_samples, memory_order_relaxed);
    seen->period_sampled_ns = atomic_load_explicit(&slot->sampled_ns, memory_order_relaxed);
}

/* Whether the samples that came say that it cannot be: of 'share' at least a third is missing from
 * them, where that many have been due. */
static bool is_contradicted(const struct pp_session *session, struct pp_sig_thread *thread,
                            const struct pp_kernel_share *seen, double share)
{
    const struct pp_rec_thread *slot = pp_sig_thread_record(session->header, thread);
    double n_taken = 0, n_missed = 0;

    if (slot != NULL)
        n_missed = n_missed_in_period(seen, slot, &n_taken);
    n_taken += seen->n_taken;
    n_missed += seen->n_missed;
    return n_taken > 0 && n_missed < share / 3 * (n_taken + n_missed);
}

/* ---- judging ---- */

static void begin_span(struct pp_kernel_share *seen, uint64_t user, uint64_t kernel)
{
    seen->has_begun = true;
    seen->n_taken = seen->n_missed = 0;
    seen->begun_cpu_ns = seen->cpu_ns;
    seen->user = user;
    seen->kernel = kernel;
}

/* Where timers are slower than the rate asked for, more has to speak for them: about the root of
 * how many samples are lost. */
static double caution(const struct pp_session *session)
{
    const double of_tick = 1e9 / ((double)session->period_ns * pp_kernel_tick_hz());

    return of_tick <= 1 ? 1 : of_tick <= 4.5 ? 2 : 6;
}

/* The share from which on a timer is better. */
static double limit_of(const struct pp_session *session)
{
    return caution(session) * much + own_s * 1e9 / (double)session->period_ns;
}

/* The thread's source by what it has spent where since the span began. */
static void judge(struct pp_session *session, struct pp_sig_thread *thread, struct pp_watch *watch,
                  uint64_t user, uint64_t kernel)
{
    const bool has_timer = watch->source.delivery == PP_DELIVERY_CPU_TIMER;
    const double n = (double)(user + kernel), share = (double)kernel / n;

    if (!has_timer && is_sure(share - limit_of(session), share, n) &&
        !is_contradicted(session, thread, &watch->kernel, share) &&
        !pp_delivery_is_blocked(atomic_load_explicit(&thread->tid, memory_order_relaxed), SIGPROF))
        exchange(session, thread, watch, PP_DELIVERY_CPU_TIMER);
    else if (has_timer && is_sure(caution(session) * little - share, share, n))
        exchange(session, thread, watch, session->delivery);
    watch->kernel.had_timer = watch->source.delivery == PP_DELIVERY_CPU_TIMER;
    watch->kernel.share = share;
}

/* CPU time from a look to the next. */
static uint64_t look_interval_ns(const struct pp_kernel_share *seen)
{
    if (seen->n_looks >= N_LOOKS)
        return LATE_LOOK_CPU_NS;
    return LOOK_CPU_NS >> (seen->n_looks < N_EARLY_LOOKS ? N_EARLY_LOOKS - seen->n_looks : 0);
}

static void look_at(struct pp_session *session, struct pp_sig_thread *thread,
                    struct pp_watch *watch)
{
    const int32_t tid = atomic_load_explicit(&thread->tid, memory_order_relaxed);
    struct pp_kernel_share *seen = &watch->kernel;
    uint64_t cpu_ns, user, kernel;

    if (watch->source.delivery != PP_DELIVERY_CPU_TIMER && !is_perf(watch->source.delivery))
        return;
    cpu_ns = pp_sig_clock_ns(pp_sig_thread_clock(tid));
    if (cpu_ns < seen->cpu_ns + look_interval_ns(seen) || !read_times(tid, &user, &kernel))
        return;
    seen->cpu_ns = cpu_ns;
    if (!seen->has_begun) {
        begin_span(seen, user, kernel);
        return;
    }
    if (user + kernel <= seen->user + seen->kernel)
        return;
    judge(session, thread, watch, user - seen->user, kernel - seen->kernel);
    seen->n_looks++;
    if (cpu_ns >= seen->begun_cpu_ns + SPAN_CPU_NS)
        begin_span(seen, user, kernel);
}

static bool are_timers_wanted(const struct pp_session *session)
{
    static int are_timers_safe = -1; /* for system calls */

    if (are_timers_safe < 0)
        are_timers_safe = pp_kernel_is_at_least(pp_environment.kernel, 5, 9);
    return are_timers_safe && is_perf(session->delivery) && !session->is_paused &&
           pp_environment.delivery[0] == '\0' && !pp_signal_is_foreign(SIGPROF);
}

void pp_kernel_time_look(struct pp_session *session)
{
    if (are_timers_wanted(session))
        pp_threads_each(session, look_at);
}

void pp_kernel_time_begin(struct pp_session *session, struct pp_sig_thread *thread,
                          struct pp_watch *watch, const struct pp_kernel_share *before)
{
    watch->kernel = *before;
    pp_kernel_time_begin_period(session, thread, watch);
    if (before->had_timer && before->share > limit_of(session) && is_perf(watch->source.delivery) &&
        are_timers_wanted(session))
        exchange(session, thread, watch, PP_DELIVERY_CPU_TIMER);
}

static void follow_rate(struct pp_session *session, struct pp_sig_thread *thread,
                        struct pp_watch *watch)
{
    watch->kernel.has_begun = false;
    watch->kernel.n_looks = 0;
    if (watch->source.delivery == PP_DELIVERY_CPU_TIMER && is_perf(session->delivery) &&
        watch->kernel.had_timer && watch->kernel.share <= limit_of(session)) {
        exchange(session, thread, watch, session->delivery);
        watch->kernel.had_timer = false;
    }
}

void pp_kernel_time_follow_rate(struct pp_session *session)
{
    pp_threads_each(session, follow_rate);
}
