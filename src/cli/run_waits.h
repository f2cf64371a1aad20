/* The last lines of a run about waits, locks and wall time. */
#ifndef PP_CLI_RUN_WAITS_H
#define PP_CLI_RUN_WAITS_H

#include "cli/run.h"
#include "profile/profile.h"

/* Leave idle threads out of 'profile', and state in its comments and say how much that was. */
int pp_run_ignore_idle(struct pprofc_profile *profile, struct pprofc_error *err);

/* Say what became of 'profile'.  'who' comes first: its kind behind the lines of others, or another
 * process; NULL: how the program ended. */
void pp_run_say_waits(const struct pp_run *run, const struct pprofc_profile *profile,
                      const char *who);

#endif
