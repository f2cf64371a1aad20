/* Threads that wait for work: what of a profile of waits is nobody's concern. */
#ifndef PP_PROFILE_IDLE_H
#define PP_PROFILE_IDLE_H

#include "profile/profile.h"

struct pp_idle {
    int64_t value; /* of the type asked for, that was left out */
    uint32_t n_stacks, n_threads;
};

/* Leave out of 'profile' the waits of threads that have nothing to do.  Time is that of 'type'.
 *
 * - A stack and what it waits for is idle for a thread that spends at least 90 % of its life there.
 *   Kinds of waits: sleep, read, network, poll, condition, futex, child.
 * - It is idle for all threads of a pool (two or more whose names differ in the number at their
 * end) that together spend at least half of their lives there.  Kinds: poll, condition, futex.
 *
 * A life is as long as the profile's exact totals say of the thread; where they do not, it is all
 * that the thread has in a profile of wall time, else the profile's duration; less the time in
 * which it waited for a CPU.
 *
 * 0 or -ENOMEM; a profile without labels of threads and waits stays as it is. */
int pp_profile_ignore_idle(struct pprofc_profile *profile, uint32_t type, struct pp_idle *idle_out,
                           struct pprofc_error *err);

#endif
