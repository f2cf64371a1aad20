/* Where libpprofc-preload.so is, or libpprofc-preload-heap.so, under a name that LD_PRELOAD can
 * hold. */
#ifndef PP_CLI_PRELOAD_H
#define PP_CLI_PRELOAD_H

#include <limits.h>
#include <stdbool.h>

#include "base/error.h"

struct pp_preload {
    char path[PATH_MAX]; /* for LD_PRELOAD */
    char folder[64];     /* made for a link to it, removed at the end; "" when none was needed */
};

/* 'with_heap': the one that also stands between the program and its allocator.  0, or -ENOENT with
 * what was looked at in 'err'. */
int pp_preload_find(struct pp_preload *preload, bool with_heap, struct pprofc_error *err);
void pp_preload_done(struct pp_preload *preload);

#endif
