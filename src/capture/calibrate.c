/* What it costs to deliver one sample. */
#include "capture/calibrate.h"

#include <signal.h>

#include "capture/sampler.h"
#include "sigsafe/clock.h"
#include "sigsafe/handler.h"
#include "sigsafe/syscall.h"

enum {
    N_ROUNDS = 3,
    N_SIGNALS = 50,
    LEAST_SAMPLES = 5,
    MOST_SAMPLES = 25,
    PERIOD_NS = 100000, /* several times what a sample costs: with less the loop hardly gets on */
    MOST_NS = 20000000,
};

/* A moment, and how many samples there were before it. */
struct moment {
    uint64_t ns;
    uint32_t n_samples;
};

/* None comes between the two readings. */
static struct moment read_moment(const struct pp_sig_thread *block)
{
    struct moment now;

    do {
        now.n_samples = atomic_load(&block->n_exits);
        now.ns = pp_sig_clock_ns(CLOCK_MONOTONIC);
    } while (atomic_load(&block->n_exits) != now.n_samples);
    return now;
}

static void insert(uint64_t *sorted, uint32_t n, uint64_t value)
{
    for (; n > 0 && sorted[n - 1] > value; n--)
        sorted[n] = sorted[n - 1];
    sorted[n] = value;
}

/* How long the readings were apart that one sample came between, in order, and the least of those
 * that none came between.  The number of the first. */
static uint32_t watch_samples(const struct pp_sig_thread *block, uint64_t *sorted_out,
                              uint64_t *usual_ns_out)
{
    struct moment before = read_moment(block);
    const uint64_t end_ns = before.ns + MOST_NS;
    uint32_t n = 0;

    *usual_ns_out = UINT64_MAX;
    while (n < MOST_SAMPLES && before.ns < end_ns) {
        const struct moment now = read_moment(block);
        const uint64_t took_ns = now.ns - before.ns;

        if (now.n_samples - before.n_samples == 1)
            insert(sorted_out, n++, took_ns);
        else if (now.n_samples == before.n_samples && took_ns < *usual_ns_out)
            *usual_ns_out = took_ns;
        before = now;
    }
    return n;
}

/* Nanoseconds a sample of perf events, or a negative number when too few came.  By the clock, of
 * single samples, and of those the median: how fast this CPU gets on changes by half from one
 * millisecond to the next where others share its core, and other threads and virtual machines take
 * turns of their own. */
static double measure_perf(struct pp_sig_thread *block, enum pp_rec_delivery delivery)
{
    uint64_t sorted[MOST_SAMPLES], usual_ns;
    struct pp_source source;
    uint32_t n;

    if (pp_source_open(&source, delivery, pp_sig_gettid(), pp_sig_thread_hint(block->index),
                       PERIOD_NS) != 0)
        return -1;
    n = watch_samples(block, sorted, &usual_ns);
    pp_source_close(&source);
    return n >= LEAST_SAMPLES ? (double)sorted[n / 2] - (double)usual_ns : -1;
}

/* What a signal to itself costs, which for CPU timers and the sampler is all: the kernel's tick is
 * there anyway.  Its sending is in it, about a quarter: rather too much than too little. */
static double measure_signals(struct pp_sig_thread *block)
{
    double least = -1;

    for (int round = 0; round < N_ROUNDS; round++) {
        const uint32_t n_before = atomic_load(&block->n_exits);
        const uint64_t before_ns = pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID);
        uint64_t took_ns;
        uint32_t n;

        for (int i = 0; i < N_SIGNALS; i++)
            (void)pp_sampler_signal(pp_sig_gettid(), pp_sig_thread_hint(PP_HINT_LOOK_UP));
        took_ns = pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID) - before_ns;
        n = atomic_load(&block->n_exits) - n_before;
        if (n >= LEAST_SAMPLES && (least < 0 || (double)took_ns / n < least))
            least = (double)took_ns / n;
    }
    return least;
}

uint64_t pp_calibrate_delivery(enum pp_rec_delivery delivery)
{
    /* That of a thread that has ended: the handler finds it, takes no sample and counts the times.
     */
    struct pp_sig_thread *block;
    sigset_t mask, ours;
    const bool is_perf = delivery == PP_DELIVERY_PERF_TRAP || delivery == PP_DELIVERY_PERF_SIGNAL;
    double ns;

    if (delivery == PP_DELIVERY_NONE || delivery == PP_DELIVERY_TEST)
        return 0;
    block = pp_sig_thread_running();
    if (block == NULL)
        return 0;
    atomic_store(&block->state, PP_SIG_THREAD_ENDING);
    (void)sigemptyset(&ours);
    (void)sigaddset(&ours, pp_delivery_signal(delivery));
    (void)pthread_sigmask(SIG_UNBLOCK, &ours, &mask);
    ns = is_perf ? measure_perf(block, delivery) : measure_signals(block);
    (void)pthread_sigmask(SIG_SETMASK, &mask, NULL);
    pp_sig_thread_release(block);
    return ns > 0 ? (uint64_t)ns : 0;
}
