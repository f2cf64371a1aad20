/* What a profile says of itself. */
#ifndef PP_CLI_COMMENTS_H
#define PP_CLI_COMMENTS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "profile/profile.h"

/* Append the comments of the profile, one a line, or one object with "comments": those that it has,
 * then what a pprof file of it says in comments of ours ("pprofc: lost=0"), as pprof shows them. */
int pp_comments_write(const struct pprofc_profile *profile, bool is_json, struct pp_buffer *out,
                      struct pprofc_error *err);

#endif
