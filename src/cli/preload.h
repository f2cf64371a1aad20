/* Where the library to be preloaded is, under a name that LD_PRELOAD can hold. */
#ifndef PP_CLI_PRELOAD_H
#define PP_CLI_PRELOAD_H

#include <limits.h>
#include <stdint.h>

#include "base/error.h"

struct pp_preload {
    char path[PATH_MAX]; /* for LD_PRELOAD */
    char folder[64];     /* made for a link to it, removed at the end; "" when none was needed */
};

/* The one for 'kinds' (PP_KIND_CPU ..): what nobody asked for stands in nobody's way, be it between
 * the program and its allocator or between it and calls that may wait. */
const char *pp_preload_library(uint32_t kinds);

/* Find it.  0, or -ENOENT with what was looked at in 'err'. */
int pp_preload_find(struct pp_preload *preload, uint32_t kinds, struct pprofc_error *err);
void pp_preload_done(struct pp_preload *preload);

#endif
