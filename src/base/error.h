/* Errors that explain themselves: a negative errno plus one message for a person. */
#ifndef PP_BASE_ERROR_H
#define PP_BASE_ERROR_H

#include <stdint.h>

#include "pprofc/error.h"

/* Fill 'err' (may be NULL) with 'code' (a negative errno), the byte offset it points at (0 when
 * there is none) and a printf-style message.  Returns 'code', so that callers write 'return
 * pp_fail(...)'. */
int pp_fail(struct pprofc_error *err, int code, uint64_t offset_bytes, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
