/* Continuous mode on the command line: `pprofc serve`, `pprofc run`. */
#ifndef PP_CLI_CONTINUOUS_OPTIONS_H
#define PP_CLI_CONTINUOUS_OPTIONS_H

#include "serve/continuous.h"

/* Where a history lies that nobody named: as in the guide. */
#define PP_CONTINUOUS_FOLDER "profiles"

/* Those that both have, for the end of a table of options (options.h). */
enum { PP_N_CONTINUOUS_OPTIONS = 6 };
/* clang-format off */
#define PP_CONTINUOUS_OPTIONS                                                                \
    {"continuous", 0, false, false}, {"history", 0, true, false}, {"cycle", 0, true, false}, \
    {"keep", 0, true, false}, {"flight", 0, true, false}, {"export", 0, true, false}
/* clang-format on */

/* Take one of them, or --kinds, --frequency or --block-lib, by its long name.  -EINVAL. */
int pp_continuous_take(struct pp_continuous_options *options, const char *name, const char *value,
                       struct pprofc_error *err);

/* After the last one: -EINVAL for what says how, but not that. */
int pp_continuous_check(struct pp_continuous_options *options, struct pprofc_error *err);

/* What is said when it has begun, and when it has ended. */
void pp_continuous_say_begin(const struct pp_continuous_options *options);
void pp_continuous_say_end(const struct pp_continuous_options *options,
                           const struct pp_continuous_facts *facts);

#endif
