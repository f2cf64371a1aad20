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

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
