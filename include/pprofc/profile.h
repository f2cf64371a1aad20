/* Profiles: read them, build them from recordings, write them, rank them.  (libpprofc-report)
 *
 * All calls return 0 (or a count) or a negative errno, leave their outputs alone on failure and
 * explain themselves in the optional last argument.  A profile is used by one thread at a time;
 * different profiles are independent.  None of these may be called from a signal handler: they
 * allocate. */
#ifndef PPROFC_PROFILE_H
#define PPROFC_PROFILE_H

#include <stddef.h>
#include <stdint.h>

#include "pprofc/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct pprofc_profile;   /* owned by whoever got it; pprofc_profile_free() */
struct pprofc_recording; /* from pprofc_stop() or pprofc_snapshot() */

/* Make a named profile of what 'recording' holds, with inlined functions and lines where there is
 * debug information.  The recording stays the caller's.  -ENOSYS in a program without libpprofc;
 * -EBADMSG; -ENOMEM.
 * Cost:    reads the symbols and debug information of every module that was sampled: milliseconds
 *          to seconds, and memory; not inside a latency-critical thread.
 * Threads: any thread.
 * Signals: not from a signal handler: it allocates.
 * Fork:    nothing special: it looks at files and at the recording. */
int pprofc_profile_from_recording(const struct pprofc_recording *recording,
                                  struct pprofc_profile **profile_out, struct pprofc_error *err);

/* Read 'path' ("-" is standard input; http:// and https:// are fetched, by libcurl where it is
 * installed), whatever format it has: pprof, folded, text of perf script, profiles of gperftools,
 * jemalloc and their kin, speedscope's JSON, OTLP profiles (protobuf or JSON), V8's .cpuprofile, a
 * processed profile of the Firefox Profiler, or a raw recording; gzipped, in zstd, or as it is.
 * What reading left out is in the profile's comments.  -EBADMSG for what is none of these
 * (err->offset_bytes points at the byte), -EFBIG for more than 1 GiB inflated or fetched, -EIO for
 * an address that gives nothing, -ENOENT without libcurl, and what open() and read() give;
 * -ENOMEM.
 * Cost:    grows with the file; of a raw recording, as pprofc_profile_from_recording().
 * Threads: any thread.
 * Signals: not from a signal handler: it allocates.
 * Fork:    nothing special. */
int pprofc_profile_read(const char *path, struct pprofc_profile **profile_out,
                        struct pprofc_error *err);

/* Write 'profile' to 'path' ("-" is standard output), overwriting it, in the format that its
 * extension names: .pb.gz .pb .pprof .svg .folded .speedscope.json .otlp .json .csv .txt.  The file
 * appears whole or not at all.  -EINVAL for another extension; -ENOTSUP for .ppc, and for negative
 * values in .speedscope.json; what open() and write() give; -ENOMEM.
 * Cost:    grows with the profile.
 * Threads: any thread; the profile is not changed by another one meanwhile.
 * Signals: not from a signal handler: it allocates.
 * Fork:    nothing special. */
int pprofc_profile_write(const struct pprofc_profile *profile, const char *path,
                         struct pprofc_error *err);

/* Free it; NULL is fine.
 * Cost:    small: a profile is one arena.
 * Threads: any thread, once.
 * Signals: not from a signal handler: it frees memory.
 * Fork:    a child frees its own copy. */
void pprofc_profile_free(struct pprofc_profile *profile);

/* ---- comparing ---- */

struct pprofc_diff; /* pprofc_diff_free() */

enum pprofc_diff_judge {
    PPROFC_DIFF_AUTO, /* by cost; where the windows differ in length by both */
    PPROFC_DIFF_COST, /* what a run pays */
    PPROFC_DIFF_SHARE,
    PPROFC_DIFF_BOTH,
};

/* Begin with struct pprofc_diff_options options = PPROFC_DIFF_OPTIONS_INIT. */
struct pprofc_diff_options {
    size_t struct_bytes;
    const char
        *sample; /* sample type ("cpu", "inuse_space"); NULL: the first profile's own choice */
    enum pprofc_diff_judge judge;
};

#define PPROFC_DIFF_OPTIONS_INIT                                   \
    {                                                              \
        sizeof(struct pprofc_diff_options), NULL, PPROFC_DIFF_AUTO \
    }

/* A function of a comparison: its own part, without what it calls.  Texts live as long as the
 * diff.  The limits are those of 95 %. */
struct pprofc_diff_function {
    const char *name, *file; /* "" when not known */
    const char *state;       /* "regressed", "improved", "new", "gone", "within noise" or
                                "too few samples" */
    double before, after;    /* a run (a profile), in the sample type's unit */
    double samples_before, samples_after;
    double share_before, share_after, share_change_low, share_change_high; /* 0 to 1 */
    double ratio_low, ratio_high; /* of after / before; not a number where one is nothing */
    double p_adjusted;            /* Benjamini and Hochberg's */
};

/* Compare profiles, one or several a side (an array of pointers each): docs/comparing.md says how.
 * They stay the caller's.  'options' may be NULL.  -EINVAL for a side without profiles, units that
 * differ or a struct that was not initialised; -ENOENT when a profile lacks the sample type;
 * -ENODATA when there are no samples; -ENOMEM.
 * Cost:    grows with the stacks of all profiles.
 * Threads: any thread; no profile is changed by another one meanwhile.
 * Signals: not from a signal handler: it allocates.
 * Fork:    nothing special. */
int pprofc_profile_diff(const struct pprofc_profile *const *before, size_t n_before,
                        const struct pprofc_profile *const *after, size_t n_after,
                        const struct pprofc_diff_options *options, struct pprofc_diff **diff_out,
                        struct pprofc_error *err);

/* The first 'n' functions into 'functions': real changes first, the largest of them first.  Returns
 * how many the comparison has.
 * Cost:    small.
 * Threads: any thread, with others that read the diff.
 * Signals: not from a signal handler.
 * Fork:    nothing special. */
int pprofc_diff_functions(const struct pprofc_diff *diff, struct pprofc_diff_function *functions,
                          size_t n);

/* Write it to 'path' ("-" is standard output), overwriting it: .svg, .json or .txt by the
 * extension.  -EINVAL for another one; what open() and write() give; -ENOMEM.
 * Cost:    grows with the number of functions.
 * Threads: any thread, with others that read the diff.
 * Signals: not from a signal handler: it allocates.
 * Fork:    nothing special. */
int pprofc_diff_write(const struct pprofc_diff *diff, const char *path, struct pprofc_error *err);

/* Free it; NULL is fine.
 * Cost:    small.
 * Threads: any thread, once.
 * Signals: not from a signal handler: it frees memory.
 * Fork:    a child frees its own copy. */
void pprofc_diff_free(struct pprofc_diff *diff);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
