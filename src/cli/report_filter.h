/* The filters of `pprofc report`. */
#ifndef PP_CLI_REPORT_FILTER_H
#define PP_CLI_REPORT_FILTER_H

#include "base/buffer.h"
#include "cli/report_options.h"

/* Filter 'profile' as the options say; an expression that matches nothing is told of.  What was
 * asked for is appended to 'description': "focus=main, hide=std::".  'type': of what is idle.
 * -EINVAL for what is no expression. */
int pp_report_filter(struct pprofc_profile *profile, const struct pp_report *report, uint32_t type,
                     bool without_time, struct pp_buffer *description, struct pprofc_error *err);

#endif
