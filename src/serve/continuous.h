/* Continuous mode: windows of all that is served, one after the other or with rests, each handed to
 * every sink.  One thread does it; a second one keeps the windows' wants alive while the first
 * makes names. */
#ifndef PP_SERVE_CONTINUOUS_H
#define PP_SERVE_CONTINUOUS_H

#include <limits.h>

#include "export/sink.h"
#include "serve/continuous_options.h"
#include "serve/service.h"

struct pp_continuous;

enum { PP_CONTINUOUS_MAX_SINKS = 8 };

/* Counted since the start, of all targets together. */
struct pp_continuous_facts {
    uint64_t n_windows; /* made, of every kind */
    uint64_t n_missed;  /* could not begin, or not be made: the process did not answer, no memory */
    uint64_t n_flights; /* bundles of the flight recorder; .. */
    uint64_t n_flights_held_back; /* .. and triggers that came too soon after one */
    char last_error[256];
    uint32_t n_sinks;
    struct {
        const char *name;
        struct pp_sink_facts facts;
    } sinks[PP_CONTINUOUS_MAX_SINKS];
};

/* Begin, of what 'service' has now and what is added later.  The sinks that 'options' name are made
 * here and owned by it.  What making them gives; -ENOMEM. */
int pp_continuous_start(struct pp_service *service, const struct pp_continuous_options *options,
                        struct pp_continuous **continuous_out, struct pprofc_error *err);

/* 'service' has one more: its first window begins now, not at the next look. */
void pp_continuous_look_at_new(struct pp_continuous *continuous);

/* End the windows that are open (whoever serves 'service' has stopped), hand them to the sinks, and
 * give those the options' seconds to get done.  NULL is fine. */
void pp_continuous_stop(struct pp_continuous *continuous);

/* Say that the end has come: the options' seconds run from here on, and nobody waits for a bundle
 * any more. */
void pp_continuous_begin_end(struct pp_continuous *continuous);

/* The same as stopping it, and what it came to. */
void pp_continuous_finish(struct pp_continuous *continuous, struct pp_continuous_facts *facts_out);

enum { PP_CONTINUOUS_DOING_BYTES = 192 };

/* For a process that ends now: true when all was done a second after the options' time, as by
 * pp_continuous_finish().  Else 'doing_out' is what was being done; nothing appears in the history
 * any more, and nothing may be freed: leave by _exit(). */
bool pp_continuous_finish_in_time(struct pp_continuous *continuous,
                                  struct pp_continuous_facts *facts_out,
                                  char doing_out[PP_CONTINUOUS_DOING_BYTES]);

/* Have the flight recorder write a bundle of 'target' (NULL: of all that run) for 'trigger', as
 * "request", and wait for it, or until the client of 'client' (may be NULL) has gone; 'path_out' is
 * where its facts lie.  -EAGAIN when there was one a
 * moment ago, which 'err' names; -ENOTSUP without a folder; -ESRCH; -ETIMEDOUT, and then it may
 * still come; else what writing it gives. */
int pp_continuous_flight(struct pp_continuous *continuous, struct pp_served *target,
                         const char *trigger, const struct pp_http_request *client,
                         char path_out[PATH_MAX], struct pprofc_error *err);

/* Continuous mode of 'service', or NULL; it stays until it is given back. */
struct pp_continuous *pp_continuous_borrow(struct pp_service *service);
void pp_continuous_give_back(struct pp_service *service);

void pp_continuous_look(struct pp_continuous *continuous, struct pp_continuous_facts *facts_out);

#endif
