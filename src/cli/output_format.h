/* Which format a name asks for. */
#ifndef PP_CLI_OUTPUT_FORMAT_H
#define PP_CLI_OUTPUT_FORMAT_H

#include "base/error.h"
#include "formats/formats.h"

/* The format that the extension of 'path' names; -EINVAL with the known ones in 'err'. */
int pp_format_for_writing(const char *path, enum pp_format *format_out, struct pprofc_error *err);

#endif
