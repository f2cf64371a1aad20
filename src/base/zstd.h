/* Zstandard, as `zstd` and many stores write it: read, never written. */
#ifndef PP_BASE_ZSTD_H
#define PP_BASE_ZSTD_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"

bool pp_is_zstd(const void *bytes, size_t n_bytes);

/* Append what the frames in 'bytes' hold to 'out', at most 'limit_bytes'.  'name' is for messages.
 * -EBADMSG: truncated or damaged (err->offset_bytes is where); -EFBIG: beyond the limit; -ENOMEM.
 */
int pp_zstd_inflate(const void *bytes, size_t n_bytes, size_t limit_bytes, const char *name,
                    struct pp_buffer *out, struct pprofc_error *err);

#endif
