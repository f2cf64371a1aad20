/* The formats: which file is what, and one reader and writer a format. */
#ifndef PP_FORMATS_FORMATS_H
#define PP_FORMATS_FORMATS_H

#include "base/buffer.h"
#include "profile/profile.h"

enum pp_format {
    PP_FORMAT_UNKNOWN,
    PP_FORMAT_PPROF,     /* .pb.gz .pprof .prof */
    PP_FORMAT_PPROF_RAW, /* .pb */
    PP_FORMAT_FOLDED,    /* .folded .collapsed */
    PP_FORMAT_JSON,      /* .json (ours; .speedscope.json comes later) */
    PP_FORMAT_TEXT,      /* .txt: the top table */
    PP_FORMAT_SVG,       /* .svg: written by views/ */
    PP_FORMAT_RECORDING, /* .ppc: read by recording/ */
};

enum pp_format pp_format_of_path(const char *path);                   /* by extension */
enum pp_format pp_format_of_bytes(const void *bytes, size_t n_bytes); /* by content */
const char *pp_format_extensions(void); /* ".pb.gz .pb ..." for messages */

/* Readers: 'name' is only for messages.  err->offset_bytes is the byte an error points at (in the
 * inflated data for gzip). */
int pp_pprof_read(const void *bytes, size_t n_bytes, const char *name,
                  struct pprofc_profile **profile_out,
                  struct pprofc_error *err); /* gzipped or not */
int pp_folded_read(const void *bytes, size_t n_bytes, const char *name,
                   struct pprofc_profile **profile_out, struct pprofc_error *err);

int pp_pprof_write(const struct pprofc_profile *profile, bool gzipped, struct pp_buffer *out,
                   struct pprofc_error *err);
int pp_folded_write(const struct pprofc_profile *profile, uint32_t type, struct pp_buffer *out,
                    struct pprofc_error *err);
int pp_json_write(const struct pprofc_profile *profile, struct pp_buffer *out,
                  struct pprofc_error *err);

/* Whole file ("-": standard input) into 'bytes'. */
int pp_file_read(const char *path, struct pp_buffer *bytes, struct pprofc_error *err);

/* Write 'bytes' to 'path' whole or not at all (a temporary file beside it, then rename; "-":
 * standard output). With 'overwrite' false an existing file is -EEXIST.  Through a
 * symbolic link the file it leads to is replaced, but -EACCES where another user may have put the
 * link, or a pipe, into a folder where everyone may write. */
int pp_file_write(const char *path, const void *bytes, size_t n_bytes, bool overwrite,
                  struct pprofc_error *err);

#endif
