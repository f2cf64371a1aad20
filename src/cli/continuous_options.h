/* Continuous mode on the command line: `pprofc serve`, `pprofc run`. */
#ifndef PP_CLI_CONTINUOUS_OPTIONS_H
#define PP_CLI_CONTINUOUS_OPTIONS_H

#include "serve/continuous.h"

/* Where a history lies that nobody named: as in the guide. */
#define PP_CONTINUOUS_FOLDER "profiles"

/* Take one, by its long name: --continuous, --history, --cycle, --keep, --flight, --export,
 * --kinds,
 * --frequency, --block-lib.  -EINVAL. */
int pp_continuous_take(struct pp_continuous_options *options, const char *name, const char *value,
                       struct pprofc_error *err);

/* After the last one: -EINVAL for what says how, but not that. */
int pp_continuous_check(struct pp_continuous_options *options, struct pprofc_error *err);

/* What is said when it has begun, and when it has ended. */
void pp_continuous_say_begin(const struct pp_continuous_options *options);
void pp_continuous_say_end(const struct pp_continuous_options *options,
                           const struct pp_continuous_facts *facts);

#endif
