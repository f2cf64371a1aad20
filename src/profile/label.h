/* What labels say, for people. */
#ifndef PP_PROFILE_LABEL_H
#define PP_PROFILE_LABEL_H

#include "base/buffer.h"
#include "profile/profile.h"

/* The name of the unit that a numeric label is in, however little the file says of it. */
const char *pp_label_unit(const struct pprofc_profile *profile, const struct pp_label *label);

/* Append the label's text, or its number: in the unit 'shown', NULL: in what suits it. */
void pp_label_text(const struct pprofc_profile *profile, const struct pp_label *label,
                   const char *shown, struct pp_buffer *out);

/* Append what the set's labels of one key say, with commas between them; whether there is one. */
bool pp_label_values(const struct pprofc_profile *profile, pp_id label_set, const char *key,
                     size_t n_chars, const char *shown, struct pp_buffer *out);

#endif
