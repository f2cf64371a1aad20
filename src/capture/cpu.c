/* CPU sampling: how long until a thread's next sample.
 *
 * A fixed period runs in step with programs that take turns (50 points wrong at 100 Hz and 5 ms
 * turns), so every thread's period is drawn anew after some samples. How many hardly matters to
 * the error: over uniform periods the phases of different samples are not correlated.  The helper
 * does it, since only it holds the descriptors: IOC_PERIOD from there costs the handler nothing.
 * Setting a period restarts the running interval, so the helper comes back just after the busiest
 * thread's next few samples, when little of an interval is lost; 'scale' makes up for what other
 * threads lose. */
#include "capture/cpu.h"

#include <sched.h>

#include "capture/kernel_time.h"
#include "capture/threads.h"
#include "sigsafe/clock.h"
#include "sigsafe/handler.h"
#include "sigsafe/store.h"

enum {
    REDRAW_SAMPLES = 20, /* a period serves so many; more of them rather than more work */
    REDRAW_LEAST_NS = 40 * 1000 * 1000,
    REDRAW_NS_A_SAMPLE = 4000, /* a tenth of what its delivery costs on a virtual machine */
    COST_COUNTS_NS = 500 * 1000,
    REDRAW_MOST_NS = 1900 * 1000 * 1000,
    WAKE_NS = 150 * 1000,     /* about what the helper's own waking takes */
    SCALE_DRAWS = 20,         /* that together say how far off the mean is */
    REDRAW_WORTH_SAMPLES = 3, /* a thread that took fewer keeps its period */
};

double pp_cpu_random_share(struct pp_session *session)
{
    uint64_t x = session->random;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    session->random = x;
    return (double)(x >> 11) * 0x1p-53;
}

static uint64_t period_at(double mean_ns, double share)
{
    const double drawn = mean_ns * (0.5 + share);

    return drawn < 20000 ? 20000 : (uint64_t)drawn;
}

uint64_t pp_cpu_draw(struct pp_session *session, double mean_ns)
{
    return period_at(mean_ns, pp_cpu_random_share(session));
}

/* Draws come in pairs around the mean, so that a second of twenty samples a draw has about as many
 * as were asked for (66 to 109 of 100 by independent draws).  The two are never a thread's next
 * ones: the second would lead a program that takes turns back to where the first began, and the
 * error for turns of half a period be 1.4 times that of independent samples. */
uint64_t pp_cpu_draw_period(struct pp_session *session, struct pp_watch *watch)
{
    const double mean_ns = (double)session->period_ns * session->scale;
    double *other = &session->other_shares[watch->n_draws++ % 2];
    const double share = *other != 0 ? *other : pp_cpu_random_share(session);

    *other = *other != 0 ? 0 : 1 - share;
    return period_at(mean_ns, share);
}

/* So many samples a drawn period serves. */
static uint64_t samples_of_draw(const struct pp_session *session)
{
    uint64_t n = REDRAW_SAMPLES;

    if (n * session->period_ns < REDRAW_LEAST_NS)
        n = REDRAW_LEAST_NS / session->period_ns;
    if (n * REDRAW_NS_A_SAMPLE < session->redraw_cost_ns)
        n = session->redraw_cost_ns / REDRAW_NS_A_SAMPLE;
    if (n * session->period_ns > REDRAW_MOST_NS)
        n = REDRAW_MOST_NS / session->period_ns;
    return n < REDRAW_WORTH_SAMPLES ? REDRAW_WORTH_SAMPLES : n;
}

/* When a thread whose period is drawn now has taken its samples, if it runs all the time: a little
 * after the last of them. */
static uint64_t redraw_in_ns(const struct pp_session *session, uint64_t period_ns)
{
    const uint64_t late_ns = period_ns / 16 < WAKE_NS ? WAKE_NS : period_ns / 16;

    return samples_of_draw(session) * period_ns +
           (late_ns < period_ns / 2 ? late_ns : period_ns / 2);
}

/* From a pass of draws to the next: one period more than the samples wanted where no thread says
 * more, as the redrawn interval is lost. */
static uint64_t redraw_interval_ns(const struct pp_session *session)
{
    return session->n_samples_of_busiest != 0 ? session->redraw_in_ns
                                              : (samples_of_draw(session) + 1) * session->period_ns;
}

uint64_t pp_cpu_redraw_due_in_ns(const struct pp_session *session, uint64_t now_ns)
{
    return session->next_redraw_ns > now_ns ? session->next_redraw_ns - now_ns : 0;
}

/* Sums over threads, for the mean interval. */
struct sums {
    uint64_t n_samples, sampled_ns;
};

