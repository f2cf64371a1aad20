/* The rows of a top as a profile of their own. */
#ifndef PP_CLI_TOP_PROFILE_H
#define PP_CLI_TOP_PROFILE_H

#include "base/buffer.h"
#include "views/top_table.h"

/* Append a gzipped pprof profile: a sample of one frame for each row that pp_top_table_rows() has,
 * with the values "cum" and "flat".  What was left out is a comment of it. */
int pp_top_profile_write(const struct pprofc_profile *profile,
                         const struct pp_top_table_options *options, struct pp_buffer *out,
                         struct pprofc_error *err);

#endif
