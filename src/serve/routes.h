/* The paths that are served, one function each. */
#ifndef PP_SERVE_ROUTES_H
#define PP_SERVE_ROUTES_H

#include "serve/service.h"

struct pp_call {
    struct pp_service *service;
    struct pp_served *target; /* by ?pid=, else the first */
    const struct pp_http_request *request;
    struct pp_http_answer *answer;
    const char *name; /* the last part of the path: "heap", "profile" */
};

typedef void pp_route(struct pp_call *call);

/* route_profile.c */
pp_route pp_route_profile;    /* profile, flamegraph, /pprof/profile: sample, then answer */
pp_route pp_route_top;        /* the table of what the recording holds */
pp_route pp_route_tree;       /* its call tree */
pp_route pp_route_later_kind; /* kinds that the process does not measure: valid and empty */

/* route_waits.c */
pp_route pp_route_waits; /* offcpu, lock, contention, wall, fgprof, block, mutex, delta_* */

/* Whether the process measures what that name stands for: "block", "wall" .. */
bool pp_waits_are_measured(const char *name, struct pp_served *target);

/* route_flight.c */
pp_route pp_route_flight; /* the flight recorder's bundle */

/* route_heap.c */
pp_route pp_route_heap; /* heap, allocs, delta_heap, growth */

/* route_leak.c */
pp_route pp_route_leak; /* suspects, by a look that pauses the program */

/* route_facts.c */
pp_route pp_route_index;
pp_route pp_route_cmdline;
pp_route pp_route_threadcreate;
pp_route pp_route_quality;
pp_route pp_route_overhead;
pp_route pp_route_healthz;
pp_route pp_route_trace;
pp_route pp_route_off;

/* route_compare.c */
pp_route pp_route_diff;

/* route_compare_heap.c */
pp_route pp_route_diff_heap; /* the same with kind=heap or allocs */

/* route_symbol.c */
pp_route pp_route_symbol;

/* route_threads.c */
pp_route pp_route_goroutine;

/* route_sampling.c */
pp_route pp_route_sampling_start;
pp_route pp_route_sampling_change;
pp_route pp_route_sampling_stop;
pp_route pp_route_sampling_status;

/* route_metrics.c */
pp_route pp_route_metrics;

/* Put 'profile' into the answer as 'format' names it (NULL: 'otherwise'); the profile is freed.
 * 'file_name' is what a browser saves pprof files as. */
void pp_answer_profile(struct pp_call *call, struct pprofc_profile *profile, const char *format,
                       const char *otherwise, const char *file_name);

/* ?format=, or what ?debug=1 means; NULL when neither is given. */
const char *pp_call_format(const struct pp_call *call);

/* The kind that ?kind= names of those that are measured; false after a 400. */
bool pp_call_kind(struct pp_call *call, enum pp_rec_family *kind_out,
                  enum pp_recorded_view *view_out);

/* Show the sample type that ?sample= (or sample_index=) names; false after a 400, when the profile
 * is freed. */
bool pp_call_choose_type(struct pp_call *call, struct pprofc_profile *profile);

/* Whether the answer is a picture whatever the kind: /debug/pprof/flamegraph. */
bool pp_call_is_picture(const struct pp_call *call);

/* Whether gperftools' own pprof asks: /pprof/ without a wish for a format. */
bool pp_call_is_gperftools(const struct pp_call *call);

/* What ?seconds= of a kind that is a difference asks for, 0 without it; false after a 400. */
bool pp_call_delta(struct pp_call *call, double *seconds_out);

/* Whether it is one; pp_answer_profile() says which there are. */
bool pp_call_format_is_known(const struct pp_call *call);

/* A number of seconds, ?seconds= or another; 'otherwise' when it is missing or 0; false after a
 * 400. */
bool pp_call_seconds(struct pp_call *call, const char *name, double otherwise, double *seconds_out);

/* ?frequency= (or hz=); false after a 400. */
bool pp_call_rate(struct pp_call *call, double *rate_hz_out);

#endif
