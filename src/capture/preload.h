/* The preload: what it interposes, and what it does to the environment. */
#ifndef PP_CAPTURE_PRELOAD_H
#define PP_CAPTURE_PRELOAD_H

#include <stdbool.h>
#include <stdint.h>

/* The next definition of 'name' behind ours, or NULL.  Calls dlsym. */
void *pp_preload_next(const char *name);

/* Path of this library as it is mapped. */
extern char pp_preload_path[512];

/* Take what is ours out of the environment: PPROFC*, ENABLE_PROFILING, and 'library' (a path) out
 * of LD_PRELOAD.  The arguments are a constructor's. */
void pp_preload_take_environment(int argc, char **argv, char **variables, const char *library);

/* Whether an exec by the calling process should take our variables along: the process we were
 * started in, not its children. */
bool pp_preload_goes_along(void);

/* An exec is about to happen: a forked child's own recording, which saw nothing, goes. */
void pp_preload_before_exec(void);

/* It has failed with 'result'; gives that on. */
int pp_preload_after_exec(int result);

#endif
