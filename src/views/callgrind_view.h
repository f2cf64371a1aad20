/* The call graph in callgrind's format, for KCachegrind and callgrind_annotate. */
#ifndef PP_VIEWS_CALLGRIND_VIEW_H
#define PP_VIEWS_CALLGRIND_VIEW_H

#include "profile/graph.h"
#include "views/profile_head.h"

struct pp_callgrind_options {
    struct pp_view_scope scope;
    struct pp_graph_wish wish; /* its type is the scope's; by lines, so that the source can be
                                * annotated */
};

/* Append a function a block, its own cost a line of source and below it the calls from there.  In a
 * call tree each way in which a function was reached is a function of its own, "fib [2/7]".
 * -EINVAL where something is less than nothing, which the format has no room for. */
int pp_callgrind_write(const struct pprofc_profile *profile,
                       const struct pp_callgrind_options *options, struct pp_buffer *out,
                       struct pprofc_error *err);

#endif
