/* The values of options, as people type them. */
#ifndef PP_CLI_VALUES_H
#define PP_CLI_VALUES_H

#include <stdint.h>

#include "base/error.h"

/* "500ms", "30s", "1m30s", "1.5h", "30" (seconds): more than nothing, at most a year.  -EINVAL. */
int pp_parse_duration(const char *text, int64_t *duration_ns_out, struct pprofc_error *err);

/* "99", "12.5", "1000Hz": 1 to 10 000 a second.  -EINVAL, -ERANGE. */
int pp_parse_rate(const char *text, double *rate_hz_out, struct pprofc_error *err);

/* "low", "standard", "high": 10, 100, 1000 a second. */
int pp_parse_mode(const char *text, double *rate_hz_out, struct pprofc_error *err);

/* Kinds of profiles, as capture's settings have them: bit (family - 1). */
enum { PP_KIND_CPU = 1, PP_KIND_HEAP = 8, PP_KIND_LEAK = 32 /* with PP_KIND_HEAP */ };

/* "cpu", "cpu,heap": all of them must be in this version. */
int pp_parse_kinds(const char *text, uint32_t *kinds_out, struct pprofc_error *err);

/* The same kinds as one word for PPROFC=. */
const char *pp_kinds_text(uint32_t kinds);

/* "512K", "1.5M", "64KiB", "1": 1 at least.  -EINVAL. */
int pp_parse_bytes(const char *text, uint64_t *n_bytes_out, struct pprofc_error *err);

/* "USR2", "SIGUSR2" or a number: the signal's name without SIG, in static memory. */
int pp_parse_signal(const char *text, const char **name_out, struct pprofc_error *err);

/* "3%", "0.5": a part of the whole, 0 to 10 000 %, as a fraction. */
int pp_parse_percent(const char *text, double *fraction_out, struct pprofc_error *err);

/* 1 to 1 000 000. */
int pp_parse_top(const char *text, uint32_t *n_rows_out, struct pprofc_error *err);

#endif
