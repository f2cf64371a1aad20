/* Signals that are not ours go where they would have gone without us. */
#ifndef PP_SIGSAFE_CHAIN_H
#define PP_SIGSAFE_CHAIN_H

#include <signal.h>

#include "sigsafe/sigsafe.h"

/* Deliver a foreign SIGTRAP or SIGPROF to the application's own action: its handler with its mask,
 * nothing when ignored, the default's death when it has none. */
PP_SIG void pp_sig_chain_call(int signo, siginfo_t *info, void *context);

/* Remember 'action' as the application's for 'signo', and give back the one before (either may be
 * NULL). Callers hold a lock among themselves; handlers may read meanwhile. */
PP_SIG void pp_sig_chain_set(int signo, const struct sigaction *action,
                             struct sigaction *previous_out);

#endif
