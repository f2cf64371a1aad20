/* Two ways of doing the same, measured against each other.  (libpprofc-report, in a program that
 * has libpprofc as well) */
#ifndef PPROFC_COMPARE_H
#define PPROFC_COMPARE_H

#include <stddef.h>

#include "pprofc/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* Begin with struct pprofc_compare_options options = PPROFC_COMPARE_OPTIONS_INIT; 0 in a field
 * means its default. */
struct pprofc_compare_options {
    size_t struct_bytes;
    unsigned n_runs;     /* of each; default 10 */
    double frequency_hz; /* samples a CPU second; default 1000 */
    const char *folder;  /* where the pictures go; default: the current one */
};
#define PPROFC_COMPARE_OPTIONS_INIT                      \
    {                                                    \
        sizeof(struct pprofc_compare_options), 0, 0.0, 0 \
    }

/* What came of it: mean times, how much better the second is (of its time, of the CPU time of this
 * thread), with 95 % limits. */
struct pprofc_comparison {
    size_t struct_bytes;
    double before_s, after_s;
    double improvement_percent, improvement_low, improvement_high;
    double cpu_before_s, cpu_after_s;
    double cpu_improvement_percent, cpu_improvement_low, cpu_improvement_high;
    int n_regressed, n_improved; /* functions that changed by more than chance */
};
#define PPROFC_COMPARISON_INIT                                               \
    {                                                                        \
        sizeof(struct pprofc_comparison), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 \
    }

/* Call before(argument) and after(argument) in turn, profiled, and leave NAME_before.svg,
 * NAME_after.svg and NAME_diff.svg, a flame graph of each and one of what changed; characters of
 * the name that are unsafe in a file's become '_'.  'options' may be NULL, 'comparison_out' too.
 * -EINVAL for structs that were not initialised or no name; -ENOSYS in a program without libpprofc;
 * errors of pprofc_profile_call(), and what open() and write() give; -ENOMEM.  After an error the
 * functions may have been called some times.
 * Cost:    the runs; then names are made for every run's stacks: seconds, and memory.
 * Threads: any thread, one comparison at a time.
 * Signals: not from a signal handler: it allocates, waits and takes locks.
 * Fork:    not while it runs. */
int pprofc_compare(const char *name, void (*before)(void *), void (*after)(void *), void *argument,
                   const struct pprofc_compare_options *options,
                   struct pprofc_comparison *comparison_out, struct pprofc_error *err);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
