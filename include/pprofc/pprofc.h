/* pprof-c, capture: profile this process.  (libpprofc, which needs libc only)
 *
 *     pprofc_start(NULL, NULL);
 *     ... work ...
 *     struct pprofc_recording *recording;
 *     pprofc_stop(&recording, NULL);
 *     pprofc_recording_write(recording, "out.pb.gz", NULL);
 *     pprofc_recording_free(recording);
 *
 * Calls return 0 (or a count) or a negative errno and explain themselves in the optional last
 * argument.  All are thread-safe; none needs another first.  The library never prints and never
 * exits. */
#ifndef PPROFC_PPROFC_H
#define PPROFC_PPROFC_H

#include <stddef.h>
#include <stdint.h>

#include "pprofc/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

#define PPROFC_VERSION "0.1.0"

/* What to measure, as bits. */
#define PPROFC_KIND_CPU 1u

/* Rates for pprofc_options.frequency_hz: the guide's three modes. */
#define PPROFC_MODE_LOW 10.0
#define PPROFC_MODE_STANDARD 100.0
#define PPROFC_MODE_HIGH 1000.0

/* Begin with struct pprofc_options options = PPROFC_OPTIONS_INIT; 0 in a field means its default.
 */
struct pprofc_options {
    size_t struct_bytes;
    uint32_t kinds;      /* PPROFC_KIND_*; default cpu */
    double frequency_hz; /* 1 to 10 000; default 100, or what PPROFC_FREQUENCY or PPROFC_MODE say */
    const char *block_libraries; /* "libc,libm": their frames are folded into the caller */
    int block_drops; /* 1: samples in those libraries are left out and counted instead */
};
#define PPROFC_OPTIONS_INIT                         \
    {                                               \
        sizeof(struct pprofc_options), 0, 0.0, 0, 0 \
    }

struct pprofc_recording; /* a finished recording or a snapshot, in memory; the caller's */

/* Where a reader of snapshots stands.  Begin with PPROFC_CURSOR_INIT. */
struct pprofc_cursor {
    uint64_t session, sequence, offset;
    uint32_t reader, spare;
};
#define PPROFC_CURSOR_INIT \
    {                      \
        0, 0, 0, 0, 0      \
    }

/* Begin to profile the whole process: threads that live and threads that come.  NULL options:
 * defaults and environment. 0 also when already running with the same options; -EALREADY when
 * running with others; -EINVAL for a rate out of range; -EPERM under setuid or PPROFC=off; -ENOMEM.
 * Cost:    about a millisecond; a helper thread while it runs.
 * Threads: any thread.
 * Signals: not from a signal handler: it allocates and takes a lock.
 * Fork:    a child made by fork() goes on in a session of its own. */
int pprofc_start(const struct pprofc_options *options, struct pprofc_error *err);

/* End it and hand out what was recorded (recording_out may be NULL: it is thrown away).  -ESRCH
 * when nothing runs. Cost:    a few milliseconds; grows with the number of distinct stacks.
 * Threads: any thread.
 * Signals: not from a signal handler.
 * Fork:    in a child, acts on the child's own session. */
int pprofc_stop(struct pprofc_recording **recording_out, struct pprofc_error *err);

/* What came since 'cursor' (NULL: since the start), and move the cursor on; sampling goes on and
 * loses nothing.  -ESRCH when nothing runs. Cost:    a copy of what came; pauses no thread.
 * Threads: any thread; one cursor by one thread at a time.
 * Signals: not from a signal handler.
 * Fork:    a cursor of the parent starts anew in the child. */
int pprofc_snapshot(struct pprofc_cursor *cursor, struct pprofc_recording **recording_out,
                    struct pprofc_error *err);

/* Change the rate while running; values stay right, since they are clock readings.  -ERANGE,
 * -ESRCH. Cost:    wakes the helper.  Threads: any.  Signals: no.  Fork: the process's own session.
 */
int pprofc_set_frequency(double frequency_hz, struct pprofc_error *err);

