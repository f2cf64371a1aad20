/* Windows of continuous mode: begun, ended, handed over. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "serve/continuous_kinds.h"
#include "serve/continuous_private.h"

uint64_t pp_continuous_clock_ns(clockid_t clock)
{
    struct timespec now = {0, 0};

    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

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

/* ---- a window begins ---- */

/* Those of 'source' that are wanted and measured, as bits. */
static uint32_t kinds_of(const struct pp_continuous *continuous, struct pp_served *target,
                         enum pp_continuous_source source)
{
    const uint32_t wanted = continuous->options.kinds;
    uint32_t kinds = 0;

    for (size_t i = 0; i < pp_n_continuous_kinds; i++)
        if (pp_continuous_kinds[i].source == source)
            kinds |= pp_continuous_kind_bit(&pp_continuous_kinds[i]);
    return kinds & (wanted != 0 ? wanted : kinds) & pp_recording_kinds(pp_served_header(target));
}

bool pp_continuous_is_open(const struct pp_taken_window *window)
{
    return window->event_kinds != 0 || window->has_heap;
}

/* A kind that cannot begin leaves the others alone.  'heap' is a copy of this moment, or NULL. */
static void open_window(struct pp_continuous *continuous, struct pp_served *target,
                        const struct pp_recording_reader *heap, struct pp_taken_window *window_out)
{
    struct pp_taken_window window = {.begin_ns = pp_continuous_clock_ns(CLOCK_REALTIME)};
    struct pprofc_error err;

    window.event_kinds = kinds_of(continuous, target, PP_WINDOW_OF_EVENTS);
    if (window.event_kinds != 0 &&
        pp_served_begin_window(target, continuous->options.rate_hz, &window.events, &err) != 0) {
        window.event_kinds = 0;
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
                      const struct pp_taken_window *window, const char *kind,
                      struct pprofc_profile *profile, struct pp_flight_ring *ring)
{
    const struct pp_export_window exported = {.kind = kind,
                                              .program = target->program,
                                              .pid = target->pid,
                                              .begin_ns = window->begin_ns,
                                              .end_ns = pp_continuous_clock_ns(CLOCK_REALTIME),
                                              .profile = profile};

    for (uint32_t i = 0; i < continuous->n_sinks; i++)
        (void)continuous->sinks[i]->take(continuous->sinks[i], &exported, NULL);
    if (ring != NULL)
        (void)pp_flight_keep(ring, &exported, NULL);
    count_window(continuous);
    pprofc_profile_free(profile);
}

static void close_kind(struct pp_continuous *continuous, struct pp_served *target,
                       const struct pp_taken_window *window, const struct pp_ended_window *ended,
                       struct pp_recording_reader *reader, const struct pp_continuous_kind *kind,
                       struct pp_flight_ring *ring)
{
    const struct pp_profile_wish wish = {.target = target,
                                         .rate_hz = continuous->options.rate_hz,
                                         .block = continuous->options.block,
                                         .kind = kind->family};
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;

    if (pp_service_read_window(continuous->service, &wish, reader, ended, &profile, &err) != 0)
        count_missed(continuous, &err);
    else
        hand_over(continuous, target, window, kind->name, profile,
                  kind->is_of_flights ? ring : NULL);
}

/* The window of all kinds that are made of events. */
static void close_events(struct pp_continuous *continuous, struct pp_served *target,
                         const struct pp_taken_window *window, struct pp_flight_ring *ring)
{
    struct pp_recording_reader *reader = NULL;
    struct pp_ended_window ended;
    struct pprofc_error err;

    if (pp_service_close_window(target, window->events, &ended, &reader, &err) != 0) {
        count_missed(continuous, &err);
        return;
    }
    for (size_t i = 0; i < pp_n_continuous_kinds; i++)
        if ((window->event_kinds & pp_continuous_kind_bit(&pp_continuous_kinds[i])) != 0)
            close_kind(continuous, target, window, &ended, reader, &pp_continuous_kinds[i], ring);
    pp_recording_close(reader);
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
                       const struct pp_taken_window *window, struct pp_recording_reader *copy)
{
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;

    if (read_heap(continuous, copy, &window->heap_mark, &profile, &err) != 0)
        count_missed(continuous, &err);
    else
        hand_over(continuous, target, window, "heap", profile, NULL);
}

void pp_continuous_note_doing(struct pp_continuous *continuous, const char *what,
                              const struct pp_served *target)
{
    (void)pthread_mutex_lock(&continuous->lock);
    (void)snprintf(continuous->doing, sizeof continuous->doing, "%s of %.100s (process %d)", what,
                   target->program, target->pid);
    (void)pthread_mutex_unlock(&continuous->lock);
}

void pp_continuous_turn_over(struct pp_continuous *continuous, struct pp_served *target,
                             struct pp_followed *followed, bool goes_on)
{
    struct pp_taken_window ended = followed->window;
    struct pp_recording_reader *heap = NULL;
    struct pprofc_error err;

    pp_continuous_note_doing(continuous, "the last window", target);
    followed->window = (struct pp_taken_window){.event_kinds = 0};
    /* Of a process that has ended what it measured was seen early, maybe before it said so. */
    if ((ended.has_heap || (goes_on && kinds_of(continuous, target, PP_WINDOW_OF_SITES) != 0)) &&
        pp_served_fresh_snapshot(target, &heap, &err) != 0)
        count_missed(continuous, &err);
    if (goes_on)
        open_window(continuous, target, heap, &followed->window);
    if (ended.event_kinds != 0)
        close_events(continuous, target, &ended,
                     continuous->directory != NULL ? &followed->ring : NULL);
    if (ended.has_heap && heap != NULL)
        close_heap(continuous, target, &ended, heap);
    pp_heap_mark_done(&ended.heap_mark);
    pp_recording_close(heap);
}
