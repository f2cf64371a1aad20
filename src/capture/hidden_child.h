/* Starting the command pprofc from within somebody else's process, so that the program never sees a
 * child of ours: no SIGCHLD comes, and wait() knows of none. */
#ifndef PP_CAPTURE_HIDDEN_CHILD_H
#define PP_CAPTURE_HIDDEN_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the command is: PPROFC_COMMAND, else beside this library, else in PATH. */
bool pp_command_find(char *path, size_t capacity);

/* Run 'path' with 'arguments' and wait for it.  Its exit status (128+N by signal), and the CPU time
 * that it took; a negative errno when it could not be started. */
int pp_hidden_run(const char *path, const char *const arguments[], uint64_t *cpu_ns_out);

/* Start it in a session of its own, without our descriptors but 'log' as standard error (-1:
 * none).  It gets TERM when the calling thread ends, by the end of the process or by an exec too.
 * What pp_hidden_end() takes, or a negative errno. */
int pp_hidden_start(const char *path, const char *const arguments[], int log);

/* End what pp_hidden_start() has started, from the same thread. */
void pp_hidden_end(int child);

#endif
