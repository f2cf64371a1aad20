/* Continuous mode's threads.  The worker alone begins and ends windows and speaks to the sinks; all
 * that others read of it stands behind 'lock'. */
#include "serve/continuous.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "export/directory.h"
#include "formats/recording_heap.h"
#include "serve/schedule.h"
#include "serve/threads.h"

enum { LOOK_MS = 250, TICK_MS = 500 };

/* What the worker knows of a target. */
struct followed {
    bool is_known, has_ended, is_open;
    struct pp_schedule schedule;
    uint64_t begin_ns; /* CLOCK_REALTIME */
    bool has_cpu, has_heap;
    uint32_t cpu_window;
    struct pp_heap_mark heap_mark;
};

struct pp_continuous {
    struct pp_service *service;
    struct pp_continuous_options options;
    struct pp_sink *sinks[PP_CONTINUOUS_MAX_SINKS];
    uint32_t n_sinks;
    struct followed followed[PP_SERVE_MAX_TARGETS]; /* the worker's */
    pthread_t worker, ticker;
    bool has_worker, has_ticker;
    pthread_mutex_t lock;
    pthread_cond_t is_woken; /* CLOCK_MONOTONIC */
    bool is_stopping;
    struct pp_continuous_facts facts;
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now = {0, 0};

    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---- facts ---- */

static void count_window(struct pp_continuous *continuous)
{
    (void)pthread_mutex_lock(&continuous->lock);
    continuous->facts.n_windows++;
    (void)pthread_mutex_unlock(&continuous->lock);
}

static void count_missed(struct pp_continuous *continuous, const struct pprofc_error *err)
{
    (void)pthread_mutex_lock(&continuous->lock);
    continuous->facts.n_missed++;
    (void)snprintf(continuous->facts.last_error, sizeof continuous->facts.last_error, "%.255s",
                   err->message);
    (void)pthread_mutex_unlock(&continuous->lock);
}

void pp_continuous_look(struct pp_continuous *continuous, struct pp_continuous_facts *facts_out)
{
    (void)pthread_mutex_lock(&continuous->lock);
    *facts_out = continuous->facts;
    (void)pthread_mutex_unlock(&continuous->lock);
    facts_out->n_sinks = continuous->n_sinks;
    for (uint32_t i = 0; i < continuous->n_sinks; i++) {
        facts_out->sinks[i].name = continuous->sinks[i]->name;
        continuous->sinks[i]->facts(continuous->sinks[i], &facts_out->sinks[i].facts);
    }
}

/* ---- a window begins ---- */

static bool measures_cpu(struct pp_served *target)
{
    return (pp_recording_kinds(pp_served_header(target)) & 1U << (PP_FAMILY_CPU - 1)) != 0;
}

static bool wants(const struct pp_continuous *continuous, uint32_t kind)
{
    return continuous->options.kinds == 0 || (continuous->options.kinds & kind) != 0;
}

static int mark_heap(struct pp_served *target, struct pp_heap_mark *mark_out,
                     struct pprofc_error *err)
{
    struct pp_recording_reader *reader = NULL;
    int status = pp_served_fresh_snapshot(target, &reader, err);

    if (status == 0 && pp_heap_mark_take(reader, mark_out) != 0)
        status = pp_fail(err, -ENOMEM, 0, "no memory for a window of the heap");
    pp_recording_close(reader);
    return status;
}

/* A kind that cannot begin leaves the others alone. */
static void open_window(struct pp_continuous *continuous, struct pp_served *target,
                        struct followed *followed)
{
    struct pprofc_error err;

    followed->begin_ns = clock_ns(CLOCK_REALTIME);
    if (wants(continuous, PP_SAMPLING_CPU) && measures_cpu(target)) {
        followed->has_cpu = pp_served_begin_window(target, continuous->options.rate_hz,
                                                   &followed->cpu_window, &err) == 0;
        if (!followed->has_cpu)
            count_missed(continuous, &err);
    }
    if (wants(continuous, PP_SAMPLING_HEAP) && pp_served_has_heap(target)) {
        followed->has_heap = mark_heap(target, &followed->heap_mark, &err) == 0;
        if (!followed->has_heap) {
            pp_heap_mark_done(&followed->heap_mark);
            count_missed(continuous, &err);
        }
    }
    followed->is_open = followed->has_cpu || followed->has_heap;
}

/* ---- and ends ---- */

/* To every sink: what one of them cannot do is its own matter, and it has counted it. */
static void hand_over(struct pp_continuous *continuous, const struct pp_served *target,
                      const struct followed *followed, const char *kind,
                      struct pprofc_profile *profile)
{
    const struct pp_export_window window = {.kind = kind,
                                            .program = target->program,
                                            .pid = target->pid,
                                            .begin_ns = followed->begin_ns,
                                            .end_ns = clock_ns(CLOCK_REALTIME),
                                            .profile = profile};

