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
    LEAST_SAMPLES = 3,
    FIRST_TURNS = 20000, /* say how many a round takes */
    PERIOD_NS = 100000,  /* several times what a sample costs: with less the loop hardly gets on */
    LOOP_NS = 1000000,   /* of a round without samples */
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

struct round {
    uint64_t without_ns, with_ns;
    uint32_t n; /* samples in the second */
};

/* The same work without and with samples.  False: it cannot be done. */
static bool measure_round(struct pp_sig_thread *block, enum pp_rec_delivery delivery,
                          uint64_t n_turns, struct round *round)
{
    const uint32_t n_before = atomic_load(&block->n_exits);
    struct pp_source source;

    round->without_ns = burn_ns(n_turns);
    if (pp_source_open(&source, delivery, pp_sig_gettid(), pp_sig_thread_hint(block->index),
                       PERIOD_NS) != 0)
        return false;
    round->with_ns = burn_ns(n_turns);
    pp_source_close(&source);
    round->n = atomic_load(&block->n_exits) - n_before;
    return true;
}

/* Nanoseconds a sample of perf events, or a negative number when none came.  By the quickest round
 * of each: what comes between, another virtual machine's turn above all, which this one takes for
 * CPU time, only adds. */
static double measure_perf(struct pp_sig_thread *block, enum pp_rec_delivery delivery)
{
    const uint64_t ns = burn_ns(FIRST_TURNS);
    const uint64_t n_turns = FIRST_TURNS * (uint64_t)LOOP_NS / (ns == 0 ? 1 : ns);
    struct round rounds[N_ROUNDS];
    uint64_t without_ns = UINT64_MAX;
    double least = -1;

    for (int i = 0; i < N_ROUNDS; i++) {
        if (!measure_round(block, delivery, n_turns, &rounds[i]))
            return -1;
        if (rounds[i].without_ns < without_ns)
            without_ns = rounds[i].without_ns;
    }
    for (int i = 0; i < N_ROUNDS; i++) {
        const double more_ns = (double)rounds[i].with_ns - (double)without_ns;

        if (rounds[i].n >= LEAST_SAMPLES && (least < 0 || more_ns / rounds[i].n < least))
            least = more_ns / rounds[i].n;
    }
    return least;
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
