/* What becomes of windows of profiles, spans of time that follow each other: kept in a folder, sent
 * to an OpenTelemetry collector or to Grafana Pyroscope; and continuous mode inside the program,
 * which takes them all the time.  (libpprofc-report, beside libpprofc)
 *
 * Beside a program the same is `pprofc serve PID --continuous`, or PPROFC_HISTORY and PPROFC_EXPORT
 * in its environment.
 *
 * A sink keeps what it is given, in a folder or in memory, until the other side has accepted it: a
 * thread of its own sends, waits longer after each failure, and goes on where it was after an
 * outage or, with a folder, in the next run of the program.  What is lost is counted. */
#ifndef PPROFC_EXPORT_H
#define PPROFC_EXPORT_H

#include <stddef.h>
#include <stdint.h>

#include "pprofc/error.h"
#include "pprofc/profile.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct pprofc_sink; /* pprofc_sink_free() */

/* ---- windows, and the folder that they are kept in ---- */

/* Begin with struct pprofc_continuous_options options = PPROFC_CONTINUOUS_OPTIONS_INIT.  What is
 * left NULL or 0 the environment says (PPROFC_CYCLE, PPROFC_FREQUENCY, PPROFC_BLOCK,
 * PPROFC_FLIGHT, PPROFC_EXPORT), else it is as written here. */
struct pprofc_continuous_options {
    size_t struct_bytes;
    double frequency_hz;    /* 10 */
    const char *cycle;      /* "60s": windows of a minute; "60s/360s": and rest for five */
    const char *block_libs; /* "libc,libpthread,ld-linux": folded into their callers; "none" */
    const char *flight;     /* when the flight recorder writes: "cpu=90%,memory=80%,every=10m"; and
                               "signal=USR1": a handler is installed, which calls the one before */
    /* Where windows are sent, too; the sinks stay the caller's, and live until the end.  With
     * some, or PPROFC_EXPORT, and no folder named, nothing is kept here. */
    struct pprofc_sink *const *sinks;
    size_t n_sinks; /* five at most */
};

#define PPROFC_CONTINUOUS_OPTIONS_INIT                                         \
    {                                                                          \
        sizeof(struct pprofc_continuous_options), 0, NULL, NULL, NULL, NULL, 0 \
    }

/* Keep windows in 'folder' (NULL: what PPROFC_HISTORY says, else "profiles"): of each a file
 * profile_YYYYmmdd_HHMMSS.PROGRAM.PID.KIND.pb.gz (UTC) with its .svg beside it, in a folder a day,
 * within the limits that 'keep' says ("24h,1GiB"; NULL: what PPROFC_KEEP says, else that).  Counts
 * from the next pprofc_continuous_start().  -EINVAL for limits that cannot be read, -ENAMETOOLONG.
 * Cost:    remembers two texts; the folder is made when it begins.
 * Threads: any thread.
 * Signals: not from a signal handler: it takes a lock.
 * Fork:    a child begins without. */
int pprofc_export_directory(const char *folder, const char *keep, struct pprofc_error *err);

/* Take windows from now on, of what the program measures (its CPU time, and its heap where that is
 * profiled); 'options' may be NULL.  A session that nobody asked for is begun, and sleeps between
 * windows.  The last window is written by pprofc_continuous_stop(), or when the program calls
 * exit().  -EALREADY when it has begun, -EINVAL for options that cannot be read or were not
 * initialised, -ENOSYS without libpprofc, what making the folder gives, errors of pprofc_start();
 * -ENOMEM.
 * Cost:    two threads that sleep, none of them profiled; at the end of a window names are looked
 *          up: milliseconds, and memory for the symbols of the modules that were sampled.
 * Threads: any thread.
 * Signals: not from a signal handler: it allocates and takes a lock.
 * Fork:    a child takes no windows; it may call this for itself. */
int pprofc_continuous_start(const struct pprofc_continuous_options *options,
                            struct pprofc_error *err);

/* End the window that is open, write it, and take no more.  -ESRCH when nothing has begun.
 * Cost:    makes the last window's profile.
 * Threads: any thread.
 * Signals: not from a signal handler: it allocates and waits.
 * Fork:    in a child, nothing of the parent's is touched. */
int pprofc_continuous_stop(struct pprofc_error *err);

/* Have the flight recorder write the last ten minutes, each thread's stack and the heap into the
 * folder, for 'reason' ("latency above 2 s"), which its facts name.  Waits for it.  -ESRCH when
 * nothing has begun, -EAGAIN when there was one a moment ago ("every" of the options), -ETIMEDOUT;
 * what writing gives; -ENOMEM.
 * Cost:    tens of milliseconds of CPU on a thread of its own; in a rest of the cycle it waits for
 *          ten seconds of samples.
 * Threads: any thread.
 * Signals: not from a signal handler: it allocates and waits.
 * Fork:    in a child, about the child's own. */
int pprofc_flight_record(const char *reason, struct pprofc_error *err);

/* ---- sinks over the network ---- */

