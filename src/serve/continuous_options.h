/* What continuous mode is asked for: by options of the command, or by the environment. */
#ifndef PP_SERVE_CONTINUOUS_OPTIONS_H
#define PP_SERVE_CONTINUOUS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "export/keep.h"
#include "export/sink.h"
#include "export/teller.h"
#include "serve/triggers.h"

struct pp_continuous_options {
    bool is_on;
    const char *folder; /* of the history; NULL: none */
    struct pp_keep keep;
    const char *export_to;      /* "otlp,pyroscope": where windows are sent too; NULL: nowhere */
    bool hides_command;         /* and without the command line */
    struct pp_teller teller;    /* hears what sending has to say, and why no bundle was written */
    struct pp_teller good_news; /* hears of bundles that a signal had written */
    struct pp_sink *const *others; /* of the caller, who frees them after the end; NULL: none */
    uint32_t n_others;
    uint32_t kinds; /* bits of continuous_kinds.h; 0: those that the process measures */
    double rate_hz;
    int64_t on_ns, whole_ns; /* on for the first in every second; equal: always on */
    const char *block;       /* libraries whose frames are folded into their callers; "": none */
    struct pp_triggers triggers; /* of the flight recorder */
    double end_seconds;          /* from the moment at which the end was asked for */
    bool has_details;            /* something of the above was asked for by an option */
    bool rests;                  /* what is served samples in windows only: pause it between them */
};

/* The libraries of the guide. */
#define PP_CONTINUOUS_BLOCK "libc,libpthread,ld-linux"

/* 10 Hz in windows of a minute, kept for a day. */
void pp_continuous_options_init(struct pp_continuous_options *options);

/* "60s": windows of that length, always on; "60s/360s": on for the first in every second. -EINVAL.
 */
int pp_continuous_parse_cycle(const char *text, struct pp_continuous_options *options,
                              struct pprofc_error *err);

/* Library names, or "none". */
void pp_continuous_set_block(const char *text, struct pp_continuous_options *options);

/* What of it the environment says: PPROFC_HISTORY and PPROFC_EXPORT switch it on; PPROFC_CYCLE,
 * PPROFC_KEEP, PPROFC_FLIGHT, PPROFC_FREQUENCY, PPROFC_MODE and PPROFC_BLOCK count as options do.
 * Texts stay the environment's.  -EINVAL for what cannot be read, with the variable's name. */
int pp_continuous_options_read(struct pp_continuous_options *options, struct pprofc_error *err);

#endif
