/* The flight recorder's side of continuous mode: triggers, requests, and when a bundle is written.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "serve/continuous_private.h"
#include "serve/flight_signal.h"

enum { FLIGHT_WAIT_SECONDS = 30, FLIGHT_WINDOW_SECONDS = 10, LOOK_MS = 250 };

static void count_flight(struct pp_continuous *continuous, bool is_written)
{
    (void)pthread_mutex_lock(&continuous->lock);
    if (is_written)
        continuous->facts.n_flights++;
    else
        continuous->facts.n_flights_held_back++;
    (void)pthread_mutex_unlock(&continuous->lock);
}

/* Tell whoever waits for it. */
static void answer_request(struct pp_continuous *continuous, const struct pp_served *target,
                           int status, const char *path, const struct pprofc_error *err)
{
    struct pp_flight_request *request = &continuous->request;

    (void)pthread_mutex_lock(&continuous->lock);
    if (request->is_taken && request->n_waiting > 0 &&
        (request->target == NULL || request->target == target)) {
        if (status != 0) {
            request->status = status;
            request->err = *err;
        } else {
            (void)snprintf(request->path, sizeof request->path, "%s", path);
        }
        request->n_waiting--;
        (void)pthread_cond_broadcast(&continuous->is_written);
    }
    (void)pthread_mutex_unlock(&continuous->lock);
}

static void write_bundle(struct pp_continuous *continuous, struct pp_served *target,
                         struct pp_followed *followed)
{
    struct pprofc_error err;
    char path[PATH_MAX];
    int status;

    pp_continuous_note_doing(continuous, "the flight recorder's bundle", target);
    followed->cause.trigger = followed->trigger;
    status =
        pp_flight_write(continuous->service, target, &followed->ring, &continuous->options.triggers,
                        &followed->cause, continuous->directory, path, &err);
    if (strcmp(followed->trigger, "signal") == 0 && status == 0)
        pp_tell(&continuous->options.good_news, "wrote %s", path);
    else if (status != 0)
        pp_tell(&continuous->options.teller, "%s", err.message);
    followed->trigger = NULL;
    followed->cause.n_held_back = 0;
    if (status == 0)
        count_flight(continuous, true);
    answer_request(continuous, target, status, path, &err);
}

/* Write a bundle, unless there was one a moment ago: at once where a window is open, which ends
 * here so that this moment is in it, else of a short one that begins now. */
static void begin_flight(struct pp_continuous *continuous, struct pp_served *target,
                         struct pp_followed *followed, const char *trigger, uint64_t now_ns)
{
    struct pprofc_error err;

    if (followed->flight_ns != 0 &&
        now_ns < followed->flight_ns + (uint64_t)continuous->options.triggers.every_ns) {
        followed->cause.n_held_back++;
        count_flight(continuous, false);
        (void)pp_fail(&err, -EAGAIN, 0,
                      "a bundle of %s was written %llu s ago; another one is not for %llu s",
                      target->program,
                      (unsigned long long)((now_ns - followed->flight_ns) / 1000000000),
                      (unsigned long long)(continuous->options.triggers.every_ns / 1000000000));
        if (strcmp(trigger, "signal") == 0)
            pp_tell(&continuous->options.teller, "%s", err.message);
        answer_request(continuous, target, -EAGAIN, NULL, &err);
        return;
    }
    /* Who asks has not looked. */
    if (now_ns != followed->looked_ns)
        (void)pp_triggers_look(&continuous->options.triggers, &followed->trigger_state, target->pid,
                               now_ns, &followed->cause.values);
    followed->flight_ns = now_ns;
    followed->trigger = trigger;
    followed->flight_due_ns = now_ns;
    if (pp_continuous_is_open(&followed->window))
        return;
    followed->flight_due_ns += FLIGHT_WINDOW_SECONDS * UINT64_C(1000000000);
    pp_continuous_turn_over(continuous, target, followed, true);
}

void pp_continuous_tend_flight(struct pp_continuous *continuous, struct pp_served *target,
                               struct pp_followed *followed, uint64_t now_ns, bool is_alive)
{
    if (followed->trigger == NULL || (is_alive && now_ns < followed->flight_due_ns))
        return;
    pp_continuous_turn_over(continuous, target, followed,
                            is_alive && now_ns >= followed->schedule.begin_ns &&
                                now_ns < followed->schedule.end_ns);
    write_bundle(continuous, target, followed);
}

void pp_continuous_end_flight(struct pp_continuous *continuous, struct pp_served *target,
                              struct pp_followed *followed)
{
    if (followed->trigger != NULL)
        write_bundle(continuous, target, followed);
}

static bool has_limits(const struct pp_triggers *triggers)
{
    return triggers->cpu_ratio > 0 || triggers->memory_bytes > 0 || triggers->memory_share > 0 ||
           triggers->pressure > 0;
}

void pp_continuous_look_at_triggers(struct pp_continuous *continuous, struct pp_served *target,
                                    struct pp_followed *followed, uint64_t now_ns)
{
    const struct pp_triggers *triggers = &continuous->options.triggers;
    const char *trigger;

