/* Differences: `pprofc report --base` and `--diff_base`. */
#ifndef PP_CLI_REPORT_BASE_H
#define PP_CLI_REPORT_BASE_H

#include "cli/profile_input.h"
#include "cli/report_options.h"
#include "views/profile_head.h"

/* Take the bases of the options away from 'profile', scaled to their totals before with
 * --normalize, and say in 'scope' what shares are of: with --diff_base the bases' total, with
 * --base what is left. 0, or what to exit with after a line about it. */
int pp_report_base(const struct pp_report *report, const struct pp_input_wish *wish,
                   struct pprofc_profile *profile, struct pp_view_scope *scope);

#endif