    for (uint32_t i = 0; i < continuous->n_sinks; i++)
        (void)continuous->sinks[i]->take(continuous->sinks[i], &window, NULL);
    count_window(continuous);
    pprofc_profile_free(profile);
}

static void close_cpu(struct pp_continuous *continuous, struct pp_served *target,
                      struct followed *followed)
{
    const struct pp_profile_wish wish = {.target = target,
                                         .rate_hz = continuous->options.rate_hz,
                                         .block = continuous->options.block};
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;

    followed->has_cpu = false;
    if (pp_service_end_window(continuous->service, &wish, followed->cpu_window, &profile, &err) !=
        0)
        count_missed(continuous, &err);
    else
        hand_over(continuous, target, followed, "cpu", profile);
}

static int read_heap(struct pp_continuous *continuous, struct pp_served *target,
                     const struct pp_heap_mark *since, struct pprofc_profile **profile_out,
                     struct pprofc_error *err)
{
    const struct pp_recording_profile_options options = {
        .kind = PP_FAMILY_HEAP, .is_fresh = true, .heap_since = since, .has_whole_in_use = true};
    struct pp_recording_reader *reader = NULL;
    int status = pp_served_fresh_snapshot(target, &reader, err);

    if (status == 0)
        status = pp_service_read(continuous->service, reader, &options, true, profile_out, err);
    pp_recording_close(reader);
    if (status == 0 && continuous->options.block[0] != '\0') {
        status = pp_profile_block(*profile_out, continuous->options.block, false, err);
        if (status != 0)
            pprofc_profile_free(*profile_out);
    }
    return status;
}

/* What was allocated in the window, and what is in use at its end. */
static void close_heap(struct pp_continuous *continuous, struct pp_served *target,
                       struct followed *followed)
{
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;

    followed->has_heap = false;
    if (read_heap(continuous, target, &followed->heap_mark, &profile, &err) != 0)
        count_missed(continuous, &err);
    else
        hand_over(continuous, target, followed, "heap", profile);
    pp_heap_mark_done(&followed->heap_mark);
}

static void close_window(struct pp_continuous *continuous, struct pp_served *target,
                         struct followed *followed)
{
    followed->is_open = false;
    if (followed->has_cpu)
        close_cpu(continuous, target, followed);
    if (followed->has_heap)
        close_heap(continuous, target, followed);
}

/* ---- the worker ---- */

static uint64_t draw_seed(void)
{
    uint64_t seed = 0;

    /* Early in a machine's life there may be none: the clock and the process will do. */
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
        seed = clock_ns(CLOCK_REALTIME) ^ (uint64_t)getpid() << 32;
    return seed;
}

static void meet(struct pp_continuous *continuous, struct pp_served *target,
                 struct followed *followed, uint64_t now_ns)
{
    followed->is_known = true;
    pp_schedule_init(&followed->schedule, (uint64_t)continuous->options.on_ns,
                     (uint64_t)continuous->options.whole_ns, draw_seed(), now_ns);
    /* Windows wake a paused session. */
    if (continuous->options.rests)
        (void)pp_served_command(target, PP_REQUEST_PAUSE, 0, NULL);
}

static void tend(struct pp_continuous *continuous, struct pp_served *target,
                 struct followed *followed)
{
    const uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    const bool is_alive = pp_served_is_alive(target);

    if (followed->has_ended)
        return;
    if (!followed->is_known && is_alive)
        meet(continuous, target, followed, now_ns);
    if (followed->is_open && (!is_alive || now_ns >= followed->schedule.end_ns)) {
        close_window(continuous, target, followed);
        pp_schedule_next(&followed->schedule, clock_ns(CLOCK_MONOTONIC));
    }
    followed->has_ended = !is_alive;
    if (is_alive && !followed->is_open && now_ns >= followed->schedule.begin_ns) {
        open_window(continuous, target, followed);
        if (!followed->is_open)
            pp_schedule_next(&followed->schedule, now_ns);
    }
}

/* When something is to be done; nobody tells us that a process has ended. */
static uint64_t next_ns(const struct pp_continuous *continuous, uint32_t n_targets)
{
    uint64_t next = clock_ns(CLOCK_MONOTONIC) + LOOK_MS * UINT64_C(1000000);

    for (uint32_t i = 0; i < n_targets; i++) {
        const struct followed *followed = &continuous->followed[i];
        const uint64_t at_ns =
            followed->is_open ? followed->schedule.end_ns : followed->schedule.begin_ns;
        if (followed->is_known && !followed->has_ended && at_ns < next)
            next = at_ns;
    }
    return next;
}

/* False when it is time to end. */
static bool wait_until(struct pp_continuous *continuous, uint64_t until_ns)
{
    const struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000),
                                   .tv_nsec = (long)(until_ns % 1000000000)};
    bool goes_on;

    (void)pthread_mutex_lock(&continuous->lock);
    while (!continuous->is_stopping &&
           pthread_cond_timedwait(&continuous->is_woken, &continuous->lock, &until) != ETIMEDOUT)
        continue;
    goes_on = !continuous->is_stopping;
    (void)pthread_mutex_unlock(&continuous->lock);
    return goes_on;
}

