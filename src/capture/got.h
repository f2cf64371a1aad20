/* Hooks in a program that links libpprofc: where its objects keep the addresses of the functions
 * they call (the GOT), ours are put in for those of capture/hook_calls.h.
 *
 * A fully static program has no such entries.  It can have the linker put the hooks in:
 * -Wl,--wrap=pthread_create,--wrap=sigaction,--wrap=signal (capture/hook_wrap_*.c).  Without them
 * its threads are found when the helper looks, and a handler of its own for our signal replaces
 * ours until then. */
#ifndef PP_CAPTURE_GOT_H
#define PP_CAPTURE_GOT_H

#include <stdbool.h>

/* Patch the entries of all objects that are loaded now; what was done before is cheap to do again.
 * 'with_heap': those of the malloc family too (capture/hook_heap.h), in libc's own entries as well;
 * 'with_mappings': those of mmap, munmap and mremap (capture/hook_mappings.h), but not the
 * allocator's own; 'with_waits': those that threads wait in (capture/hook_waits.h).  The entries
 * stay: a late thread may be on its way through them.  Returns how many were changed.
 *
 * The caller holds the session's lock, which keeps forks out, and is a thread of the application's:
 * this takes the loader's lock. */
int pp_got_patch(bool with_heap, bool with_mappings, bool with_waits);

/* Whether threads made by pthread_create tell of themselves: the hooks are interposed or patched
 * in. */
bool pp_got_catches_threads(void);

#endif
