/* The calls of sigsafe/heap_operators.h: which of them the program's allocator has. */
#ifndef PP_CAPTURE_HOOK_HEAP_OPERATORS_H
#define PP_CAPTURE_HOOK_HEAP_OPERATORS_H

#include "capture/hook_calls.h"

enum { PP_N_HEAP_OPERATORS = 31 };

/* As pp_hooks; 'real' is 0 where the allocator does not have it, or it goes through malloc. */
extern struct pp_hook pp_heap_operators[PP_N_HEAP_OPERATORS];

/* Find the allocator's, once the allocator itself is found; how many there are.  Calls dlsym. */
int pp_heap_find_operators(void);

#endif
