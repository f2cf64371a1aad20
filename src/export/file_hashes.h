/* A part of what waits with a window: the hashes of its program's files that have no build id, made
 * while they are those that ran. */
#ifndef PP_EXPORT_FILE_HASHES_H
#define PP_EXPORT_FILE_HASHES_H

#include "base/buffer.h"
#include "export/sink.h"
#include "formats/formats.h"

/* Those of the process whose window came last, for the window that its end cuts short: then nobody
 * can tell any more which files it had. */
struct pp_file_hashes {
    int32_t pid;
    struct pp_buffer bytes;
};

/* Look at the files of a window that has just ended. */
void pp_file_hashes_put(struct pp_file_hashes *hashes, const struct pp_export_window *window);

/* Read them into new memory; their texts are 'bytes'.  How many, or -EBADMSG, -ENOMEM. */
int pp_file_hashes_read(const void *bytes, size_t n_bytes, struct pp_otlp_hash **hashes_out);

#endif
