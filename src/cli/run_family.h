/* The processes of a run, as /proc has them. */
#ifndef PP_CLI_RUN_FAMILY_H
#define PP_CLI_RUN_FAMILY_H

#include <stddef.h>
#include <sys/types.h>

enum { PP_RUN_MAX_FAMILY = 256 };

/* 'first' and its descendants, up to 'capacity' (at least 1) of them, and how many threads they
 * have.  Returns how many. */
size_t pp_run_family(pid_t first, pid_t *pids, size_t capacity, size_t *n_threads_out);

#endif
