/* All threads' stacks as text, like those of Go's goroutines. */
#ifndef PP_VIEWS_THREAD_STACKS_H
#define PP_VIEWS_THREAD_STACKS_H

#include "base/buffer.h"
#include "profile/profile.h"

/* Each thread of 'profile' (one sample a thread, labels thread_id, thread_name, state, idle): who
 * it is, what it does, then its frames with their places, by thread id.  0 or -ENOMEM. */
int pp_thread_stacks_write(const struct pprofc_profile *profile, struct pp_buffer *out,
                           struct pprofc_error *err);

/* The same in the form of Go's tracebacks (its debug=2), which tools read by its pattern: a head
 * "goroutine 42 [IO wait, 5 minutes, "worker-1"]:" with the thread's id, in Go's word for what it
 * does where that is the same, and its name; then function and file of each frame. */
int pp_thread_goroutines_write(const struct pprofc_profile *profile, struct pp_buffer *out,
                               struct pprofc_error *err);

/* Each distinct stack and how many threads stand there, the most first, as Go's debug=1 has it. */
int pp_thread_groups_write(const struct pprofc_profile *profile, struct pp_buffer *out,
                           struct pprofc_error *err);

#endif
