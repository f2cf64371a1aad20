/* The call tree, as text. */
#ifndef PP_VIEWS_TREE_TABLE_H
#define PP_VIEWS_TREE_TABLE_H

#include "base/buffer.h"
#include "profile/profile.h"

struct pp_tree_table_options {
    uint32_t type;    /* index of the sample type */
    double min_share; /* of the whole: what is less is gathered; 0: 0.005 */
};

/* Append the profile's total and quality, then a line a function and path, callees indented below
 * their callers, the heaviest first: share and value with and without callees, name. */
int pp_tree_table_write(const struct pprofc_profile *profile,
                        const struct pp_tree_table_options *options, struct pp_buffer *out,
                        struct pprofc_error *err);

#endif
