/* What JSON says of a heap. */
#ifndef PP_FORMATS_JSON_HEAP_H
#define PP_FORMATS_JSON_HEAP_H

#include "base/json_writer.h"
#include "profile/lifetimes.h"

/* The standard error of a value that is an estimate; null where fewer than ten samples tell. */
void pp_json_error(struct pp_json *json, const char *key, const struct pp_estimate *estimate);

/* "lifetime": {median_ns, p99_ns, within_1ms_share} of what a row has allocated itself; nothing
 * where lifetimes are not known, and null where fewer than ten samples tell. */
void pp_json_lifetime(struct pp_json *json, const struct pp_lifetimes *lifetimes);

/* "heap": {interval_bytes, n_allocs, n_reallocs, n_frees, requested_bytes, is_behind,
 * usable_allocated_bytes, usable_freed_bytes, usable_net_bytes, threads: [{name, id, and those
 * counts}], other_threads: {n_threads, and those counts}, lifetimes: {objects and bytes:
 * {median_ns, p99_ns, within_1ms_share}, buckets: [{below_ns, objects, bytes}]}, memory}: what the
 * profile counts exactly (is_behind: as of some time before); null where it does not, as usable
 * bytes where nobody asked for them. */
void pp_json_heap(struct pp_json *json, const struct pprofc_profile *profile);

#endif
