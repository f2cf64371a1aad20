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

/* One that is open: nothing is where it has neither kind. */
struct window {
    uint64_t begin_ns; /* CLOCK_REALTIME */
    bool has_cpu, has_heap;
    uint32_t cpu_window;
    struct pp_heap_mark heap_mark;
};

/* What the worker knows of a target. */
struct followed {
    bool is_known, has_ended;
    struct pp_schedule schedule;
    struct window window;
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

/* The heap as it is now, for the end of one window and the begin of the next. */
static int copy_heap(struct pp_served *target, struct pp_recording_reader **copy_out,
                     struct pprofc_error *err)
{
    return pp_served_has_heap(target) ? pp_served_fresh_snapshot(target, copy_out, err) : -ENODATA;
}

static bool is_open(const struct window *window)
{
    return window->has_cpu || window->has_heap;
}

/* A kind that cannot begin leaves the others alone.  'heap' is a copy of this moment, or NULL. */
static void open_window(struct pp_continuous *continuous, struct pp_served *target,
                        const struct pp_recording_reader *heap, struct window *window_out)
{
    struct window window = {.begin_ns = clock_ns(CLOCK_REALTIME)};
    struct pprofc_error err;

    if (wants(continuous, PP_SAMPLING_CPU) && measures_cpu(target)) {
        window.has_cpu = pp_served_begin_window(target, continuous->options.rate_hz,
                                                &window.cpu_window, &err) == 0;
        if (!window.has_cpu)
            count_missed(continuous, &err);
    }
    if (heap != NULL) {
        window.has_heap = pp_heap_mark_take(heap, &window.heap_mark) == 0;
        if (!window.has_heap) {
            pp_heap_mark_done(&window.heap_mark);
            (void)pp_fail(&err, -ENOMEM, 0, "no memory for a window of the heap");
            count_missed(continuous, &err);
        }
    }
    *window_out = window;
}

/* ---- and ends ---- */

/* To every sink: what one of them cannot do is its own matter, and it has counted it. */
static void hand_over(struct pp_continuous *continuous, const struct pp_served *target,
                      const struct window *window, const char *kind, struct pprofc_profile *profile)
{
    const struct pp_export_window exported = {.kind = kind,
                                              .program = target->program,
                                              .pid = target->pid,
                                              .begin_ns = window->begin_ns,
                                              .end_ns = clock_ns(CLOCK_REALTIME),
                                              .profile = profile};

    for (uint32_t i = 0; i < continuous->n_sinks; i++)
        (void)continuous->sinks[i]->take(continuous->sinks[i], &exported, NULL);
    count_window(continuous);
    pprofc_profile_free(profile);
}

static void close_cpu(struct pp_continuous *continuous, struct pp_served *target,
                      const struct window *window)
{
    const struct pp_profile_wish wish = {.target = target,
                                         .rate_hz = continuous->options.rate_hz,
                                         .block = continuous->options.block};
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;

    if (pp_service_end_window(continuous->service, &wish, window->cpu_window, &profile, &err) != 0)
        count_missed(continuous, &err);
    else
        hand_over(continuous, target, window, "cpu", profile);
}

/* What was allocated in the window, and what is in use at its end. */
static int read_heap(struct pp_continuous *continuous, struct pp_recording_reader *copy,
                     const struct pp_heap_mark *since, struct pprofc_profile **profile_out,
                     struct pprofc_error *err)
{
    const struct pp_recording_profile_options options = {
        .kind = PP_FAMILY_HEAP, .is_fresh = true, .heap_since = since, .has_whole_in_use = true};
    int status = pp_service_read(continuous->service, copy, &options, true, profile_out, err);

    if (status == 0 && continuous->options.block[0] != '\0') {
        status = pp_profile_block(*profile_out, continuous->options.block, false, err);
        if (status != 0)
            pprofc_profile_free(*profile_out);
    }
    return status;
}

static void close_heap(struct pp_continuous *continuous, struct pp_served *target,
                       const struct window *window, struct pp_recording_reader *copy)
{
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;

    if (read_heap(continuous, copy, &window->heap_mark, &profile, &err) != 0)
        count_missed(continuous, &err);
    else
        hand_over(continuous, target, window, "heap", profile);
}

/* End the window that is open, if any is, and with 'goes_on' begin the next one at the same moment:
 * names are made while that is under way, so that nothing is left out between the two. */
static void turn_over(struct pp_continuous *continuous, struct pp_served *target,
                      struct followed *followed, bool goes_on)
{
    struct window ended = followed->window;
    struct pp_recording_reader *heap = NULL;
    struct pprofc_error err;

    followed->window = (struct window){.has_cpu = false};
    if (wants(continuous, PP_SAMPLING_HEAP) && (ended.has_heap || goes_on)) {
        const int status = copy_heap(target, &heap, &err);
        if (status != 0 && status != -ENODATA)
            count_missed(continuous, &err);
    }
    if (goes_on)
        open_window(continuous, target, heap, &followed->window);
    if (ended.has_cpu)
        close_cpu(continuous, target, &ended);
    if (ended.has_heap && heap != NULL)
        close_heap(continuous, target, &ended, heap);
    pp_heap_mark_done(&ended.heap_mark);
    pp_recording_close(heap);
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

/* The window is over, or could not begin: the next one, at once where there is no rest. */
static void go_on(struct pp_continuous *continuous, struct pp_served *target,
                  struct followed *followed, bool is_alive)
{
    pp_schedule_next(&followed->schedule, clock_ns(CLOCK_MONOTONIC));
    turn_over(continuous, target, followed,
              is_alive && followed->schedule.begin_ns <= clock_ns(CLOCK_MONOTONIC));
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
    followed->has_ended = !is_alive;
    if (!followed->is_known)
        return;
    if (is_open(&followed->window)) {
        if (!is_alive || now_ns >= followed->schedule.end_ns)
            go_on(continuous, target, followed, is_alive);
    } else if (is_alive && now_ns >= followed->schedule.end_ns) {
        pp_schedule_next(&followed->schedule, now_ns); /* it could not begin */
    } else if (is_alive && now_ns >= followed->schedule.begin_ns) {
        turn_over(continuous, target, followed, true);
    }
}

/* When something is to be done; nobody tells us that a process has ended. */
static uint64_t next_ns(const struct pp_continuous *continuous, uint32_t n_targets)
{
    uint64_t next = clock_ns(CLOCK_MONOTONIC) + LOOK_MS * UINT64_C(1000000);

    for (uint32_t i = 0; i < n_targets; i++) {
        const struct followed *followed = &continuous->followed[i];
        const uint64_t at_ns =
            is_open(&followed->window) ? followed->schedule.end_ns : followed->schedule.begin_ns;
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
        turn_over(continuous, continuous->service->targets[i], &continuous->followed[i], false);
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
