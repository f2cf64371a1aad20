/* Files that are there, whole, after the machine lost its power, or not at all. */
#ifndef PP_EXPORT_DURABLE_FILE_H
#define PP_EXPORT_DURABLE_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Write 'bytes' as 'name' in the open folder 'folder': under a temporary name
 * (".pprofc-PID-N.tmp"), synced, then renamed.  0, -EEXIST when the name is taken, else a negative
 * errno, and then nothing is left behind. */
int pp_durable_write(int folder, const char *name, const void *bytes, size_t n_bytes);

/* Whether 'name' is such a temporary name of a process that is gone: of one that was killed. */
bool pp_durable_is_abandoned(const char *name);

/* Make the folder's names as durable as the files: once after several of them. */
void pp_durable_sync_folder(int folder);

#endif
