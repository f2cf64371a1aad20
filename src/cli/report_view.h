/* The views of `pprofc report`. */
#ifndef PP_CLI_REPORT_VIEW_H
#define PP_CLI_REPORT_VIEW_H

#include "cli/report_options.h"
#include "views/profile_head.h"

/* Append the view that the options ask for: text, JSON, graphviz's language or a picture. */
int pp_report_view_write(const struct pp_report *report, const struct pprofc_profile *profile,
                         const struct pp_view_scope *scope, struct pp_buffer *out,
                         struct pprofc_error *err);

#endif