static void redraw(struct pp_session *session, struct pp_sig_thread *thread, struct pp_watch *watch)
{
    const uint32_t record = atomic_load_explicit(&thread->record, memory_order_relaxed);
    const struct pp_rec_thread *slot;
    uint64_t n_samples, period_ns;

    if (record == 0 || watch->source.delivery == PP_DELIVERY_NONE)
        return;
    slot = pp_sig_thread_record(session->header, thread);
    if (slot == NULL)
        return;
    n_samples = atomic_load_explicit(&slot->n_samples, memory_order_relaxed);
    if (n_samples - watch->n_samples_at_redraw < REDRAW_WORTH_SAMPLES)
        return;
    period_ns = pp_cpu_draw_period(session, watch);
    if (n_samples - watch->n_samples_at_redraw > session->n_samples_of_busiest) {
        session->n_samples_of_busiest = n_samples - watch->n_samples_at_redraw;
        session->redraw_in_ns = redraw_in_ns(session, period_ns);
    }
    watch->n_samples_at_redraw = n_samples;
    session->n_redrawn++;
    pp_kernel_time_end_period(session, thread, watch);
    (void)pp_source_set_period(&watch->source, period_ns);
    pp_kernel_time_begin_period(session, thread, watch);
}

static struct sums sum_threads(struct pp_rec_header *header)
{
    const uint32_t n = atomic_load_explicit(&header->threads.n_items, memory_order_relaxed);
    struct sums sums = {0, 0};

    for (uint32_t i = 0; i < n && i < 4096; i++) {
        const struct pp_rec_thread *slot = pp_sig_table_item(header, &header->threads, i);
        if (slot == NULL)
            continue;
        sums.n_samples += atomic_load_explicit(&slot->n_samples, memory_order_relaxed);
        sums.sampled_ns += atomic_load_explicit(&slot->sampled_ns, memory_order_relaxed);
    }
    return sums;
}

static void begin_mean(struct pp_session *session, const struct sums *now)
{
    session->n_samples_seen = now->n_samples;
    session->sampled_ns_seen = now->sampled_ns;
    session->n_draws_seen = 0;
}

/* Corrects the scale by half of what the mean interval of some draws is off.  One draw alone would
 * show a third of chance, and its own mean of 1/p; two of each thread that is drawn for are to show
 * what the last correction did. */
static void correct_scale(struct pp_session *session)
{
    struct sums now;
    uint64_t n_new, ns_new;

    session->n_draws_seen += session->n_redrawn;
    if (session->n_draws_seen < SCALE_DRAWS || session->n_draws_seen < 2 * session->n_redrawn)
        return;
    now = sum_threads(session->header);
    n_new = now.n_samples - session->n_samples_seen;
    ns_new = now.sampled_ns - session->sampled_ns_seen;
    if (ns_new == 0)
        return;
    begin_mean(session, &now);
    session->scale *= 1 + ((double)session->period_ns * (double)n_new / (double)ns_new - 1) / 2;
    if (session->scale < 0.5)
        session->scale = 0.5;
    if (session->scale > 1.2)
        session->scale = 1.2;
}

/* A draw interrupts the CPU that the thread runs on: 2 us on a machine of one's own, 40 us on a
 * virtual one, and milliseconds while that CPU is kept from running. */
static void redraw_all(struct pp_session *session)
{
    const uint64_t before_ns = pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    uint64_t each_ns;

    session->n_redrawn = 0;
    pp_threads_each(session, redraw);
    if (session->n_redrawn == 0)
        return;
    each_ns = (pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID) - before_ns) / session->n_redrawn;
    each_ns = each_ns < COST_COUNTS_NS ? each_ns : COST_COUNTS_NS;
    session->redraw_cost_ns = (7 * session->redraw_cost_ns + each_ns) / 8;
    correct_scale(session);
}

void pp_cpu_jitter(struct pp_session *session, uint64_t now_ns)
{
    if (now_ns < session->next_redraw_ns)
        return;
    session->n_samples_of_busiest = 0;
    if (!session->is_paused && session->delivery != PP_DELIVERY_TEST)
        redraw_all(session);
    session->next_redraw_ns = now_ns + redraw_interval_ns(session);
}

static void set_period(struct pp_session *session, struct pp_sig_thread *thread,
                       struct pp_watch *watch)
{
    if (watch->source.delivery == PP_DELIVERY_NONE)
        return;
    (void)pp_source_set_period(&watch->source, pp_cpu_draw_period(session, watch));
    pp_kernel_time_begin_period(session, thread, watch);
}

static int n_cpus(void)
{
    cpu_set_t cpus;

    return sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1024;
}

void pp_cpu_set_rate(struct pp_session *session, double rate_hz)
{
    const struct sums now = sum_threads(session->header);

    begin_mean(session, &now); /* what came at another rate says nothing of this one */
    pp_segments_expect(&session->segments, rate_hz * n_cpus());
    session->period_ns = (uint64_t)(1e9 / rate_hz);
    session->scale = 1;
    session->next_redraw_ns = 0;
    atomic_store_explicit(&session->header->rate_millihertz, (uint64_t)(rate_hz * 1000),
                          memory_order_relaxed);
    pp_kernel_time_follow_rate(session);
    pp_threads_each(session, set_period);
}
