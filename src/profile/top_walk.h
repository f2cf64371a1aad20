/* The walk behind a top: what lies on and below each group, and on each location. */
#ifndef PP_PROFILE_TOP_WALK_H
#define PP_PROFILE_TOP_WALK_H

#include "profile/top_groups.h"

/* Add to the cum of each row, which is that of its group, and fill 'loads', by location.  -ENOMEM.
 */
int pp_top_walk(const struct pprofc_profile *profile, uint32_t type,
                const struct pp_top_groups *groups, struct pp_top_row *rows,
                struct pp_top_load *loads);

#endif
