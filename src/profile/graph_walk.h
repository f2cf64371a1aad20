/* One walk over a profile's tree that sums up groups and the calls between them: the inner part of
 * profile/graph.c. */
#ifndef PP_PROFILE_GRAPH_WALK_H
#define PP_PROFILE_GRAPH_WALK_H

#include "profile/contexts.h"
#include "profile/graph.h"
#include "profile/top_groups.h"
#include "profile/weights.h"

struct pp_graph_sums {
    int64_t *flat, *cum;         /* by group, or context */
    struct pp_graph_edge *edges; /* between them, in the order in which they were met */
    uint32_t n_edges;
    size_t edges_capacity;
};

/* 'contexts' NULL: groups are the same wherever they stand.  'is_kept' is by group or context; what
 * is not kept is passed over; NULL: all are kept.  -ENOMEM. */
int pp_graph_walk(const struct pprofc_profile *profile, uint32_t type,
                  const struct pp_top_groups *groups, const struct pp_contexts *contexts,
                  const struct pp_weights *weights, const bool *is_kept,
                  struct pp_graph_sums *sums);
void pp_graph_sums_done(struct pp_graph_sums *sums);

#endif
