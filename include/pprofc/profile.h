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

/* Make a named profile of what 'recording' holds (debug information is read: not inside a
 * latency-critical thread). */
int pprofc_profile_from_recording(const struct pprofc_recording *recording,
                                  struct pprofc_profile **profile_out, struct pprofc_error *err);

/* Read 'path' ("-" is standard input), whatever format it has: pprof (gzipped or not), folded, or a
 * raw recording. */
int pprofc_profile_read(const char *path, struct pprofc_profile **profile_out,
                        struct pprofc_error *err);

/* Write 'profile' to 'path' in the format its extension names: .pb.gz .pb .pprof .svg .folded .json
 * .txt. The file appears whole or not at all. */
int pprofc_profile_write(const struct pprofc_profile *profile, const char *path,
                         struct pprofc_error *err);

void pprofc_profile_free(struct pprofc_profile *profile);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
