/* Continuous mode on the command line: `pprofc serve`, `pprofc run`. */
#ifndef PP_CLI_CONTINUOUS_OPTIONS_H
#define PP_CLI_CONTINUOUS_OPTIONS_H

#include "serve/continuous.h"

/* Where a history lies that nobody named: as in the guide. */
#define PP_CONTINUOUS_FOLDER "profiles"

enum pp_continuous_option {
    PP_CONTINUOUS_ON,
    PP_CONTINUOUS_HISTORY,
    PP_CONTINUOUS_CYCLE,
    PP_CONTINUOUS_KEEP,
    PP_CONTINUOUS_KINDS,
    PP_CONTINUOUS_RATE,
    PP_CONTINUOUS_BLOCKED,
    PP_CONTINUOUS_FLIGHT,
    PP_CONTINUOUS_EXPORT,
};

/* Take one.  -EINVAL. */
int pp_continuous_take(struct pp_continuous_options *options, enum pp_continuous_option option,
                       const char *value, struct pprofc_error *err);

/* After the last one: -EINVAL for what says how, but not that. */
int pp_continuous_check(struct pp_continuous_options *options, struct pprofc_error *err);

/* What is said when it has begun, and when it has ended. */
void pp_continuous_say_begin(const struct pp_continuous_options *options);
void pp_continuous_say_end(const struct pp_continuous_options *options,
                           const struct pp_continuous_facts *facts);

#endif
