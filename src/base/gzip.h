/* Whole buffers in and out of gzip. */
#ifndef PP_BASE_GZIP_H
#define PP_BASE_GZIP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

/* More than any sane profile inflates to; 1000 bytes of zeros make 1 MB, so there must be some end.
 */
#define PP_GZIP_DEFAULT_LIMIT ((size_t)1 << 30)

bool pp_is_gzip(const void *bytes, size_t n_bytes);

/* Append what the gzip members in 'bytes' hold to 'out', at most 'limit_bytes'.  'name' is for
 * messages. -EBADMSG: truncated or damaged (err->offset_bytes is the member's begin); -EFBIG:
 * beyond the limit; -ENOMEM. */
int pp_gzip_inflate(const void *bytes, size_t n_bytes, size_t limit_bytes, const char *name,
                    struct pp_buffer *out, struct pprofc_error *err);

/* Append 'bytes' as one gzip member; the same bytes give the same member, whenever it is made. */
int pp_gzip_deflate(const void *bytes, size_t n_bytes, struct pp_buffer *out,
                    struct pprofc_error *err);

#endif
