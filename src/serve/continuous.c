/* Continuous mode's threads. */
#include "serve/continuous.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "export/directory.h"
#include "export/from_environment.h"
#include "serve/continuous_private.h"
#include "serve/threads.h"

/* Wants hold for three seconds.  Who catches the flight recorder's signal in the program can but
 * note it, so that is looked for more often; all else is as good a second later. */
enum { LOOK_MS = 1000, SIGNAL_LOOK_MS = 250, TICK_MS = 1000, SOON_MS = 10 };

static const uint64_t BEGIN_NS = UINT64_C(1000000000);

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

/* ---- the worker ---- */

static uint64_t draw_seed(void)
{
    uint64_t seed = 0;

    /* Early in a machine's life there may be none: the clock and the process will do. */
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
        seed = pp_continuous_clock_ns(CLOCK_REALTIME) ^ (uint64_t)getpid() << 32;
    return seed;
}

/* At its beginning a session may not have got as far as to measure it. */
static bool is_asked_for_heap(struct pp_served *target)
{
    return (atomic_load(&pp_served_header(target)->kinds) & 1U << (PP_FAMILY_HEAP - 1)) != 0;
}

/* Whether it can be said what it measures; one that asked for the heap may not get it. */
static bool has_begun(struct pp_served *target, uint64_t now_ns)
{
    return !is_asked_for_heap(target) || pp_served_has_heap(target) ||
           now_ns > (uint64_t)pp_served_header(target)->start_monotonic_ns + BEGIN_NS;
}

static void meet(struct pp_continuous *continuous, struct pp_served *target,
                 struct pp_followed *followed, uint64_t now_ns)
{
    followed->is_known = true;
    pp_schedule_init(&followed->schedule, (uint64_t)continuous->options.on_ns,
                     (uint64_t)continuous->options.whole_ns, draw_seed(), now_ns);
    /* Windows of samples wake a paused session.  Those of the heap do not, and what is in use can
     * only be known where it is followed all the time. */
    if (continuous->options.rests && !is_asked_for_heap(target))
        (void)pp_served_command(target, PP_REQUEST_PAUSE, 0, NULL);
}

/* The window is over, or could not begin: the next one, at once where there is no rest. */
static void go_on(struct pp_continuous *continuous, struct pp_served *target,
                  struct pp_followed *followed, bool is_alive)
{
    pp_schedule_next(&followed->schedule, pp_continuous_clock_ns(CLOCK_MONOTONIC));
    pp_continuous_turn_over(continuous, target, followed,
                            is_alive && followed->schedule.begin_ns <=
                                            pp_continuous_clock_ns(CLOCK_MONOTONIC));
}

static void tend(struct pp_continuous *continuous, struct pp_served *target,
                 struct pp_followed *followed)
{
    const uint64_t now_ns = pp_continuous_clock_ns(CLOCK_MONOTONIC);
    const bool is_alive = pp_served_is_alive(target);

    if (followed->has_ended)
        return;
    if (!followed->is_known && is_alive && has_begun(target, now_ns))
        meet(continuous, target, followed, now_ns);
    followed->has_ended = !is_alive;
    if (!followed->is_known)
        return;
    if (continuous->directory != NULL) {
        if (is_alive)
            pp_continuous_look_at_triggers(continuous, target, followed, now_ns);
        pp_continuous_tend_flight(continuous, target, followed, now_ns, is_alive);
    }
    if (pp_continuous_is_open(&followed->window)) {
        if (!is_alive || (now_ns >= followed->schedule.end_ns &&
                          followed->schedule.begin_ns <= now_ns && followed->trigger == NULL))
            go_on(continuous, target, followed, is_alive);
    } else if (is_alive && now_ns >= followed->schedule.end_ns) {
        pp_schedule_next(&followed->schedule, now_ns); /* it could not begin */
    } else if (is_alive && now_ns >= followed->schedule.begin_ns) {
        pp_continuous_turn_over(continuous, target, followed, true);
    }
}

/* When something is to be done; nobody tells us that a process has ended. */
static uint64_t next_ns(const struct pp_continuous *continuous, uint32_t n_targets)
{
    const uint64_t look_ms = continuous->options.triggers.signo != 0 ? SIGNAL_LOOK_MS : LOOK_MS;
    const uint64_t now_ns = pp_continuous_clock_ns(CLOCK_MONOTONIC);
    const uint64_t soon_ns = now_ns + SOON_MS * UINT64_C(1000000);
    uint64_t next = now_ns + look_ms * UINT64_C(1000000);

    for (uint32_t i = 0; i < n_targets; i++) {
        const struct pp_followed *followed = &continuous->followed[i];
        const uint64_t at_ns = pp_continuous_is_open(&followed->window)
                                   ? followed->schedule.end_ns
                                   : followed->schedule.begin_ns;
        if (!followed->is_known && !followed->has_ended && soon_ns < next)
            next = soon_ns;
        if (followed->is_known && !followed->has_ended && at_ns < next)
            next = at_ns;
    }
    return next;
}

