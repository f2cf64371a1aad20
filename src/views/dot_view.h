/* The call graph in graphviz's language. */
#ifndef PP_VIEWS_DOT_VIEW_H
#define PP_VIEWS_DOT_VIEW_H

#include "profile/graph.h"
#include "views/profile_head.h"

struct pp_dot_options {
    struct pp_view_scope scope;
    struct pp_graph_wish wish; /* its type is the scope's */
};

/* Append a digraph: a box a function, the larger the more is booked on itself and the redder the
 * more lies below it (greener where it has become less), an arrow a call, dotted where it goes by
 * functions that were left out. */
int pp_dot_write(const struct pprofc_profile *profile, const struct pp_dot_options *options,
                 struct pp_buffer *out, struct pprofc_error *err);

#endif