    if (!has_limits(triggers) || followed->trigger != NULL ||
        now_ns < followed->looked_ns + UINT64_C(1000000000))
        return;
    followed->looked_ns = now_ns;
    trigger = pp_triggers_look(triggers, &followed->trigger_state, target->pid, now_ns,
                               &followed->cause.values);
    if (trigger != NULL)
        begin_flight(continuous, target, followed, trigger, now_ns);
}

void pp_continuous_take_request(struct pp_continuous *continuous, uint32_t n_targets)
{
    struct pp_flight_request *request = &continuous->request;
    const uint64_t now_ns = pp_continuous_clock_ns(CLOCK_MONOTONIC);
    bool is_for[PP_SERVE_MAX_TARGETS];
    bool is_asked;

    (void)pthread_mutex_lock(&continuous->lock);
    is_asked = request->is_asked;
    request->is_asked = false;
    for (uint32_t i = 0; i < n_targets && is_asked; i++) {
        const struct pp_followed *followed = &continuous->followed[i];
        is_for[i] = followed->is_known && !followed->has_ended &&
                    (request->target == NULL || request->target == continuous->service->targets[i]);
        request->n_waiting += is_for[i];
    }
    request->is_taken |= is_asked;
    (void)pthread_cond_broadcast(&continuous->is_written);
    (void)pthread_mutex_unlock(&continuous->lock);
    for (uint32_t i = 0; i < n_targets && is_asked; i++)
        if (is_for[i])
            begin_flight(continuous, continuous->service->targets[i], &continuous->followed[i],
                         request->trigger, now_ns);
}

/* Whether some program is there, or has been. */
static bool has_met_any(const struct pp_continuous *continuous, uint32_t n_targets)
{
    for (uint32_t i = 0; i < n_targets; i++)
        if (continuous->followed[i].is_known)
            return true;
    return false;
}

/* Who sends it as soon as it is said where we serve, or as the program begins, means that program:
 * the signal waits for the first one, however long it takes, since there is nobody to be told that
 * there is none.  Where all have ended it is for nobody: a bundle of what begins at some later time
 * would not show what was meant. */
void pp_continuous_take_signal(struct pp_continuous *continuous, uint32_t n_targets)
{
    const uint64_t now_ns = pp_continuous_clock_ns(CLOCK_MONOTONIC);

    if (continuous->directory == NULL || !has_met_any(continuous, n_targets) ||
        !pp_flight_signal_take())
        return;
    for (uint32_t i = 0; i < n_targets; i++) {
        struct pp_followed *followed = &continuous->followed[i];
        if (followed->is_known && !followed->has_ended && followed->trigger == NULL)
            begin_flight(continuous, continuous->service->targets[i], followed, "signal", now_ns);
    }
}

static bool is_request_done(const struct pp_flight_request *request)
{
    return request->is_taken && request->n_waiting == 0;
}

static bool is_gone(const struct pp_http_request *client)
{
    return client != NULL && client->is_gone != NULL && client->is_gone(client->is_gone_context);
}

/* The lock is held. */
static void wait_for_bundle(struct pp_continuous *continuous, const struct pp_http_request *client)
{
    const uint64_t end_ns =
        pp_continuous_clock_ns(CLOCK_MONOTONIC) + FLIGHT_WAIT_SECONDS * UINT64_C(1000000000);

    while (!is_request_done(&continuous->request) && !continuous->is_stopping &&
           pp_continuous_clock_ns(CLOCK_MONOTONIC) < end_ns && !is_gone(client)) {
        const uint64_t until_ns =
            pp_continuous_clock_ns(CLOCK_MONOTONIC) + LOOK_MS * UINT64_C(1000000);
        const struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000),
                                       .tv_nsec = (long)(until_ns % 1000000000)};
        (void)pthread_cond_timedwait(&continuous->is_written, &continuous->lock, &until);
    }
}

int pp_continuous_flight(struct pp_continuous *continuous, struct pp_served *target,
                         const char *trigger, const struct pp_http_request *client,
                         char path_out[PATH_MAX], struct pprofc_error *err)
{
    struct pp_flight_request *request = &continuous->request, done;

    if (continuous->directory == NULL)
        return pp_fail(err, -ENOTSUP, 0, "bundles go into a history folder, and there is none");
    (void)pthread_mutex_lock(&continuous->request_lock);
    (void)pthread_mutex_lock(&continuous->lock);
    *request = (struct pp_flight_request){.target = target, .trigger = trigger, .is_asked = true};
    (void)pthread_cond_broadcast(&continuous->is_woken);
    wait_for_bundle(continuous, client);
    done = *request;
    *request = (struct pp_flight_request){.target = NULL};
    (void)pthread_mutex_unlock(&continuous->lock);
    (void)pthread_mutex_unlock(&continuous->request_lock);
    if (!is_request_done(&done))
        return pp_fail(err, -ETIMEDOUT, 0, "the flight recorder did not come to it");
    if (done.status != 0)
        return pp_fail(err, done.status, 0, "%s", done.err.message);
    if (done.path[0] == '\0')
        return pp_fail(err, -ESRCH, 0, "no process is there to be recorded");
    (void)snprintf(path_out, PATH_MAX, "%s", done.path);
    return 0;
}
