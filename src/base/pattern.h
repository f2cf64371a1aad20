/* Regular expressions as people type them for pprof: POSIX extended ones, and of Go's and Perl's
 * additions those that only spell something differently: \d \w \s \b, (?:..), (?i) in front, lazy
 * repetition.  There are no back-references and no unbounded costs: patterns also come from files
 * (drop_frames). */
#ifndef PP_BASE_PATTERN_H
#define PP_BASE_PATTERN_H

#include <stdbool.h>

#include "base/error.h"

struct pp_pattern;

enum pp_pattern_extent {
    PP_PATTERN_ANYWHERE, /* it may match any part of a text */
    PP_PATTERN_WHOLE     /* or all of it */
};

/* -EINVAL for what is no expression or is one that is not taken here, with the reason; -ENOMEM. */
int pp_pattern_new(const char *text, enum pp_pattern_extent extent, struct pp_pattern **pattern_out,
                   struct pprofc_error *err);

/* Whether 'text' matches.  When memory runs out on the way it does not, and the pattern is marked:
 * pp_pattern_failed() is asked once, at the end. */
bool pp_pattern_matches(struct pp_pattern *pattern, const char *text);
bool pp_pattern_failed(const struct pp_pattern *pattern);

/* As it was typed. */
const char *pp_pattern_text(const struct pp_pattern *pattern);

void pp_pattern_free(struct pp_pattern *pattern);

#endif
