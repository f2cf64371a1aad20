/* What is known of a profile as a whole, of two that are merged.  'strings': from the source's ids
 * to the target's. */
#ifndef PP_PROFILE_MERGE_FACTS_H
#define PP_PROFILE_MERGE_FACTS_H

#include "profile/profile.h"

/* An empty target takes it over as it is. */
void pp_profile_adopt_facts(struct pprofc_profile *target, const struct pprofc_profile *source,
                            const pp_id *strings);

/* Others add it: sums, and the command of the first, "and others" where there are several. */
void pp_profile_merge_facts(struct pprofc_profile *target, const struct pprofc_profile *source,
                            const pp_id *strings);

#endif
