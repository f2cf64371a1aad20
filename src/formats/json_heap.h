/* What JSON says of a heap. */
#ifndef PP_FORMATS_JSON_HEAP_H
#define PP_FORMATS_JSON_HEAP_H

#include "base/json_writer.h"
#include "profile/profile.h"

/* The standard error of a value that is an estimate; null where fewer than ten samples tell. */
void pp_json_error(struct pp_json *json, const char *key, const struct pp_estimate *estimate);

/* "heap": {interval_bytes, n_allocs, n_reallocs, n_frees, requested_bytes, is_behind}: what the
 * profile counts exactly (is_behind: as of some time before); null where it does not. */
void pp_json_heap(struct pp_json *json, const struct pprofc_profile *profile);

#endif
