/* Profiles sent to an OpenTelemetry collector or to Grafana Pyroscope.  (libpprofc-report)
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
