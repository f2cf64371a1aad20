/* The profile that a verb works on. */
#ifndef PP_CLI_PROFILE_INPUT_H
#define PP_CLI_PROFILE_INPUT_H

#include "base/error.h"
#include "profile/profile.h"

/* Read 'path' ("-": standard input), whatever format it has, and choose the sample type 'sample'
 * (NULL: the profile's own choice).  0, or what to exit with after a line about it. */
int pp_input_read(const char *path, const char *sample, struct pprofc_profile **profile_out,
                  uint32_t *type_out);

#endif