static void finish(struct pp_continuous *continuous)
{
    const uint64_t limit_ns =
        clock_ns(CLOCK_MONOTONIC) + (uint64_t)(continuous->options.end_seconds * 1e9);
    const uint32_t n_targets = atomic_load(&continuous->service->n_targets);

    for (uint32_t i = 0; i < n_targets; i++)
        if (continuous->followed[i].is_open)
            close_window(continuous, continuous->service->targets[i], &continuous->followed[i]);
    for (uint32_t i = 0; i < continuous->n_sinks; i++) {
        const uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
        (void)continuous->sinks[i]->drain(
            continuous->sinks[i], now_ns < limit_ns ? (double)(limit_ns - now_ns) / 1e9 : 0, NULL);
    }
}

static void *worker_main(void *argument)
{
    struct pp_continuous *continuous = argument;
    uint32_t n_targets;

    pp_serve_thread_leave_profiles();
    do {
        n_targets = atomic_load(&continuous->service->n_targets);
        for (uint32_t i = 0; i < n_targets; i++)
            tend(continuous, continuous->service->targets[i], &continuous->followed[i]);
    } while (wait_until(continuous, next_ns(continuous, n_targets)));
    finish(continuous);
    return NULL;
}

/* Names may take seconds, the wants hold for three. */
static void *ticker_main(void *argument)
{
    struct pp_continuous *continuous = argument;

    pp_serve_thread_leave_profiles();
    do
        pp_service_tick(continuous->service);
    while (wait_until(continuous, clock_ns(CLOCK_MONOTONIC) + TICK_MS * UINT64_C(1000000)));
    return NULL;
}

/* ---- start and stop ---- */

static int make_sinks(struct pp_continuous *continuous, struct pprofc_error *err)
{
    const struct pp_continuous_options *options = &continuous->options;
    int status = 0;

    if (options->folder != NULL)
        status = pp_directory_new(options->folder, &options->keep, &continuous->sinks[0], err);
    continuous->n_sinks = status == 0 && options->folder != NULL;
    return status;
}

static int start_threads(struct pp_continuous *continuous, struct pprofc_error *err)
{
    int status = pp_serve_thread_start(&continuous->ticker, false, ticker_main, continuous);

    continuous->has_ticker = status == 0;
    if (status == 0)
        status = pp_serve_thread_start(&continuous->worker, false, worker_main, continuous);
    continuous->has_worker = continuous->has_ticker && status == 0;
    return status == 0 ? 0
                       : pp_fail(err, status, 0, "cannot start the threads of continuous mode: %s",
                                 strerror(-status));
}

int pp_continuous_start(struct pp_service *service, const struct pp_continuous_options *options,
                        struct pp_continuous **continuous_out, struct pprofc_error *err)
{
    struct pp_continuous *continuous = calloc(1, sizeof *continuous);
    pthread_condattr_t attributes;
    int status;

    if (continuous == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory for continuous mode");
    continuous->service = service;
    continuous->options = *options;
    (void)pthread_mutex_init(&continuous->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&continuous->is_woken, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    status = make_sinks(continuous, err);
    if (status == 0)
        status = start_threads(continuous, err);
    if (status != 0)
        pp_continuous_stop(continuous);
    else
        *continuous_out = continuous;
    return status;
}

static void end_threads(struct pp_continuous *continuous)
{
    (void)pthread_mutex_lock(&continuous->lock);
    continuous->is_stopping = true;
    (void)pthread_cond_broadcast(&continuous->is_woken);
    (void)pthread_mutex_unlock(&continuous->lock);
    if (continuous->has_worker)
        (void)pthread_join(continuous->worker, NULL);
    if (continuous->has_ticker)
        (void)pthread_join(continuous->ticker, NULL);
    continuous->has_worker = continuous->has_ticker = false;
}

void pp_continuous_finish(struct pp_continuous *continuous, struct pp_continuous_facts *facts_out)
{
    end_threads(continuous);
    pp_continuous_look(continuous, facts_out);
    pp_continuous_stop(continuous);
}

void pp_continuous_stop(struct pp_continuous *continuous)
{
    if (continuous == NULL)
        return;
    end_threads(continuous);
    for (uint32_t i = 0; i < continuous->n_sinks; i++)
        continuous->sinks[i]->free(continuous->sinks[i]);
    (void)pthread_cond_destroy(&continuous->is_woken);
    (void)pthread_mutex_destroy(&continuous->lock);
    free(continuous);
}
