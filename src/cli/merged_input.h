/* Several profiles read as one. */
#ifndef PP_CLI_MERGED_INPUT_H
#define PP_CLI_MERGED_INPUT_H

#include "cli/profile_input.h"

/* Read 'paths' (NULL-terminated, one at least) and add the later ones to the first.  0, or what to
 * exit with after a line about it. */
int pp_inputs_read(const char *const *paths, const struct pp_input_wish *wish,
                   struct pprofc_profile **profile_out, uint32_t *type_out);

#endif
