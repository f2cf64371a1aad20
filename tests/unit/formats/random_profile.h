/* Random profiles that use everything the model has, and equality of profiles by meaning. */
#ifndef TESTS_RANDOM_PROFILE_H
#define TESTS_RANDOM_PROFILE_H

#include <stdint.h>

#include "profile/profile.h"

/* The same seed makes the same profile; NULL without memory. */
struct pprofc_profile *make_random_profile(uint64_t seed);

/* NULL when the two say the same, else what differs.  Ids may differ, the order of things may not.
 */
const char *profile_difference(const struct pprofc_profile *a, const struct pprofc_profile *b);

#endif
