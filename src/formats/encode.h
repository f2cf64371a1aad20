/* A profile as the bytes of a file, whatever the format. */
#ifndef PP_FORMATS_ENCODE_H
#define PP_FORMATS_ENCODE_H

#include "base/error.h"
#include "formats/formats.h"

/* Append 'profile' in 'format' to 'out'.  Formats that show one sample type show 'type'; pprof and
 * JSON hold all of them.  -ENOTSUP for formats that cannot be made from a profile. */
int pp_encode_profile(const struct pprofc_profile *profile, enum pp_format format, uint32_t type,
                      struct pp_buffer *out, struct pprofc_error *err);

struct pp_diff;

struct pp_diff_encoding {
    const char *title; /* of the picture; NULL: the program's command line */
    uint32_t n_rows;   /* of the table; 0: 20 */
    bool by_cum;       /* of the table */
};

/* Append a comparison as text, JSON or the differential flame graph.  -ENOTSUP for other formats.
 */
int pp_encode_diff(const struct pp_diff *diff, enum pp_format format,
                   const struct pp_diff_encoding *encoding, struct pp_buffer *out,
                   struct pprofc_error *err);

#endif
