/* The sink that keeps windows as files: a history folder (history.h), within its limits. */
#ifndef PP_EXPORT_DIRECTORY_H
#define PP_EXPORT_DIRECTORY_H

#include <limits.h>

#include "export/keep.h"
#include "export/sink.h"

/* Keep windows in 'folder', which is made where its parent is there.  -ENOENT and what making and
 * writing it give; -ENAMETOOLONG; -ENOMEM. */
int pp_directory_new(const char *folder, const struct pp_keep *keep, struct pp_sink **sink_out,
                     struct pprofc_error *err);

/* Files that belong together: they get one stamp. */
struct pp_directory_bundle {
    bool is_flight;
    int64_t time_s;
    const char *program;
    int32_t pid;
    struct pp_directory_file {
        const char *kind, *extension; /* "cpu", ".pb.gz" */
        const void *bytes;
        size_t n_bytes;
    } files[6];
    size_t n_files;
};

/* Write all files of 'bundle', or none; the last one's name comes last.  'path_out', unless NULL,
 * is where that lies.  For one thread at a time, as pp_sink.take(). */
int pp_directory_store(struct pp_sink *sink, const struct pp_directory_bundle *bundle,
                       char path_out[PATH_MAX], struct pprofc_error *err);

/* Nothing gets a name there any more, from this moment on: for a process that is to end, whatever
 * another of its threads is about to write.  For any thread. */
void pp_directory_give_up(struct pp_sink *sink);

#endif
