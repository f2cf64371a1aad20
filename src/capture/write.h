/* Writing a recording to a file; formats other than .ppc are made by `pprofc convert`. */
#ifndef PP_CAPTURE_WRITE_H
#define PP_CAPTURE_WRITE_H

#include <stddef.h>

#include "pprofc/error.h"

/* Write 'bytes' to 'path' whole or not at all: a temporary name beside it, then a rename. */
int pp_write_file(const void *bytes, size_t n_bytes, const char *path, struct pprofc_error *err);

/* Run `pprofc convert -f -q RAW PATH` and wait.  0; -ENOENT when there is no pprofc; -EIO when it
 * failed. */
int pp_write_convert(const char *raw_path, const char *path, struct pprofc_error *err);

/* Whether 'path' asks for a raw recording. */
int pp_write_is_raw(const char *path);

#endif
