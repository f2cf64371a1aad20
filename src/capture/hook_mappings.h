/* mmap, munmap and mremap: where they are called from, and where the real ones are. */
#ifndef PP_CAPTURE_HOOK_MAPPINGS_H
#define PP_CAPTURE_HOOK_MAPPINGS_H

#include <stdbool.h>

#include "capture/hook_calls.h"

enum { PP_N_MAPPING_HOOKS = 4 };

/* As pp_hooks, for the calls of sigsafe/heap_mapping_calls.h. */
extern struct pp_hook pp_mapping_hooks[PP_N_MAPPING_HOOKS];

/* Whether the linker leads the program's calls to ours: capture/hook_wrap_mappings.c is linked in.
 */
extern const bool pp_mappings_are_wrapped
    __attribute__((weak, visibility("hidden"))); /* or it is not there */

/* Find the real ones, once; before ours can be called.  False when there are none to be found, as
 * in a static program that does not wrap.  Calls dlsym. */
bool pp_mappings_find_real(void);

/* Whether what the program maps can be told from what its allocator maps for it, as far as that is
 * known; after the allocator was found, in a thread of the application's.  May ask it for memory,
 * and gives that back. */
bool pp_mappings_are_told_apart(void);

#endif