/* Or until there are more than 'n_targets'.  False when it is time to end. */
static bool wait_until(struct pp_continuous *continuous, uint32_t n_targets, uint64_t until_ns)
{
    const struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000),
                                   .tv_nsec = (long)(until_ns % 1000000000)};
    bool goes_on;

    (void)pthread_mutex_lock(&continuous->lock);
    while (!continuous->is_stopping && !continuous->request.is_asked &&
           atomic_load(&continuous->service->n_targets) == n_targets &&
           pthread_cond_timedwait(&continuous->is_woken, &continuous->lock, &until) != ETIMEDOUT)
        continue;
    goes_on = !continuous->is_stopping;
    (void)pthread_mutex_unlock(&continuous->lock);
    return goes_on;
}

static void finish(struct pp_continuous *continuous)
{
    const uint64_t limit_ns = continuous->end_ns; /* nobody writes it any more */
    const uint32_t n_targets = atomic_load(&continuous->service->n_targets);

    for (uint32_t i = 0; i < n_targets; i++)
        pp_continuous_turn_over(continuous, continuous->service->targets[i],
                                &continuous->followed[i], false);
    for (uint32_t i = 0; i < n_targets; i++)
        pp_continuous_end_flight(continuous, continuous->service->targets[i],
                                 &continuous->followed[i]);
    for (uint32_t i = 0; i < continuous->n_sinks; i++) {
        const uint64_t now_ns = pp_continuous_clock_ns(CLOCK_MONOTONIC);
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
        pp_continuous_take_request(continuous, n_targets);
        pp_continuous_take_signal(continuous, n_targets);
        for (uint32_t i = 0; i < n_targets; i++)
            tend(continuous, continuous->service->targets[i], &continuous->followed[i]);
    } while (wait_until(continuous, n_targets, next_ns(continuous, n_targets)));
    finish(continuous);
    (void)pthread_mutex_lock(&continuous->lock);
    continuous->has_worker_ended = true;
    (void)pthread_cond_broadcast(&continuous->is_written);
    (void)pthread_mutex_unlock(&continuous->lock);
    return NULL;
}

/* Names may take seconds, the wants hold for three. */
static void *ticker_main(void *argument)
{
    struct pp_continuous *continuous = argument;

    pp_serve_thread_leave_profiles();
    do
        pp_service_tick(continuous->service);
    while (wait_until(continuous, atomic_load(&continuous->service->n_targets),
                      pp_continuous_clock_ns(CLOCK_MONOTONIC) + TICK_MS * UINT64_C(1000000)));
    return NULL;
}

/* ---- start and stop ---- */

/* What waits to be sent lies beside the history, so that the next run finds it. */
static int make_exporters(struct pp_continuous *continuous, struct pprofc_error *err)
{
    const struct pp_continuous_options *options = &continuous->options;
    struct pp_sinks_wish wish = {.list = options->export_to,
                                 .hides_command = options->hides_command,
                                 .teller = options->teller};
    pp_autobuffer struct pp_buffer queue = PP_BUFFER_INIT;
    int n;

    if (options->folder != NULL) {
        pp_buffer_printf(&queue, "%s/queue", options->folder);
        if (queue.failed)
            return pp_fail(err, -ENOMEM, 0, "no memory for continuous mode");
        wish.queue_folder = queue.bytes;
    }
    n = pp_sinks_make(&wish, continuous->sinks + continuous->n_sinks, err);
    continuous->n_sinks += n > 0 ? (uint32_t)n : 0;
    return n < 0 ? n : 0;
}

static int make_sinks(struct pp_continuous *continuous, struct pprofc_error *err)
{
    const struct pp_continuous_options *options = &continuous->options;
    int status = 0;

    if (options->folder != NULL)
        status = pp_directory_new(options->folder, &options->keep, &continuous->sinks[0], err);
    continuous->n_sinks = status == 0 && options->folder != NULL;
    continuous->directory = continuous->sinks[0];
    if (status == 0 && options->export_to != NULL)
        status = make_exporters(continuous, err);
    continuous->n_own_sinks = continuous->n_sinks;
    for (uint32_t i = 0; status == 0 && i < options->n_others; i++)
        if (continuous->n_sinks < PP_CONTINUOUS_MAX_SINKS)
            continuous->sinks[continuous->n_sinks++] = options->others[i];
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
    (void)pthread_cond_init(&continuous->is_written, &attributes);
    (void)pthread_mutex_init(&continuous->request_lock, NULL);
    (void)pthread_condattr_destroy(&attributes);
    status = make_sinks(continuous, err);
    if (status == 0)
        status = start_threads(continuous, err);
    if (status != 0) {
        pp_continuous_stop(continuous);
        return status;
    }
    atomic_store(&service->continuous, continuous);
    *continuous_out = continuous;
    return 0;
}

