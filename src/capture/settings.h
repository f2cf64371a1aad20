/* What a session is asked for: by defaults, by the environment, by the program's options. */
#ifndef PP_CAPTURE_SETTINGS_H
#define PP_CAPTURE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "pprofc/pprofc.h"

enum { PP_SESSION_BLOCK_BYTES = 256 };

struct pp_settings {
    uint32_t kinds;
    double rate_hz;
    char block_libraries[PP_SESSION_BLOCK_BYTES];
    bool block_drops;
    uint64_t cycle_on_ns, cycle_ns; /* sampled for the first of every second; 0: always */
    uint64_t heap_interval_bytes;
    bool heap_follows_peak, heap_follows_mappings, heap_usable, heap_lifetimes;
    double budget_share; /* of the program's CPU time, that profiling may cost; 0: any */
};

/* Fill in defaults, environment and 'options' (may be NULL).  -EINVAL, -ERANGE, -ENOTSUP. */
int pp_settings_make(struct pp_settings *settings, const struct pprofc_options *options,
                     struct pprofc_error *err);

#endif
