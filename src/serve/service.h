/* What is served, whoever speaks HTTP: processes and recordings, and the sampling that clients
 * switched on. Used by many threads at once. */
#ifndef PP_SERVE_SERVICE_H
#define PP_SERVE_SERVICE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "binary/symbolizer.h"
#include "formats/recording.h"
#include "serve/hot_functions.h"
#include "serve/http.h"
#include "serve/sampling.h"
#include "serve/served.h"

enum {
    PP_SERVE_DEFAULT_SECONDS = 30,
    PP_SERVE_DEFAULT_HZ = 100,
    PP_SERVE_MAX_SECONDS = 3600,
    PP_SERVE_SAMPLING_SECONDS = 600, /* /sampling/start without a limit of its own */
    PP_SERVE_MAX_TARGETS = 256,
    PP_SERVE_MAX_WAITING = 32, /* profiles being sampled: others are answered meanwhile */
};

struct pp_continuous;

struct pp_service {
    /* Only ever added to: who found one may use it until the service ends. */
    struct pp_served *targets[PP_SERVE_MAX_TARGETS];
    _Atomic uint32_t n_targets;
    pthread_mutex_t targets_lock; /* guards adding */
    struct pp_symbolizer *symbolizer;
    struct pp_sampling sampling;
    _Atomic int n_waiting;
    struct pp_hot_functions hot_functions;
    /* Continuous mode, where it is on, and how many look at it now: continuous.h. */
    struct pp_continuous *_Atomic continuous;
    _Atomic int n_continuous_users;
    bool hides_command_line;
    bool is_in_program; /* the process serves itself: no DWARF here */
};

/* 'is_in_program': the process serves itself, so that debug information stays out of it. */
int pp_service_init(struct pp_service *service, bool is_in_program, struct pprofc_error *err);

/* Serve also what 'name' (a process number, or a recording's path) stands for, from now on. */
int pp_service_add(struct pp_service *service, const char *name, struct pprofc_error *err);
void pp_service_done(struct pp_service *service);

/* The target that ?pid= asks for (of several recordings of a process the newest), else the first
 * that still runs, else the first; NULL when there is none. */
struct pp_served *pp_service_target(struct pp_service *service, const char *pid);

/* How a profile is asked for. */
struct pp_profile_wish {
    struct pp_served *target;
    double seconds, rate_hz;
    const char *block; /* libraries whose frames are folded into their callers; "" */
    const struct pp_http_request *request; /* whose client may go away; NULL */
    enum pp_rec_family kind;               /* 0: cpu */
    enum pp_recorded_view view;            /* another profile than that kind's own */
};

/* Sample for as long as asked and make the profile.  -ECANCELED when the client went away,
 * -ESHUTDOWN when the server is being stopped. */
int pp_service_profile(struct pp_service *service, const struct pp_profile_wish *wish,
                       struct pprofc_profile **profile_out, struct pprofc_error *err);

/* Everything that the target's recording holds of a kind, as pp_recordings_to_profile() has it.  In
 * a program that serves itself 'wants_lines' runs a child for them. */
int pp_service_whole(struct pp_service *service, struct pp_served *target, enum pp_rec_family kind,
                     bool wants_lines, struct pprofc_profile **profile_out,
                     struct pprofc_error *err);

/* The same as another profile than a kind's own. */
int pp_service_whole_view(struct pp_service *service, struct pp_served *target,
                          enum pp_rec_family kind, enum pp_recorded_view view, bool wants_lines,
                          struct pprofc_profile **profile_out, struct pprofc_error *err);

/* The same of 'reader', which was taken of 'target', as 'options' say. */
int pp_service_read(struct pp_service *service, struct pp_recording_reader *reader,
                    const struct pp_recording_profile_options *options, bool wants_lines,
                    struct pprofc_profile **profile_out, struct pprofc_error *err);

/* Let the time of 'wish' pass, or until its process has ended.  -ECANCELED when the client went
 * away, -ESHUTDOWN when the server is being stopped, -EBUSY when too many wait. */
int pp_service_wait(struct pp_service *service, const struct pp_profile_wish *wish,
                    struct pprofc_error *err);

/* One more that keeps its client waiting: -EBUSY when there are too many.  To be ended in any case.
 */
int pp_service_begin_waiting(struct pp_service *service, struct pprofc_error *err);
void pp_service_end_waiting(struct pp_service *service);

/* The heap of the wish's target: all of it with 'seconds' 0, else what came in that time.  With
 * 'is_since_last' what was allocated since that was asked for last, and what is in use. */
int pp_service_heap(struct pp_service *service, const struct pp_profile_wish *wish,
                    bool is_since_last, struct pprofc_profile **profile_out,
                    struct pprofc_error *err);

/* Two heaps to be compared, and their difference, where its error is known better than from the
 * two. */
struct pp_heap_pair {
    struct pprofc_profile *before, *after, *change; /* pp_heap_pair_done() frees them in any case */
};

/* The heap now and when the wish's time is over, with all that grew between. */
int pp_service_heap_moments(struct pp_service *service, const struct pp_profile_wish *wish,
                            struct pp_heap_pair *pair, struct pprofc_error *err);

/* What is allocated in the wish's time and in the 'after_seconds' that follow it; with 0, from the
 * process's start until now and in the wish's time. */
int pp_service_heap_windows(struct pp_service *service, const struct pp_profile_wish *wish,
                            double after_seconds, struct pp_heap_pair *pair,
                            struct pprofc_error *err);
void pp_heap_pair_done(struct pp_heap_pair *pair);

/* Where each thread of the process stands now. */
int pp_service_threads(struct pp_service *service, struct pp_served *target,
                       struct pprofc_profile **profile_out, struct pprofc_error *err);

/* The same without stacks: counts and quality, which need no names. */
int pp_service_facts(struct pp_served *target, struct pprofc_profile **profile_out,
                     struct pprofc_error *err);

/* A window that is over. */
struct pp_ended_window {
    struct pp_recording_window span;
    double highest_hz; /* that the sampler had meanwhile */
};

/* End window 'index' of 'target': what it is read from, to be closed, and the two make the profiles
 * of all its kinds: 'wish' says which. */
int pp_service_close_window(struct pp_served *target, uint32_t index,
                            struct pp_ended_window *window_out,
                            struct pp_recording_reader **reader_out, struct pprofc_error *err);
int pp_service_read_window(struct pp_service *service, const struct pp_profile_wish *wish,
                           struct pp_recording_reader *reader, const struct pp_ended_window *window,
                           struct pprofc_profile **profile_out, struct pprofc_error *err);

/* End 'window' of 'wish' and make its profile. */
int pp_service_end_window(struct pp_service *service, const struct pp_profile_wish *wish,
                          uint32_t window, struct pprofc_profile **profile_out,
                          struct pprofc_error *err);

/* To be called about once a second: what has a time limit ends. */
void pp_service_tick(struct pp_service *service);

/* Answer 'request': the one entrance.  May take as long as the client asks for. */
void pp_service_answer(struct pp_service *service, const struct pp_http_request *request,
                       struct pp_http_answer *answer);

#endif
