/* Amounts, as people type them: in options and in the environment.  Always with '.', as in the C
 * locale. */
#ifndef PP_BASE_QUANTITIES_H
#define PP_BASE_QUANTITIES_H

#include <stdint.h>

#include "base/error.h"

/* "500ms", "30s", "1m30s", "1.5h", "30" (seconds): more than nothing, at most a year.  -EINVAL. */
int pp_parse_duration(const char *text, int64_t *duration_ns_out, struct pprofc_error *err);

/* "99", "12.5", "1000Hz": 1 to 10 000 a second.  -EINVAL, -ERANGE. */
int pp_parse_rate(const char *text, double *rate_hz_out, struct pprofc_error *err);

/* "low", "standard", "high": 10, 100, 1000 a second. */
int pp_parse_mode(const char *text, double *rate_hz_out, struct pprofc_error *err);

/* "512K", "1.5M", "64KiB", "1": 1 at least.  -EINVAL. */
int pp_parse_bytes(const char *text, uint64_t *n_bytes_out, struct pprofc_error *err);

/* "3%", "0.5": a part of the whole, 0 to 10 000 %, as a fraction. */
int pp_parse_percent(const char *text, double *fraction_out, struct pprofc_error *err);

#endif
