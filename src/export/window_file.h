/* A window as it waits to be sent: an ordinary .pb.gz, with what sending needs besides in the extra
 * field of its gzip header (RFC 1952, subfield "PP"), so that pprof and everybody else can open
 * what a queue holds. */
#ifndef PP_EXPORT_WINDOW_FILE_H
#define PP_EXPORT_WINDOW_FILE_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

enum { PP_WINDOW_PARTS = 4, PP_WINDOW_KIND_BYTES = 16, PP_WINDOW_ID = 16 };

struct pp_window_part {
    const void *bytes;
    size_t n_bytes;
};

struct pp_window_record {
    uint8_t id[PP_WINDOW_ID]; /* the name under which it is sent, however often */
    char kind[PP_WINDOW_KIND_BYTES];
    uint64_t begin_ns, end_ns;
    struct pp_window_part parts[PP_WINDOW_PARTS]; /* the sink's own */
};

/* Append 'gz', one gzip member without an extra field, with 'record' in it.  -E2BIG when that is
 * more than a header has room for (64 KiB). */
int pp_window_file_make(const struct pp_window_record *record, const void *gz, size_t n_bytes,
                        struct pp_buffer *out, struct pprofc_error *err);

/* What stands in the header of 'bytes'; the parts point into them.  -EBADMSG when nothing does. */
int pp_window_file_read(const void *bytes, size_t n_bytes, struct pp_window_record *record_out);

#endif
