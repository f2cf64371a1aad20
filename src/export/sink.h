/* Where finished windows go: a folder, a collector, Pyroscope.
 *
 * Who makes windows (serve/continuous.c, `pprofc push`) hands each to every sink and knows nothing
 * of what becomes of it; a sink knows nothing of how windows are made.  What a sink takes it keeps
 * until it is where it should be: on the disk, or sent and accepted. */
#ifndef PP_EXPORT_SINK_H
#define PP_EXPORT_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "profile/profile.h"

/* One kind's profile of a span of time.  Lent for the call. */
struct pp_export_window {
    const char *kind;    /* "cpu", "heap", .. : the names of `run -k` */
    const char *program; /* the profiled program's name, for a service that has no other */
    int32_t pid;
    uint64_t begin_ns, end_ns; /* CLOCK_REALTIME */
    const struct pprofc_profile *profile;
    /* What it was measured for, where somebody knows; NULL: nobody does. */
    const char *operation;   /* the span is called profile:OPERATION */
    const char *traceparent; /* W3C's header of the span around it */
};

/* What is 0 of a window's times, as its profile says. */
void pp_window_times(const struct pprofc_profile *profile, uint64_t *begin_ns, uint64_t *end_ns);

/* Counted since the sink was made; for /metrics and the last lines of a run. */
struct pp_sink_facts {
    uint64_t n_taken, n_done;      /* windows; done: stored, or accepted by the other side */
    uint64_t n_refused, n_dropped; /* by the other side for good; by us, for want of room */
    uint64_t n_retries;
    uint64_t bytes_done;
    uint64_t n_waiting, bytes_waiting; /* now, in the queue */
    char last_error[256];              /* "" when the last try went well */
};

/* Functions may be called by one thread at a time; 'facts' by any at any time. */
struct pp_sink {
    const char *name; /* "otlp", "pyroscope", "directory" */
    /* Keep a window.  An error means that it is lost, and was counted. */
    int (*take)(struct pp_sink *sink, const struct pp_export_window *window,
                struct pprofc_error *err);
    /* Try to get done what waits within 'seconds'.  -ETIMEDOUT when something is left: the next
     * run of the program finds it where a queue is on disk. */
    int (*drain)(struct pp_sink *sink, double seconds, struct pprofc_error *err);
    void (*facts)(struct pp_sink *sink, struct pp_sink_facts *facts_out);
    void (*free)(struct pp_sink *sink);
};

/* What the public call made, for who takes windows: it may be used by them and the caller at once.
 */
struct pprofc_sink;
struct pp_sink *pp_sink_of(struct pprofc_sink *sink);

#endif
