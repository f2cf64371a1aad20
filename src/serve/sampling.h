/* Sampling that a client switched on until somebody stops it or its time is over: one at a time for
 * a server, of one process and of one kind or several. */
#ifndef PP_SERVE_SAMPLING_H
#define PP_SERVE_SAMPLING_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "serve/served.h"

struct pp_service;

enum { PP_SAMPLING_CPU = 1, PP_SAMPLING_HEAP = 2, PP_SAMPLING_N_KINDS = 2 };

/* What is asked for; 0: as it is, or at the start as usual. */
struct pp_sampling_wish {
    uint32_t kinds;
    double rate_hz, seconds;
};

struct pp_sampling {
    pthread_mutex_t lock;
    bool has_ended;     /* the limit was reached: 'profiles' wait for whoever asks */
    bool is_being_made; /* those profiles; then 'is_made' is signalled */
    pthread_cond_t is_made;
    struct pp_served *target;
    uint32_t kinds;  /* that are on, or wait; 0: nothing is */
    uint32_t window; /* of the CPU's */
    double rate_hz, highest_hz;
    struct pp_heap_mark heap_mark;
    uint64_t start_ns, limit_ns;                          /* CLOCK_MONOTONIC */
    struct pprofc_profile *profiles[PP_SAMPLING_N_KINDS]; /* by the kind's bit */
};

/* What there is of it now. */
struct pp_sampling_state {
    uint32_t kinds; /* 0: inactive */
    bool has_ended;
    int32_t pid;
    double rate_hz, seconds_so_far, seconds_left;
};

void pp_sampling_init(struct pp_sampling *sampling);
void pp_sampling_done(struct pp_sampling *sampling);

/* Switch it on.  -EALREADY when it is on already, -ENODATA for the heap of a process that does not
 * measure it, else errors of pp_served_begin_window(). */
int pp_sampling_start(struct pp_service *service, struct pp_served *target,
                      const struct pp_sampling_wish *wish, struct pprofc_error *err);

/* Go on otherwise: at another rate, until later, with another set of kinds; what a kind that goes
 * has sampled is forgotten.  '*rate_hz_out' is the rate from now on.  -ENOENT when nothing is on.
 */
int pp_sampling_change(struct pp_service *service, const struct pp_sampling_wish *wish,
                       double *rate_hz_out, struct pprofc_error *err);

/* End 'kind' and hand out its profile, or with 0 all of them and hand out the first's.  -ENOENT
 * when that is not on. */
int pp_sampling_stop(struct pp_service *service, uint32_t kind, struct pprofc_profile **profile_out,
                     struct pprofc_error *err);

void pp_sampling_look(struct pp_service *service, struct pp_sampling_state *state_out);

/* To be called about once a second: ends what has reached its limit. */
void pp_sampling_tick(struct pp_service *service);

#endif
