/* Between the files continuous*.c: the state of continuous mode.
 *
 * The worker alone writes 'followed' and speaks to the sinks; 'lock' guards what stands behind it.
 */
#ifndef PP_SERVE_CONTINUOUS_PRIVATE_H
#define PP_SERVE_CONTINUOUS_PRIVATE_H

#include <pthread.h>

#include "formats/recording_heap.h"
#include "serve/continuous.h"
#include "serve/flight.h"
#include "serve/schedule.h"

/* One that is open: nothing is where it has neither kind. */
struct pp_taken_window {
    uint64_t begin_ns;    /* CLOCK_REALTIME */
    uint32_t event_kinds; /* bits; the window 'events' is theirs */
    uint32_t events;
    bool has_heap;
    struct pp_heap_mark heap_mark;
};

/* What the worker knows of a target. */
struct pp_followed {
    bool is_known, has_ended;
    struct pp_schedule schedule;
    struct pp_taken_window window;
    /* The flight recorder's. */
    struct pp_flight_ring ring;
    struct pp_trigger_state trigger_state;
    uint64_t looked_ns,
        flight_ns;       /* CLOCK_MONOTONIC; of the last look and the last bundle; 0: none */
    const char *trigger; /* what is to be written, at 'flight_due_ns'; NULL: nothing */
    uint64_t flight_due_ns;
    struct pp_flight_cause cause;
};

/* What somebody waits for. */
struct pp_flight_request {
    struct pp_served *target; /* NULL: all */
    const char *trigger;
    bool is_asked, is_taken; /* by the worker */
    uint32_t n_waiting;      /* bundles that are still to come */
    int status;
    char path[PATH_MAX];
    struct pprofc_error err;
};

struct pp_continuous {
    struct pp_service *service;
    struct pp_continuous_options options;
    struct pp_sink *sinks[PP_CONTINUOUS_MAX_SINKS];
    uint32_t n_sinks, n_own_sinks; /* the others, behind, are the caller's */
    struct pp_sink *directory;     /* one of them, where bundles go; NULL: none */
    struct pp_followed followed[PP_SERVE_MAX_TARGETS]; /* the worker's */
    pthread_t worker, ticker;
    bool has_worker, has_ticker;
    pthread_mutex_t lock;
    pthread_cond_t is_woken; /* CLOCK_MONOTONIC */
    pthread_cond_t is_written;
    bool is_stopping;
    uint64_t end_ns;       /* CLOCK_MONOTONIC: when all is to be done, once it is stopping */
    bool has_worker_ended; /* tells by is_written */
    char doing[PP_CONTINUOUS_DOING_BYTES]; /* the worker, now */
    pthread_mutex_t request_lock;          /* one request after the other */
    struct pp_flight_request request;
    struct pp_continuous_facts facts;
};

/* ---- continuous_windows.c ---- */

uint64_t pp_continuous_clock_ns(clockid_t clock);
bool pp_continuous_is_open(const struct pp_taken_window *window);

/* What the worker does now, in words for who does not wait for it; 'what' is "a window", say. */
void pp_continuous_note_doing(struct pp_continuous *continuous, const char *what,
                              const struct pp_served *target);

/* End the window that is open, if any is, and with 'goes_on' begin the next one at the same moment:
 * names are made while that is under way, so that nothing is left out between the two. */
void pp_continuous_turn_over(struct pp_continuous *continuous, struct pp_served *target,
                             struct pp_followed *followed, bool goes_on);

/* ---- continuous_flight.c ---- */

/* What somebody has asked for. */
void pp_continuous_take_request(struct pp_continuous *continuous, uint32_t n_targets);

/* What pp_flight_signal_note() has noted, once there is a program. */
void pp_continuous_take_signal(struct pp_continuous *continuous, uint32_t n_targets);

/* About once a second. */
void pp_continuous_look_at_triggers(struct pp_continuous *continuous, struct pp_served *target,
                                    struct pp_followed *followed, uint64_t now_ns);

/* The end: a bundle that waits for its window does not any more. */
void pp_continuous_end_flight(struct pp_continuous *continuous, struct pp_served *target,
                              struct pp_followed *followed);

/* Where a bundle is due: what is open ends, and goes on where its own time is not over. */
void pp_continuous_tend_flight(struct pp_continuous *continuous, struct pp_served *target,
                               struct pp_followed *followed, uint64_t now_ns, bool is_alive);

#endif
