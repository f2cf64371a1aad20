/* A profile as the bytes of a file, whatever the format. */
#ifndef PP_FORMATS_ENCODE_H
#define PP_FORMATS_ENCODE_H

#include "base/error.h"
#include "formats/formats.h"

/* Append 'profile' in 'format' to 'out'.  Formats that show one sample type show 'type'; pprof and
 * JSON hold all of them.  -ENOTSUP for formats that cannot be made from a profile. */
int pp_encode_profile(const struct pprofc_profile *profile, enum pp_format format, uint32_t type,
                      struct pp_buffer *out, struct pprofc_error *err);

#endif
