/* gperftools' CPU profile, which its own pprof (google-pprof) reads and nothing newer. */
#ifndef PP_FORMATS_GPERFTOOLS_H
#define PP_FORMATS_GPERFTOOLS_H

#include "base/buffer.h"
#include "profile/profile.h"

/* Append 'profile' as counts of its period, which is rounded to microseconds, by run-time
 * addresses, and what is mapped behind them; readers ask for names themselves.  Frames that are no
 * addresses ([unsampled] ..) are left out, and so are samples that have no other. */
int pp_gperftools_write(const struct pprofc_profile *profile, struct pp_buffer *out,
                        struct pprofc_error *err);

/* Append what is mapped, as /proc/PID/maps has it. */
void pp_gperftools_put_mappings(const struct pprofc_profile *profile, struct pp_buffer *out);

/* Who waited for locks, as gperftools' text of contentions: of the types contentions and delay. */
int pp_gperftools_write_contentions(const struct pprofc_profile *profile, struct pp_buffer *out,
                                    struct pprofc_error *err);

#endif