/* Begin with struct pprofc_export_options options = PPROFC_EXPORT_OPTIONS_INIT. */
struct pprofc_export_options {
    size_t struct_bytes;
    const char *endpoint; /* "http://HOST:4318", "grpc://HOST:4317"; NULL: by OTEL_EXPORTER_OTLP_..
                             or PYROSCOPE_SERVER_ADDRESS */
    const char
        *protocol; /* of OTLP: "grpc", "http/protobuf", "http/json"; NULL: by the variables */
    const char *service_name; /* NULL: OTEL_SERVICE_NAME and so on, else the program's name */
    const char *queue_folder; /* made where it is missing, one for each sink; NULL: in memory */
    uint64_t queue_bytes;     /* at most; 0: 256 MiB, 32 MiB in memory */
    double queue_age_s;       /* older windows are dropped; 0: a day */
    int hides_command;        /* send no command line */
};

#define PPROFC_EXPORT_OPTIONS_INIT                                            \
    {                                                                         \
        sizeof(struct pprofc_export_options), NULL, NULL, NULL, NULL, 0, 0, 0 \
    }

/* Make a sink that sends profiles, metrics and a span of each window by OTLP.  'options' may be
 * NULL.  -EINVAL for a bad address or protocol, -ECANCELED when OTEL_SDK_DISABLED is true, -ENOENT
 * without libcurl, -ENOMEM, and what making the folder fails with.
 * Cost:    loads libcurl and its libraries, and starts a thread, which is not profiled.
 * Threads: any thread.
 * Signals: not from a signal handler: it allocates.
 * Fork:    a child has no thread that sends; it makes a sink of its own. */
int pprofc_export_otlp(const struct pprofc_export_options *options, struct pprofc_sink **sink_out,
                       struct pprofc_error *err);

/* The same for Pyroscope's /ingest, with the credentials of PYROSCOPE_AUTH_TOKEN, or
 * PYROSCOPE_BASIC_AUTH_USER and _PASSWORD, and PYROSCOPE_TENANT_ID.  Errors are those above.
 * Cost:    loads libcurl and its libraries, and starts a thread, which is not profiled.
 * Threads: any thread.
 * Signals: not from a signal handler: it allocates.
 * Fork:    a child has no thread that sends; it makes a sink of its own. */
int pprofc_export_pyroscope(const struct pprofc_export_options *options,
                            struct pprofc_sink **sink_out, struct pprofc_error *err);

/* Begin with struct pprofc_window window = PPROFC_WINDOW_INIT. */
struct pprofc_window {
    size_t struct_bytes;
    const char *kind;          /* "cpu", "heap" .. */
    uint64_t begin_ns, end_ns; /* since 1970; 0: as the profile says */
    const char *operation;     /* the span is profile:OPERATION; NULL: the kind */
    const char *traceparent;   /* W3C's header of the span around it; NULL: none */
};

#define PPROFC_WINDOW_INIT                                    \
    {                                                         \
        sizeof(struct pprofc_window), "cpu", 0, 0, NULL, NULL \
    }

/* Take a profile of a span of time for sending; it stays the caller's and may be freed at once.
 * Returns before it is sent.  -EINVAL for a struct that was not initialised, -ECHILD in a child of
 * fork(); -ENOSPC, -EFBIG and what else writing gives, -ENOMEM: it is lost then, and counted.
 * Cost:    encodes and compresses the profile, and writes it to the folder.
 * Threads: any thread.
 * Signals: not from a signal handler: it allocates and takes a lock.
 * Fork:    refused in a child. */
int pprofc_sink_take(struct pprofc_sink *sink, const struct pprofc_profile *profile,
                     const struct pprofc_window *window, struct pprofc_error *err);

/* Wait until all is sent, for so many seconds; tries at once, but where the server asked for time.
 * -ETIMEDOUT when something is left: the folder keeps it.
 * Cost:    waits.
 * Threads: any thread.
 * Signals: not from a signal handler: it takes a lock.
 * Fork:    refused in a child, with -ECHILD. */
int pprofc_sink_drain(struct pprofc_sink *sink, double seconds, struct pprofc_error *err);

/* Counted since the sink was made. */
struct pprofc_sink_counts {
    uint64_t n_taken, n_done;      /* windows; done: accepted by the other side */
    uint64_t n_refused, n_dropped; /* by the other side for good; by us, for want of room */
    uint64_t n_retries;
    uint64_t bytes_done;
    uint64_t n_waiting, bytes_waiting; /* now */
    char last_error[256];              /* "" when the last try went well */
};

/* What became of what the sink was given.
 * Cost:    a copy.
 * Threads: any thread.
 * Signals: not from a signal handler: it takes a lock.
 * Fork:    in a child, the parent's as they were. */
void pprofc_sink_counts(struct pprofc_sink *sink, struct pprofc_sink_counts *counts_out);

/* End it; NULL is fine.  What waits is kept by its folder, and lost without one: drain first.
 * Cost:    gives up what is being sent and waits for the thread.
 * Threads: any thread, once.
 * Signals: not from a signal handler.
 * Fork:    does nothing in a child. */
void pprofc_sink_free(struct pprofc_sink *sink);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
