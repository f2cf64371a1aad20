/* Heap profiles as text: what Go's debug=1 and gperftools' pprof have. */
#ifndef PP_FORMATS_HEAP_TEXT_H
#define PP_FORMATS_HEAP_TEXT_H

#include "base/buffer.h"
#include "profile/profile.h"

/* Append "heap profile: 3: 698368 [689: 6029536] @ heap/1048576" (in use, then allocated; twice the
 * interval) and a line a stack with its frames behind it.  As in Go these are the samples
 * themselves, which readers weigh by the interval. */
int pp_heap_text_write_go(const struct pprofc_profile *profile, struct pp_buffer *out,
                          struct pprofc_error *err);

/* The same as gperftools has it: weighed, without names, what is mapped behind it.  'name' is
 * "heapprofile" or "growthz". */
int pp_heap_text_write_gperftools(const struct pprofc_profile *profile, const char *name,
                                  struct pp_buffer *out, struct pprofc_error *err);

#endif
