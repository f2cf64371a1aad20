/* The flight recorder: the last ten minutes of a process in memory, and the bundle that is made of
 * them when a trigger is met, in the history's folder:
 *
 *     flight_20261126_231200.orders.4711.cpu.svg, .cpu.pb.gz    the last ten minutes
 *     flight_20261126_231200.orders.4711.stacks.txt             where each thread stands
 *     flight_20261126_231200.orders.4711.heap.pb.gz             what is in use, if measured
 *     flight_20261126_231200.orders.4711.facts.json             which trigger, what was seen */
#ifndef PP_SERVE_FLIGHT_H
#define PP_SERVE_FLIGHT_H

#include <limits.h>

#include "base/buffer.h"
#include "export/sink.h"
#include "serve/service.h"
#include "serve/triggers.h"

enum {
    PP_FLIGHT_SECONDS = 600,
    PP_FLIGHT_MAX_BYTES = 4 << 20, /* a process: what is more makes the oldest windows go */
};

/* Windows as the bytes of their files: a tenth of what profiles take. */
struct pp_flight_ring {
    struct pp_flight_window {
        uint64_t begin_ns, end_ns; /* CLOCK_REALTIME */
        uint64_t n_together;       /* windows that were put together in it */
        struct pp_buffer bytes;
    } * windows; /* the oldest first */
    size_t n_windows, capacity, n_bytes;
    uint64_t n_dropped; /* for want of room, not of age */
};

/* Keep a window.  -ENOMEM, and then it is counted as dropped. */
int pp_flight_keep(struct pp_flight_ring *ring, const struct pp_export_window *window,
                   struct pprofc_error *err);
/* Add all of them to the empty 'all'.  -ENODATA when there are none. */
int pp_flight_ring_sum(const struct pp_flight_ring *ring, struct pprofc_profile *all,
                       struct pprofc_error *err);
void pp_flight_ring_done(struct pp_flight_ring *ring);

/* Why a bundle is written. */
struct pp_flight_cause {
    const char *trigger; /* "cpu", "memory", "pressure", "signal", "request" */
    struct pp_trigger_values values;
    uint64_t n_held_back; /* triggers since the bundle before, which came too soon after it */
};

/* Write a bundle of 'target' to 'directory' (directory.h).  What of it cannot be had (the process
 * does not answer, say) is left out and named in the facts.  Errors of pp_directory_store(). */
int pp_flight_write(struct pp_service *service, struct pp_served *target,
                    const struct pp_flight_ring *ring, const struct pp_triggers *triggers,
                    const struct pp_flight_cause *cause, struct pp_sink *directory,
                    char path_out[PATH_MAX], struct pprofc_error *err);

#endif
