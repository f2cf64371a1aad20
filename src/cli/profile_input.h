/* The profile that a verb works on. */
#ifndef PP_CLI_PROFILE_INPUT_H
#define PP_CLI_PROFILE_INPUT_H

#include <stdbool.h>

#include "base/error.h"
#include "formats/formats.h"
#include "profile/profile.h"

struct pp_input_wish {
    const char *sample;           /* the sample type; NULL: the profile's own choice */
    const struct pp_fetch *fetch; /* how what has an address is fetched; NULL: as usual */
    bool is_named;                /* addresses get the names that the files here have */
    bool at_heap_peak; /* of a recording: in use is what was so when the heap was largest */
};

/* Read 'path' ("-": standard input), whatever format it has, and choose the sample type.  Of a
 * recording of several kinds the sample type says which, and a line tells of the others.  0, or
 * what to exit with after a line about it. */
int pp_input_read(const char *path, const struct pp_input_wish *wish,
                  struct pprofc_profile **profile_out, uint32_t *type_out);

#endif
