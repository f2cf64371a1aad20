/* Buffers for frames while a handler walks: few are needed, since few handlers run at once, and a
 * thread's stack may be small. */
#ifndef PP_SIGSAFE_SCRATCH_H
#define PP_SIGSAFE_SCRATCH_H

#include <stdatomic.h>
#include <stdint.h>

#include "sigsafe/unwind.h"

enum { PP_N_SCRATCH = 64 };

struct pp_sig_scratch {
    uint64_t pcs[PP_MAX_FRAMES + 1 + 7]; /* whole cache lines */
};

/* Set once, before the first handler runs: PP_N_SCRATCH buffers, touched as they are used. */
extern struct pp_sig_scratch *pp_sig_scratches;

/* A free buffer, the lowest first (warm memory), or NULL when all are in use. */
PP_SIG struct pp_sig_scratch *pp_sig_scratch_take(void);
PP_SIG void pp_sig_scratch_give(struct pp_sig_scratch *scratch);

/* In a child after fork: the threads that held buffers are not there. */
PP_SIG void pp_sig_scratch_reset(void);

#endif
