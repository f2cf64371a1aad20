/* Linked with libpprofc: samples are taken while the program's own SIGUSR2 handler, at about 1 kHz,
 * walks its stack and takes a sample by the calls that hooks make, and while main() walks too.
 * Every walk from one place has to give one and the same stack.  Arguments: CPU seconds (3), rate
 * in Hz (1000). */
#include <signal.h>
#include <sys/syscall.h>

#include "pprofc/pprofc.h"
#include "sigsafe/handler.h"
#include "sigsafe/unwind.h"
#include "truth.h"

/* A walk that is repeated, and what it gave first. */
struct place {
    uint64_t n_walks, n_changed, hash;
    uint32_t n_frames;
    uint64_t pcs[PP_MAX_FRAMES + 1];
};

static struct place in_main, in_handler;
static struct pp_sig_thread *self;
static uint64_t n_samples;

TRUTH_NOINLINE static void walk_here(struct place *place)
{
    const struct pp_sig_bounds bounds = {atomic_load(&self->stack_lo),
                                         atomic_load(&self->stack_hi)};
    struct pp_sig_walk walk;

    pp_sig_unwind_here(bounds, place->pcs, &walk);
    if (place->n_walks++ == 0) {
        place->hash = walk.hash;
        place->n_frames = walk.n_frames;
    }
    if (walk.hash != place->hash || walk.n_frames != place->n_frames ||
        (walk.flags & PP_WALK_TRUNCATED) != 0)
        place->n_changed++;
    TRUTH_KEEP_FRAME();
}

/* Where the handler interrupted is another place each time: what it walks ends there. */
static void on_user(int signo, siginfo_t *info, void *context)
{
    struct pp_rec_header *header;
    struct pp_sig_walk walk;

    (void)signo, (void)info;
    pp_sig_enter(self);
    header = atomic_load(&pp_sig_gate->header);
    if (header != NULL) {
        pp_sig_unwind_here(
            (struct pp_sig_bounds){atomic_load(&self->stack_lo), atomic_load(&self->stack_hi)},
            in_handler.pcs, &walk);
        in_handler.n_walks++;
        in_handler.n_changed += (walk.flags & PP_WALK_TRUNCATED) != 0;
        pp_sig_sample(header, self, context);
        n_samples++;
    }
    pp_sig_leave(self);
}

TRUTH_NOINLINE static void down(int depth)
{
    if (depth > 0) {
        down(depth - 1);
    } else {
        pp_sig_enter(self);
        for (int i = 0; i < 20; i++)
            walk_here(&in_main);
        pp_sig_leave(self);
    }
    TRUTH_KEEP_FRAME();
}

static bool start_timer(void)
{
    const struct sigaction action = {.sa_sigaction = on_user, .sa_flags = SA_SIGINFO | SA_RESTART};
    const struct itimerspec every = {{0, 1000000}, {0, 1000000}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
    timer_t timer;

    return sigaction(SIGUSR2, &action, NULL) == 0 &&
           timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 &&
           timer_settime(timer, 0, &every, NULL) == 0;
}

int main(int argc, char **argv)
{
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_stats stats = {.struct_bytes = sizeof stats};
    struct pprofc_error err;
    char extra[300];

    options.frequency_hz = truth_argument(argc, argv, 2, 1000);
    (void)truth_calibrate();
    if (pprofc_start(&options, &err) != 0) {
        (void)fprintf(stderr, "nested_walks: %s\n", err.message);
        return 2;
    }
    self = pp_sig_thread_find((int32_t)syscall(SYS_gettid));
    if (self == NULL || !start_timer())
        return 2;
    const uint64_t end_ns = truth_deadline_ns(truth_argument(argc, argv, 1, 3));
    while (truth_thread_ns() < end_ns)
        down(30);
    if (pprofc_stats(&stats, &err) != 0 || signal(SIGUSR2, SIG_IGN) == SIG_ERR)
        return 2;
    (void)snprintf(
        extra, sizeof extra,
        ", \"n_walks\": %llu, \"n_changed\": %llu, \"n_nested\": %llu, \"n_nested_cut\": "
        "%llu, \"n_own_samples\": %llu, \"n_samples\": %llu, \"n_lost\": %llu",
        (unsigned long long)in_main.n_walks, (unsigned long long)in_main.n_changed,
        (unsigned long long)in_handler.n_walks, (unsigned long long)in_handler.n_changed,
        (unsigned long long)n_samples, (unsigned long long)stats.n_samples,
        (unsigned long long)stats.n_lost);
    truth_print("nested_walks", NULL, 0, truth_main_root, extra);
    return pprofc_stop(NULL, &err) == 0 ? 0 : 1;
}
