/* Where the recording of a process is. */
#ifndef PP_SERVE_FIND_H
#define PP_SERVE_FIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PP_RECORDING_FOLDER "/dev/shm"

/* The path of the newest recording of 'pid': one in its memory (a memfd, where /dev/shm had no
 * room) or, of those that may be trusted, in /dev/shm. */
bool pp_find_recording(int64_t pid, char *path_out, size_t capacity);

#endif
