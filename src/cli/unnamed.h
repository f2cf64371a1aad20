/* Which module the samples without names are in. */
#ifndef PP_CLI_UNNAMED_H
#define PP_CLI_UNNAMED_H

#include "profile/profile.h"

struct pp_unnamed {
    double share;       /* of all samples, 0 to 1 */
    const char *module; /* base name of the one with the most of them; the profile's memory */
};

/* 0, or -ENOMEM, or -ENOENT when every sample has a name. */
int pp_unnamed_find(const struct pprofc_profile *profile, struct pp_unnamed *unnamed_out);

#endif
