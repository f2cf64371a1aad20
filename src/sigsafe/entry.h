/* How the kernel enters us (entry_x86_64.S), and the two words that stand before that place. */
#ifndef PP_SIGSAFE_ENTRY_H
#define PP_SIGSAFE_ENTRY_H

/* Random bits. */
#define PP_SIG_MARK_FIRST 0x9d1c6b0f5e2a7743
#define PP_SIG_MARK_SECOND 0x28f4e0937ac65b1d

#ifndef __ASSEMBLER__
#include <signal.h>

#include "recording/layout.h"
#include "sigsafe/scratch.h"
#include "sigsafe/sigsafe.h"
#include "sigsafe/threads.h"

/* Our signals' handler: goes on in pp_sig_handle(). */
PP_SIG void pp_sig_on_tick(int signo, siginfo_t *info, void *context);
PP_SIG void pp_sig_handle(int signo, siginfo_t *info, void *context);

/* Take a sample on the stack that ends at 'stack_limit': the one that was interrupted may be an
 * alternate stack or a thread's of a few KiB, of which a signal frame has taken most. */
PP_SIG void pp_sig_sample_on(void *stack_limit, struct pp_rec_header *header,
                             struct pp_sig_thread *thread, const void *context,
                             struct pp_sig_scratch *scratch);
PP_SIG void pp_sig_sample_here(struct pp_rec_header *header, struct pp_sig_thread *thread,
                               const void *context, struct pp_sig_scratch *scratch);
#endif

#endif
