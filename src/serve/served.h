/* One process, or one recording that was left, as served: finding it, steering its sampler, taking
 * windows of it.
 *
 * A target is used by many threads at once: 'lock' guards its commands and the list of windows, and
 * is never held while somebody waits for time to pass or for names (leak_lock is).  What it shows
 * of the header takes no lock. */
#ifndef PP_SERVE_SERVED_H
#define PP_SERVE_SERVED_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "formats/recording_heap.h"
#include "formats/recording_window.h"
#include "profile/profile.h"
#include "recording/reader.h"

enum { PP_SERVED_MAX_WINDOWS = 64 };

/* A client's span of time, and the rate that it wants meanwhile. */
struct pp_window {
    double rate_hz;    /* 0: free slot */
    double highest_hz; /* that the sampler had meanwhile, because of others */
    struct pp_recording_mark begin;
};

struct pp_served {
    char path[512]; /* of the recording */
    char program[128];
    int32_t pid;
    bool is_own; /* the process serves itself */
    pthread_mutex_t lock;
    struct pp_recording_reader *reader; /* commands and live counters go through it */
    struct pp_window windows[PP_SERVED_MAX_WINDOWS];
    uint32_t n_windows;
    uint32_t slot;                        /* of the recording's readers, + 1; 0: none */
    struct pp_rec_header *_Atomic shared; /* the live header, once it was seen */
    struct pp_heap_mark heap_mark;        /* of the delta that was asked for last */
    /* Looks for leaks: held from the begin of one to its end; CLOCK_MONOTONIC. */
    pthread_mutex_t leak_lock;
    uint64_t leak_look_begin_ns, next_leak_look_ns;
};

/* 'name' is a process number, or the path of a recording.  -ESRCH with what to do when the process
 * has no recording. */
int pp_served_open(struct pp_served *target, const char *name, struct pprofc_error *err);
void pp_served_close(struct pp_served *target);

/* Whether the process still runs and listens. */
bool pp_served_is_alive(struct pp_served *target);

/* The live header, or of a recording that was left the copy; valid until the target is closed. */
const struct pp_rec_header *pp_served_header(struct pp_served *target);

/* Begin a window: from now on the sampler runs at 'rate_hz' at least.  'index_out' names it.
 * -EBUSY when there are too many, -ESRCH when the process is gone. */
int pp_served_begin_window(struct pp_served *target, double rate_hz, uint32_t *index_out,
                           struct pprofc_error *err);

/* Go on at another rate.  On failure the window is as before. */
int pp_served_change_window(struct pp_served *target, uint32_t index, double rate_hz,
                            struct pprofc_error *err);

/* End it: the sampler goes back to what the others want, or to what it did before all. */
int pp_served_end_window(struct pp_served *target, uint32_t index,
                         struct pp_recording_window *window_out, double *highest_hz_out,
                         struct pprofc_error *err);

/* What the windows want holds for three seconds: to be called every second or so meanwhile. */
void pp_served_renew(struct pp_served *target);

/* A reader of the recording as it is now, to be closed: windows are read from it.  'since_ns' as
 * pp_recording_snapshot() has it. */
int pp_served_snapshot(struct pp_served *target, uint64_t since_ns,
                       struct pp_recording_reader **snapshot_out, struct pprofc_error *err);

/* One with the process's exact totals brought up to date before, for the heap: it has no events. */
int pp_served_fresh_snapshot(struct pp_served *target, struct pp_recording_reader **snapshot_out,
                             struct pprofc_error *err);

/* The kinds that it measures, bit (family - 1) each. */
uint32_t pp_served_kinds(struct pp_served *target);

/* Whether the recording holds the heap. */
bool pp_served_has_heap(struct pp_served *target);

/* Have the process record where each of its threads stands, and take a snapshot: the look's
 * number is the mark of its events.  -ESRCH when the process is gone. */
int pp_served_look(struct pp_served *target, uint32_t *look_out,
                   struct pp_recording_reader **snapshot_out, struct pprofc_error *err);

/* Have the process do 'request' (recording/layout.h).  Returns what it answered; errors of its own
 * answer are explained in general words, -ESRCH and -EPERM in those that fit. */
int pp_served_command(struct pp_served *target, enum pp_rec_request request, uint64_t argument,
                      struct pprofc_error *err);

/* End sampling for good (POST /off, `pprofc off`); 0 also when it is off already. */
int pp_served_switch_off(struct pp_served *target, struct pprofc_error *err);

#endif
