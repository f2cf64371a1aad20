/* What profiling costs a piece of this program, measured.  (libpprofc-report, in a program that has
 * libpprofc as well) */
#ifndef PPROFC_OVERHEAD_H
#define PPROFC_OVERHEAD_H

#include <stddef.h>
#include <stdint.h>

#include "pprofc/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* Begin with struct pprofc_overhead_options options = PPROFC_OVERHEAD_OPTIONS_INIT; 0 in a field
 * means its default. */
struct pprofc_overhead_options {
    size_t struct_bytes;
    unsigned n_rounds;   /* of two runs without and one with the profiler; default 10 */
    unsigned kinds;      /* PPROFC_KIND_*; default PPROFC_KIND_CPU */
    double frequency_hz; /* samples a CPU second; default 100 */
};
#define PPROFC_OVERHEAD_OPTIONS_INIT                      \
    {                                                     \
        sizeof(struct pprofc_overhead_options), 0, 0, 0.0 \
    }

/* Times of a call: means without and with the profiler, and how much more the latter is, with 95 %
 * limits.  The floor: by so much two sets of calls without the profiler may differ; a figure that
 * is no larger is none. */
struct pprofc_overhead_time {
    double baseline_s, profiled_s;
    double percent, low_percent, high_percent;
    double floor_percent;
    int is_below_floor;
};

/* What came of it. */
struct pprofc_overhead {
    size_t struct_bytes;
    struct pprofc_overhead_time wall;
    struct pprofc_overhead_time cpu; /* of the whole process, the profiler's thread included */
    double own_cpu_s, own_percent;   /* a call, as the profiler itself counts it, and of what the
                                        program used meanwhile */
    uint64_t memory_bytes;           /* that the recording and its tables took, at most */
};
#define PPROFC_OVERHEAD_INIT                                                                  \
    {                                                                                         \
        sizeof(struct pprofc_overhead), {0, 0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0}, 0, 0, 0 \
    }

/* Call fn(argument) again and again, without the profiler and with it in turn, and tell what the
 * difference is.  The profiler's start and end lie outside of what is measured.  'options' may be
 * NULL.  -EINVAL for structs that were not initialised; -EBUSY while a session runs, since there is
 * no baseline then; -ENOSYS in a program without libpprofc; errors of pprofc_start() and
 * pprofc_stop(); -ENOMEM.  After an error fn may have been called some times.
 * Cost:    three calls a round.
 * Threads: any thread, one at a time; what other threads use counts as the call's.
 * Signals: not from a signal handler: it allocates, waits and takes locks.
 * Fork:    not while it runs. */
int pprofc_overhead_measure(void (*fn)(void *), void *argument,
                            const struct pprofc_overhead_options *options,
                            struct pprofc_overhead *overhead_out, struct pprofc_error *err);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
