/* The preload: what it starts by itself and what it interposes. */
#ifndef PP_CAPTURE_PRELOAD_H
#define PP_CAPTURE_PRELOAD_H

#include <stdbool.h>
#include <stdint.h>

/* The next definition of 'name' behind ours, or NULL.  Calls dlsym. */
void *pp_preload_next(const char *name);

/* Path of this library as it is mapped. */
extern char pp_preload_path[512];

/* Whether an exec by the calling process should take our variables along: the process we were
 * started in, not its children. */
bool pp_preload_goes_along(void);

/* An exec is about to happen: a forked child's own recording, which saw nothing, goes. */
void pp_preload_before_exec(void);

#endif
