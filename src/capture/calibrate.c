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
    PERIOD_NS = 100000, /* several times what a sample costs: with less the loop hardly gets on */
    LOOP_NS = 1000000,  /* of a round without samples */
};

static void burn(uint64_t n_turns)
{
    for (volatile uint64_t i = 0; i < n_turns; i++)
        ;
}

static uint64_t burn_ns(uint64_t n_turns)
{
    const uint64_t before_ns = pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID);

    burn(n_turns);
    return pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID) - before_ns;
}

/* One round: nanoseconds a sample, or a negative number when nothing came. */
static double measure_round(struct pp_sig_thread *block, enum pp_rec_delivery delivery,
                            uint64_t n_turns)
{
    const uint32_t n_before = atomic_load(&block->n_exits);
    const uint64_t without_ns = burn_ns(n_turns);
    struct pp_source source;
    uint64_t with_ns;
    uint32_t n;

    if (pp_source_open(&source, delivery, pp_sig_gettid(), pp_sig_thread_hint(block->index),
                       PERIOD_NS) != 0)
        return -1;
    with_ns = burn_ns(n_turns);
    pp_source_close(&source);
    n = atomic_load(&block->n_exits) - n_before;
    return n < 3 ? -1 : ((double)with_ns - (double)without_ns) / n;
}

/* The sampler's: what a signal to itself costs.  Its sending is on the helper's clock too, about a
 * quarter of it: rather too much than too little. */
static double measure_signals(struct pp_sig_thread *block)
{
    const uint32_t n_before = atomic_load(&block->n_exits);
    const uint64_t before_ns = pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    uint32_t n;

    for (int i = 0; i < N_SIGNALS; i++)
        (void)pp_sampler_signal(pp_sig_gettid(), pp_sig_thread_hint(PP_HINT_LOOK_UP));
    n = atomic_load(&block->n_exits) - n_before;
    return n < 3 ? -1 : (double)(pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID) - before_ns) / n;
}

static double median(double *values, int n)
{
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && values[j] < values[j - 1]; j--) {
            const double swap = values[j];
            values[j] = values[j - 1];
            values[j - 1] = swap;
        }
    return values[n / 2];
}

uint64_t pp_calibrate_delivery(enum pp_rec_delivery delivery)
{
    /* That of a thread that has ended: the handler finds it, takes no sample and counts the times.
     */
    struct pp_sig_thread *block;
    double costs[N_ROUNDS];
    sigset_t mask, ours;
    uint64_t n_turns = 20000;
    uint64_t ns;
    int n = 0;

    /* CPU timers come with the kernel's tick, which is there anyway: too few in so short a time. */
    if (delivery != PP_DELIVERY_PERF_TRAP && delivery != PP_DELIVERY_PERF_SIGNAL &&
        delivery != PP_DELIVERY_SAMPLER)
        return 0;
    block = pp_sig_thread_running();
    if (block == NULL)
        return 0;
    atomic_store(&block->state, PP_SIG_THREAD_ENDING);
    ns = burn_ns(n_turns);
    n_turns = n_turns * LOOP_NS / (ns == 0 ? 1 : ns);
    (void)sigemptyset(&ours);
    (void)sigaddset(&ours, pp_delivery_signal(delivery));
    (void)pthread_sigmask(SIG_UNBLOCK, &ours, &mask);
    for (int i = 0; i < N_ROUNDS; i++) {
        costs[n] = delivery == PP_DELIVERY_SAMPLER ? measure_signals(block)
                                                   : measure_round(block, delivery, n_turns);
        n += costs[n] > 0;
    }
    (void)pthread_sigmask(SIG_SETMASK, &mask, NULL);
    pp_sig_thread_release(block);
    return n == 0 ? 0 : (uint64_t)median(costs, n);
}
