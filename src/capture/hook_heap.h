/* The malloc family: which of its calls we stand in front of, and where the allocator's are. */
#ifndef PP_CAPTURE_HOOK_HEAP_H
#define PP_CAPTURE_HOOK_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/hook_calls.h"
#include "pprofc/error.h"

enum { PP_N_HEAP_HOOKS = 12 };

/* As pp_hooks, for the calls of sigsafe/heap_calls.h. */
extern struct pp_hook pp_heap_hooks[PP_N_HEAP_HOOKS];

/* Whether the program's calls lead to ours by their names: true in the preload for the heap. */
extern bool pp_heap_is_interposed;

/* Whether the linker leads the program's calls to ours: capture/hook_wrap_heap.c is linked in. */
extern const bool pp_heap_wraps
    __attribute__((weak, visibility("hidden"))); /* or it is not there */

/* Find the allocator's functions, once; before ours can be called.  Calls dlsym.  -ENOSYS when
 * there is no allocator to be found, as in a static program that does not wrap. */
int pp_heap_find_allocator(struct pprofc_error *err);

/* Where names should lead to ours and lead to an allocator that is preloaded before us: from now on
 * GOT entries are to be patched.  Once threads can have blocks, in a thread of the application's.
 */
int pp_heap_find_way(struct pprofc_error *err);

/* The preload's: called when pp_sig_allocator has just been filled in. */
extern void (*pp_heap_on_found)(void);

/* One line for a person when the program's own calls cannot be seen, or NULL. */
const char *pp_heap_blind_spot(void);

#endif