/* Stop and resume sampling; CPU time between is in no total.  -ESRCH when nothing runs.
 * Cost:    wakes the helper and waits for it.  Threads: any.  Signals: no.  Fork: the process's own
 * session. */
int pprofc_pause(struct pprofc_error *err);
int pprofc_resume(struct pprofc_error *err);

/* Leave this thread out from now on, in this and later sessions.
 * Cost:    wakes the helper.  Threads: acts on the caller.  Signals: no.  Fork: inherited by the
 * child's thread. */
int pprofc_thread_ignore(struct pprofc_error *err);

/* Start, wait, stop.  Blocking; -EALREADY when a session runs with other options (then use a
 * snapshot). Cost, threads, signals, fork: as pprofc_start and pprofc_stop. */
int pprofc_profile_for(double seconds, const struct pprofc_options *options,
                       struct pprofc_recording **recording_out, struct pprofc_error *err);

/* Call fn(argument) and hand out the samples of this thread and of the threads made meanwhile by
 * it. Cost, signals, fork: as pprofc_start and pprofc_stop; a session that runs already goes on.
 * Threads: any. */
int pprofc_profile_call(void (*fn)(void *), void *argument, const struct pprofc_options *options,
                        struct pprofc_recording **recording_out, struct pprofc_error *err);

/* Call fn(argument); when profiling is switched on by ENABLE_PROFILING or PPROFC, at 10 Hz, leaving
 * NAME_profile.svg (unsafe characters of the name become '_').  Returns 0 when it was not switched
 * on.  Cost and rules as pprofc_profile_call. */
int pprofc_maybe_profile(const char *name, void (*fn)(void *), void *argument,
                         struct pprofc_error *err);

/* Write to 'path': .ppc as it is; any other format by running `pprofc convert`, which is -ENOENT
 * when the command is not to be found (the raw recording is then left at path.ppc). Cost:    a
 * file; a child process for other formats.  Threads: any.  Signals: no.  Fork: nothing special. */
int pprofc_recording_write(const struct pprofc_recording *recording, const char *path,
                           struct pprofc_error *err);

/* The bytes of a .ppc file; they live as long as the recording. */
const void *pprofc_recording_bytes(const struct pprofc_recording *recording, size_t *n_bytes_out);

void pprofc_recording_free(struct pprofc_recording *recording); /* NULL is fine */

/* What profiling costs and misses, now. */
struct pprofc_stats {
    size_t struct_bytes;
    uint64_t n_samples, n_lost, n_truncated;
    uint64_t cpu_ns, sampled_ns, unsampled_ns; /* the program's CPU time, and how it is booked */
    uint64_t own_cpu_ns;                       /* helper thread and handlers */
    uint64_t recording_bytes, table_bytes;     /* memory held */
    double frequency_hz;
    char delivery[32], delivery_reason[160];
};

/* -ESRCH when nothing runs.  Cost: some clock readings.  Threads: any.  Signals: no.  Fork: the
 * process's own session. */
int pprofc_stats(struct pprofc_stats *stats_out, struct pprofc_error *err);

/* A guard that profiles until its scope ends and then writes 'path' (as pprofc_recording_write
 * does). */
struct pprofc_scope_guard {
    const char *path;
    struct pprofc_cursor cursor;
    int started, running;
};
struct pprofc_scope_guard pprofc_scope_begin(const char *path);
void pprofc_scope_end(struct pprofc_scope_guard *guard);
#if defined(__GNUC__)
#define PPROFC_PROFILE_SCOPE_NAME_(line) pprofc_scope_guard_##line
#define PPROFC_PROFILE_SCOPE_NAME(line) PPROFC_PROFILE_SCOPE_NAME_(line)
#define PPROFC_PROFILE_SCOPE(path)                                \
    struct pprofc_scope_guard PPROFC_PROFILE_SCOPE_NAME(__LINE__) \
        __attribute__((cleanup(pprofc_scope_end), unused)) = pprofc_scope_begin(path)
#endif

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
