/* What a handler needs beside the few words it takes of the interrupted stack: room for frames and
 * a stack of its own.  Few are in use at once where there is a CPU for each thread; with hundreds
 * of threads that all want one, many handlers are interrupted half-way and wait for it. */
#ifndef PP_SIGSAFE_SCRATCH_H
#define PP_SIGSAFE_SCRATCH_H

#include <stdatomic.h>
#include <stdint.h>

#include "sigsafe/unwind.h"

enum { PP_N_SCRATCH = 256, PP_SCRATCH_STACK_BYTES = 8128 };

struct pp_sig_scratch {
    uint64_t pcs[PP_MAX_FRAMES + 1 + 7]; /* whole cache lines */
    /* Whole pages with 'pcs'.  A sample takes under 2 KiB, with the address sanitizer about 3. */
    _Alignas(64) char stack[PP_SCRATCH_STACK_BYTES];
};

/* Set once, before the first handler runs: PP_N_SCRATCH buffers, touched as they are used. */
extern struct pp_sig_scratch *pp_sig_scratches;

/* A free buffer, the lowest first (warm memory), or NULL when all are in use. */
PP_SIG struct pp_sig_scratch *pp_sig_scratch_take(void);
PP_SIG void pp_sig_scratch_give(struct pp_sig_scratch *scratch);

/* In a child after fork: the threads that held buffers are not there. */
PP_SIG void pp_sig_scratch_reset(void);

#endif
