/* How long objects of a heap lived, as text. */
#ifndef PP_VIEWS_LIFETIME_FACTS_H
#define PP_VIEWS_LIFETIME_FACTS_H

#include "base/buffer.h"
#include "profile/lifetimes.h"

/* Append "half of what was freed lived for less than 31 us, 99 % for less than 1.2 s; 63.0 % of
 * objects and 41.0 % of bytes were freed within 1 ms".  False, and nothing, where lifetimes are not
 * known, or nothing was freed. */
bool pp_lifetime_facts_append(struct pp_buffer *out, const struct pprofc_profile *profile);

/* Append the columns of a table's row: median, 99 %, share freed within 1 ms; and their names. */
void pp_lifetime_columns_append(struct pp_buffer *out, const struct pp_lifetimes *lifetimes);
void pp_lifetime_names_append(struct pp_buffer *out);

#endif