void pp_continuous_look_at_new(struct pp_continuous *continuous)
{
    (void)pthread_mutex_lock(&continuous->lock);
    (void)pthread_cond_broadcast(&continuous->is_woken);
    (void)pthread_mutex_unlock(&continuous->lock);
}

void pp_continuous_begin_end(struct pp_continuous *continuous)
{
    (void)pthread_mutex_lock(&continuous->lock);
    if (!continuous->is_stopping)
        continuous->end_ns = pp_continuous_clock_ns(CLOCK_MONOTONIC) +
                             (uint64_t)(continuous->options.end_seconds * 1e9);
    continuous->is_stopping = true;
    (void)pthread_cond_broadcast(&continuous->is_woken);
    (void)pthread_cond_broadcast(&continuous->is_written);
    (void)pthread_mutex_unlock(&continuous->lock);
}

static void end_threads(struct pp_continuous *continuous)
{
    pp_continuous_begin_end(continuous);
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

/* False when the worker is still at something; the second is for what drained till the last moment.
 */
static bool wait_for_worker(struct pp_continuous *continuous, char *doing_out)
{
    bool has_ended;

    (void)pthread_mutex_lock(&continuous->lock);
    while (continuous->has_worker && !continuous->has_worker_ended) {
        const uint64_t until_ns = continuous->end_ns + UINT64_C(1000000000);
        const struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000),
                                       .tv_nsec = (long)(until_ns % 1000000000)};
        if (pthread_cond_timedwait(&continuous->is_written, &continuous->lock, &until) == ETIMEDOUT)
            break;
    }
    has_ended = !continuous->has_worker || continuous->has_worker_ended;
    (void)snprintf(doing_out, PP_CONTINUOUS_DOING_BYTES, "%s", continuous->doing);
    (void)pthread_mutex_unlock(&continuous->lock);
    return has_ended;
}

bool pp_continuous_finish_in_time(struct pp_continuous *continuous,
                                  struct pp_continuous_facts *facts_out,
                                  char doing_out[PP_CONTINUOUS_DOING_BYTES])
{
    pp_continuous_begin_end(continuous);
    if (wait_for_worker(continuous, doing_out)) {
        pp_continuous_finish(continuous, facts_out);
        return true;
    }
    if (continuous->directory != NULL)
        pp_directory_give_up(continuous->directory);
    pp_continuous_look(continuous, facts_out);
    return false;
}

struct pp_continuous *pp_continuous_borrow(struct pp_service *service)
{
    struct pp_continuous *continuous;

    (void)atomic_fetch_add(&service->n_continuous_users, 1);
    continuous = atomic_load(&service->continuous);
    if (continuous == NULL)
        pp_continuous_give_back(service);
    return continuous;
}

void pp_continuous_give_back(struct pp_service *service)
{
    (void)atomic_fetch_sub(&service->n_continuous_users, 1);
}

/* Who waits for a bundle has been woken; nobody else holds it for longer than a moment. */
static void wait_for_users(struct pp_service *service)
{
    const struct timespec moment = {0, 1000000};

    while (atomic_load(&service->n_continuous_users) > 0)
        (void)nanosleep(&moment, NULL);
}

void pp_continuous_stop(struct pp_continuous *continuous)
{
    if (continuous == NULL)
        return;
    atomic_store(&continuous->service->continuous, NULL);
    end_threads(continuous);
    wait_for_users(continuous->service);
    for (uint32_t i = 0; i < continuous->n_own_sinks; i++)
        continuous->sinks[i]->free(continuous->sinks[i]);
    for (uint32_t i = 0; i < PP_SERVE_MAX_TARGETS; i++)
        pp_flight_ring_done(&continuous->followed[i].ring);
    (void)pthread_cond_destroy(&continuous->is_woken);
    (void)pthread_cond_destroy(&continuous->is_written);
    (void)pthread_mutex_destroy(&continuous->lock);
    (void)pthread_mutex_destroy(&continuous->request_lock);
    free(continuous);
}
