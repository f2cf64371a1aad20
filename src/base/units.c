/* Units of values and labels. */
#include "base/units.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/print.h"

enum { KIND_BYTES = 1, KIND_TIME };

static const struct {
    const char *spellings[4]; /* without a plural 's' */
    struct pp_unit unit;
} units[] = {
    {{"b", "byte"}, {"B", 1, KIND_BYTES}},
    {{"kb", "kib", "kbyte", "kilobyte"}, {"KiB", 1024.0, KIND_BYTES}},
    {{"mb", "mib", "mbyte", "megabyte"}, {"MiB", 1048576.0, KIND_BYTES}},
    {{"gb", "gib", "gbyte", "gigabyte"}, {"GiB", 1073741824.0, KIND_BYTES}},
    {{"tb", "tib", "tbyte", "terabyte"}, {"TiB", 1099511627776.0, KIND_BYTES}},
    {{"pb", "pib", "pbyte", "petabyte"}, {"PiB", 1125899906842624.0, KIND_BYTES}},
    {{"ns", "nanosecond"}, {"ns", 1, KIND_TIME}},
    {{"us", "\u03bcs", "\u00b5s", "microsecond"}, {"us", 1e3, KIND_TIME}},
    {{"ms", "millisecond"}, {"ms", 1e6, KIND_TIME}},
    {{"s", "sec", "second"}, {"s", 1e9, KIND_TIME}},
    {{"h", "hr", "hour"}, {"h", 3600e9, KIND_TIME}},
};

enum { N_UNITS = sizeof units / sizeof units[0] };

static bool is_spelled(const char *spelling, const char *name, size_t n_chars)
{
    return spelling != NULL && strlen(spelling) == n_chars &&
           strncasecmp(spelling, name, n_chars) == 0;
}

const struct pp_unit *pp_unit_find(const char *name, size_t n_chars)
{
    const bool is_plural = n_chars > 2 && (name[n_chars - 1] == 's' || name[n_chars - 1] == 'S');

    for (size_t i = 0; i < N_UNITS; i++) {
        for (size_t k = 0; k < sizeof units[i].spellings / sizeof units[i].spellings[0]; k++) {
            const char *spelling = units[i].spellings[k];
            if (is_spelled(spelling, name, n_chars) ||
                (is_plural && is_spelled(spelling, name, n_chars - 1)))
                return &units[i].unit;
        }
    }
    return NULL;
}

const char *pp_value_text_in(int64_t value, const char *unit, const char *shown,
                             char text[PP_NUMBER_TEXT_BYTES])
{
    const struct pp_unit *from = pp_unit_find(unit, strlen(unit));
    const struct pp_unit *to = shown == NULL ? NULL : pp_unit_find(shown, strlen(shown));
    char digits[32];

    if (from == NULL || to == NULL || from->kind != to->kind)
        return pp_value_text(value, unit, text);
    if (from == to) {
        (void)snprintf(digits, sizeof digits, "%lld", (long long)value);
    } else {
        (void)pp_print(digits, sizeof digits, "%.2f", (double)value * from->factor / to->factor);
        if (strlen(digits) > 3 && strcmp(digits + strlen(digits) - 3, ".00") == 0)
            digits[strlen(digits) - 3] = '\0';
    }
    (void)snprintf(text, PP_NUMBER_TEXT_BYTES, "%s %s", digits, to->name);
    return text;
}
