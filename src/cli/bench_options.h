/* What was typed behind `pprofc bench`. */
#ifndef PP_CLI_BENCH_OPTIONS_H
#define PP_CLI_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "profile/diff.h"

struct pp_bench_options {
    const char *commands[PP_N_SIDES]; /* of --before and --after */
    const char **cases;               /* of --case: "NAME=COMMAND", or "NAME" of 'program' */
    size_t n_cases, cases_capacity;
    char **program; /* what stands behind "--", NULL-terminated; NULL: nothing does */
    const char *save_baseline, *baseline, *load_baseline; /* NULL: not given */
    const char *filter, *store, *output, *keep;
    uint32_t n_runs, n_rows; /* 0: the form's own choice */
    double rate_hz;
    double limit; /* a fraction; negative: none */
    double noise; /* changes of the whole up to this fraction count as noise */
    bool by_cum, is_json, overwrites, lists, wants_help;
};

/* The two forms: two commands in turn, and the cases of a benchmark against a baseline.  What to
 * exit with. */
int pp_bench_pair(const struct pp_bench_options *options);
int pp_bench_cases(const struct pp_bench_options *options);

#endif
