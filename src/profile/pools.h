/* Threads of one pool: names that differ in the number at their end only. */
#ifndef PP_PROFILE_POOLS_H
#define PP_PROFILE_POOLS_H

#include <stddef.h>

enum { PP_POOL_NAME_BYTES = 64 };

/* "worker-12" is of "worker-*", "io (3)" of "io (*)"; a name without a number at its end is a pool
 * of its own.  Returns 'pool'. */
const char *pp_pool_name(const char *thread, char pool[PP_POOL_NAME_BYTES]);

#endif
