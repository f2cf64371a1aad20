/* A folder of windows: one folder a day, and in it files with the names of window_name.h.  Whatever
 * else lies there is nobody's business here: it is neither read nor counted nor removed. */
#ifndef PP_EXPORT_HISTORY_H
#define PP_EXPORT_HISTORY_H

#include <limits.h>

#include "base/error.h"
#include "export/keep.h"
#include "export/window_name.h"

struct pp_history_file {
    struct pp_window_name name;
    const char *extension; /* in static memory */
    uint64_t n_bytes;      /* on the disk */
};

struct pp_history {
    char folder[PATH_MAX];
    struct pp_history_file *files; /* by name, so by time */
    size_t n_files, capacity;
    uint64_t n_bytes;
};

/* What there is in 'folder'.  pp_history_done() in any case.  -ENOENT when there is no such folder;
 * what opening and reading give; -ENOMEM. */
int pp_history_read(const char *folder, struct pp_history *history_out, struct pprofc_error *err);
void pp_history_done(struct pp_history *history);

/* Where 'file' lies. */
void pp_history_path(const struct pp_history *history, const struct pp_history_file *file,
                     char path[PATH_MAX]);

/* How many of the oldest files are to go, so that what stays is as 'keep' says at 'now_s'.  A
 * window's files go together. */
size_t pp_history_n_beyond(const struct pp_history *history, const struct pp_keep *keep,
                           int64_t now_s);

/* Remove the first 'n' files, and days that have none left.  Returns how many bytes that freed.
 * What another process has removed meanwhile is gone as well. */
uint64_t pp_history_remove(struct pp_history *history, size_t n);

/* How many files the oldest window has: what a full disk costs first. */
size_t pp_history_n_oldest(const struct pp_history *history);

/* Remove what processes that were killed had begun to write. */
void pp_history_remove_abandoned(const char *folder);

#endif
