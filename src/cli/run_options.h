/* What was asked of `pprofc run`. */
#ifndef PP_CLI_RUN_OPTIONS_H
#define PP_CLI_RUN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "cli/messages.h"
#include "serve/continuous_options.h"

struct pp_run_options {
    uint32_t kinds; /* PP_KIND_CPU and others */
    double rate_hz;
    bool has_rate;                /* somebody said it */
    int64_t duration_ns;          /* 0: to the end */
    uint64_t heap_interval_bytes; /* 0: nobody said it */
    const char *output;           /* -o, or NULL */
    const char *signal;           /* "USR2", or NULL */
    const char *http;             /* where to serve meanwhile, or NULL */
    const char *budget;           /* "1%", or NULL */
    struct pp_buffer block;       /* "libc,libm"; text, empty when nothing is blocked */
    bool block_drops, follows, is_strict, overwrites, wants_help, keeps_heap_peak, follows_mappings,
        counts_heap_usable, keeps_heap_lifetimes;
    bool ignores_idle;
    struct pp_continuous_options continuous;
    enum pp_loudness loudness;
    char **command; /* the program and its arguments; not empty */
};

/* Read the words behind the verb.  0 or a negative errno; pp_run_options_done() in any case. */
int pp_run_options_read(char **words, struct pp_run_options *options, struct pprofc_error *err);
void pp_run_options_done(struct pp_run_options *options);

#endif
