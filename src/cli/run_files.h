/* The recordings of one run: found in /dev/shm by the run's id, held open from the first look on,
 * removed when their profiles are written.
 *
 * Writers of the directory: the processes of the run (each makes its own recording); reader and
 * remover: this command. */
#ifndef PP_CLI_RUN_FILES_H
#define PP_CLI_RUN_FILES_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/run_family.h"
#include "cli/run_news.h"
#include "recording/reader.h"

enum { PP_RUN_ID_BYTES = 16, PP_RUN_ID_HEX_BYTES = 2 * PP_RUN_ID_BYTES + 1 };

struct pp_run_file {
    struct pp_recording_reader *reader;
    pid_t pid;            /* as we see it, where that is known: the process may count otherwise */
    uint64_t start_ticks; /* with the pid, tells one process from another */
    int64_t begin_ns;     /* of the recording: one after an exec comes later */
    uint32_t exec_sequence;
    uint64_t device, inode;
    char path[PATH_MAX]; /* "" when it has no name (a memfd) */
    bool is_served;      /* by run --http */
};

struct pp_run_files {
    const char *directory; /* where recordings are: "/dev/shm"; tests use another */
    uint8_t run_id[PP_RUN_ID_BYTES];
    struct pp_run_file *files; /* by pid, then as they were made */
    size_t n_files, capacity;
    struct pp_run_news news;
    bool has_unfinished; /* seen by the last look: a recording that is still being made */
    /* Looking into processes. */
    struct {
        pid_t pid, tid;
    } helpers[PP_RUN_MAX_FAMILY]; /* whose recordings are known */
    size_t n_helpers;
    size_t n_family_threads; /* of the run, at the last look into all of it */
    unsigned n_looks_for_new, n_looks_into;
    int64_t next_look_into_ns; /* CLOCK_MONOTONIC */
};

/* Begin with a random id, written to 'id_out' in hexadecimal.  0 or a negative errno. */
int pp_run_files_init(struct pp_run_files *run, const char *directory,
                      char id_out[PP_RUN_ID_HEX_BYTES], struct pprofc_error *err);
void pp_run_files_done(struct pp_run_files *run);

/* Remove recordings of our own user that nobody has fetched for a day and whose process is gone: a
 * killed program that was preloaded by hand leaves one. */
void pp_run_files_reap(struct pp_run_files *run);

/* Find the recordings that came since the last look. */
void pp_run_files_look(struct pp_run_files *run);

/* The recordings that 'pid' and its descendants hold now, also those that have no name for us: in a
 * chroot or another mount namespace, or where /dev/shm cannot be used. */
void pp_run_files_look_into(struct pp_run_files *run, pid_t pid);

/* Both, as far as anything can have come since the last call of this. */
void pp_run_files_look_for_new(struct pp_run_files *run, pid_t pid);

/* Remove what belongs to the run and cannot be read, with a line about each: at the end only, since
 * a recording that is being made is unreadable too. */
void pp_run_files_drop_unreadable(struct pp_run_files *run);

/* Read everything anew: what was written since. */
void pp_run_files_refresh(struct pp_run_files *run);

/* Does the process of this recording still run? */
bool pp_run_file_is_alive(const struct pp_run_file *file);

/* Take the recording's name away, so that the memory goes with its last user. */
void pp_run_file_unlink(struct pp_run_file *file);

#endif
