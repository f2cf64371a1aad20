/* Writing a recording to a file; formats other than .ppc are made by `pprofc convert`. */
#ifndef PP_CAPTURE_WRITE_H
#define PP_CAPTURE_WRITE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "pprofc/error.h"

/* Write 'bytes' to 'path' whole or not at all: a temporary name beside it, then a rename. */
int pp_write_file(const void *bytes, size_t n_bytes, const char *path, struct pprofc_error *err);

/* Run `pprofc convert -f -q RAW PATH` and wait.  0; -ENOENT when there is no pprofc; -EIO when it
 * failed. */
int pp_write_convert(const char *raw_path, const char *path, struct pprofc_error *err);

/* A write beyond RLIMIT_FSIZE brings SIGXFSZ, which ends a program that may never have come near
 * its limit itself.  Between these two it is blocked, and what we have caused is taken out again.
 */
struct pp_file_size_signal {
    sigset_t before, ours;
    bool was_pending;
};
void pp_file_size_signal_hold(struct pp_file_size_signal *held);
void pp_file_size_signal_release(const struct pp_file_size_signal *held);

/* Whether 'path' asks for a raw recording. */
int pp_write_is_raw(const char *path);

#endif
