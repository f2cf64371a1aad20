/* Files that are there whole or not at all: written under a temporary name in their folder
 * (".pprofc-PID-N.tmp") and moved to their own, so that nobody ever sees half of one, and a full
 * disk costs nobody what was there before. */
#ifndef PP_BASE_WHOLE_FILE_H
#define PP_BASE_WHOLE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct pp_whole_file_how {
    mode_t mode;     /* of a new file, before the umask */
    bool has_mode;   /* as it is, without the umask */
    bool overwrites; /* else a name that is taken stays as it is */
    bool is_durable; /* also after the machine has lost its power; the name's folder apart */
};

/* Write 'bytes' as 'name' in the open folder 'folder' (or AT_FDCWD).  0, -EEXIST when the name is
 * taken, else a negative errno, and then nothing is left behind. */
int pp_whole_file_write(int folder, const char *name, const void *bytes, size_t n_bytes,
                        const struct pp_whole_file_how *how);

enum { PP_WHOLE_FILE_TEMPORARY_BYTES = 48 };

/* In two steps, for files that belong together: write all of them under temporary names, which are
 * given out, then let each have its own.  What is not to have one is dropped. */
int pp_whole_file_prepare(int folder, const void *bytes, size_t n_bytes,
                          const struct pp_whole_file_how *how,
                          char temporary_out[PP_WHOLE_FILE_TEMPORARY_BYTES]);
int pp_whole_file_name(int folder, const char *temporary, const char *name, bool overwrites);
void pp_whole_file_drop(int folder, const char *temporary);

/* Whether 'name' is a temporary one of a process that is gone: of one that was killed. */
bool pp_whole_file_is_abandoned(const char *name);

/* Make the folder's names as durable as the files: once after several of them. */
void pp_whole_file_sync_folder(int folder);

#endif
