/* What a profile of waits says of all threads, in JSON. */
#ifndef PP_FORMATS_JSON_WAITS_H
#define PP_FORMATS_JSON_WAITS_H

#include "base/json_writer.h"
#include "profile/profile.h"

/* "waits": {wall_ns, cpu_ns, blocked_ns, run_queue_ns, throttled_ns, unattributed_ns, n_waits,
 * n_contentions, delay_ns, threads: [{name, id, the same figures}], other_threads: {n_threads,
 * the same}}; nothing where waits were not followed. */
void pp_json_waits(struct pp_json *json, const struct pprofc_profile *profile);

#endif
