/* Units of values and labels, under the names that profiles and people have for them:
 * "nanoseconds", "ms", "bytes", "kB". */
#ifndef PP_BASE_UNITS_H
#define PP_BASE_UNITS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/numbers.h"

struct pp_unit {
    const char *name; /* how it is written behind a value: "ms", "MB" */
    double factor;    /* in the smallest one of its kind: nanoseconds, bytes */
    int kind;         /* of one kind are those that can be converted */
};

/* The unit of that name in any of its spellings (case and a plural 's' do not matter), or NULL: a
 * count. */
const struct pp_unit *pp_unit_find(const char *name, size_t n_chars);

/* 'value' of 'unit' in 'shown' ("ms", "MB"; NULL or "auto": whatever suits it, as pp_value_text()).
 * A unit of another kind changes nothing. */
const char *pp_value_text_in(int64_t value, const char *unit, const char *shown,
                             char text[PP_NUMBER_TEXT_BYTES]);

#endif
