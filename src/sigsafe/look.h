/* Looks at all threads: where one of them stands, as an event of its own family. */
#ifndef PP_SIGSAFE_LOOK_H
#define PP_SIGSAFE_LOOK_H

#include <stdint.h>

#include "recording/layout.h"
#include "sigsafe/scratch.h"
#include "sigsafe/sigsafe.h"
#include "sigsafe/threads.h"
#include "sigsafe/unwind.h"

/* A look's number that is none: the thread is not asked where it stands, but to stay there. */
#define PP_LOOK_HOLD UINT32_MAX

/* See enum pp_rec_stand. */
struct pp_sig_stand {
    uint32_t look;
    int32_t tid;
    uint32_t thread; /* index into the recording's thread table */
    uint32_t label_set;
    int64_t n_threads, runs, call, idle_ns;
};

/* Store it with its stack.  0, or -1 when there was no room (counted). */
PP_SIG int pp_sig_store_stand(struct pp_rec_header *header, const struct pp_sig_stand *stand,
                              const uint64_t *pcs, const struct pp_sig_walk *walk);

/* In its signal handler, on the scratch stack: the thread itself tells where it is, for 'look'. */
PP_SIG void pp_sig_look_here(struct pp_rec_header *header, struct pp_sig_thread *thread,
                             const void *context, struct pp_sig_scratch *scratch, uint32_t look);

/* Likewise: stay here, in the handler, until pp_sig_gate->hold is another.  What the thread had in
 * its registers is in the kernel's frame on its stack. */
PP_SIG void pp_sig_hold_here(void);

#endif
