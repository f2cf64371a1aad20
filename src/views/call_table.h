/* Callers and callees of each function, as text: pprof's tree and peek. */
#ifndef PP_VIEWS_CALL_TABLE_H
#define PP_VIEWS_CALL_TABLE_H

#include "base/pattern.h"
#include "profile/graph.h"
#include "views/profile_head.h"

struct pp_call_table_options {
    struct pp_view_scope scope;
    struct pp_graph_wish wish;  /* its type is the scope's */
    struct pp_pattern *pattern; /* only functions that match; NULL: all */
};

/* Append the head and a block a function: its callers with what they bring, itself, its callees
 * with what they take.  -ENOENT when nothing matches the pattern. */
int pp_call_table_write(const struct pprofc_profile *profile,
                        const struct pp_call_table_options *options, struct pp_buffer *out,
                        struct pprofc_error *err);

#endif
