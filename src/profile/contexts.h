/* Groups told apart by how they were reached: one for each path of groups from the root, as a call
 * tree has them. */
#ifndef PP_PROFILE_CONTEXTS_H
#define PP_PROFILE_CONTEXTS_H

#include "profile/top_groups.h"

struct pp_contexts {
    uint32_t *group; /* by context */
    uint32_t n;
    size_t capacity;
    uint32_t *first;   /* by node of the profile's tree: where its members' contexts begin */
    uint32_t *members; /* contexts, innermost first, as pp_top_groups_of() has the groups */
};

/* -ENOMEM; pp_contexts_done() in any case. */
int pp_contexts_init(struct pp_contexts *contexts, const struct pprofc_profile *profile,
                     const struct pp_top_groups *groups);
void pp_contexts_done(struct pp_contexts *contexts);

#endif
