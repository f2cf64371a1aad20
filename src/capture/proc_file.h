/* Small files of /proc and /sys, read in one go. */
#ifndef PP_CAPTURE_PROC_FILE_H
#define PP_CAPTURE_PROC_FILE_H

#include <stddef.h>
#include <sys/types.h>

/* What 'path' holds, up to 'capacity' - 1 bytes, ended by a NUL.  How many bytes that is, or -1 and
 * an empty text. */
ssize_t pp_proc_read(const char *path, char *text, size_t capacity);

#endif
