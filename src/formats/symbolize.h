/* Names for a profile that has addresses: later, elsewhere, or in another process. */
#ifndef PP_FORMATS_SYMBOLIZE_H
#define PP_FORMATS_SYMBOLIZE_H

#include "binary/symbolizer.h"
#include "profile/profile.h"

/* A copy of 'source' with the names, lines and inlined calls that 'symbolizer' finds for its
 * addresses, in the files that its mappings name and only where their build ids agree.  Frames that
 * nothing is found for stay as they are.  'n_named_out' (may be NULL): locations that were named.
 */
int pp_profile_symbolize(const struct pprofc_profile *source, struct pp_symbolizer *symbolizer,
                         struct pprofc_profile **profile_out, uint32_t *n_named_out,
                         struct pprofc_error *err);

#endif
