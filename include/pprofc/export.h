/* Continuous mode inside the program: windows of its profiles all the time, kept in a folder.
 * (libpprofc-report, beside libpprofc)
 *
 * Beside a program the same is `pprofc serve PID --continuous`, or PPROFC_HISTORY in its
 * environment. */
#ifndef PPROFC_EXPORT_H
#define PPROFC_EXPORT_H

#include <stddef.h>

#include "pprofc/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* ---- windows, and the folder that they are kept in ---- */

/* Begin with struct pprofc_continuous_options options = PPROFC_CONTINUOUS_OPTIONS_INIT.  What is
 * left NULL or 0 the environment says (PPROFC_CYCLE, PPROFC_FREQUENCY, PPROFC_BLOCK,
 * PPROFC_FLIGHT), else it is as written here. */
struct pprofc_continuous_options {
    size_t struct_bytes;
    double frequency_hz;    /* 10 */
    const char *cycle;      /* "60s": windows of a minute; "60s/360s": and rest for five */
    const char *block_libs; /* "libc,libpthread,ld-linux": folded into their callers; "none" */
    const char *flight;     /* when the flight recorder writes: "cpu=90%,memory=80%,every=10m" */
};

#define PPROFC_CONTINUOUS_OPTIONS_INIT                                \
    {                                                                 \
        sizeof(struct pprofc_continuous_options), 0, NULL, NULL, NULL \
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

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
