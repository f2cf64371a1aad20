/* How long objects of a heap lived, as text. */
#include "views/lifetime_facts.h"

#include <stdio.h>

#include "base/numbers.h"

/* Where a share of what was freed had ended; beyond the first and the last bucket only that. */
static const char *quantile_text(const struct pp_lifetimes *lifetimes, double part,
                                 char text[PP_NUMBER_TEXT_BYTES])
{
    const double lifetime_ns = pp_lifetimes_quantile_ns(lifetimes, part);
    const double last_ns = (double)pp_lifetime_bound_ns(PP_N_LIFETIMES - 2);

    if (lifetimes->freed_sum <= 0)
        return "-";
    if (lifetime_ns < 0)
        return "few";
    if (lifetime_ns <= (double)pp_lifetime_bound_ns(0))
        return "1 us";
    return pp_duration_text(lifetime_ns > last_ns ? last_ns : lifetime_ns, text);
}

bool pp_lifetime_facts_append(struct pp_buffer *out, const struct pprofc_profile *profile)
{
    const int objects_type = pp_lifetimes_type(profile, 0);
    const int bytes_type = pp_profile_find_type(profile, "alloc_space", NULL);
    struct pp_lifetimes objects, bytes;
    char half[PP_NUMBER_TEXT_BYTES], most[PP_NUMBER_TEXT_BYTES];

    if (objects_type < 0 || bytes_type < 0)
        return false;
    objects = pp_lifetimes_total(profile, (uint32_t)objects_type);
    bytes = pp_lifetimes_total(profile, (uint32_t)bytes_type);
    if (pp_lifetimes_quantile_ns(&objects, 0.5) < 0)
        return false;
    pp_buffer_printf(out, "half of the freed objects lived for less than %s, ",
                     quantile_text(&objects, 0.5, half));
    pp_buffer_printf(out, "99 %% for less than %s; ", quantile_text(&objects, 0.99, most));
    pp_buffer_printf(out, "%.1f %% of all objects and %.1f %% of bytes were freed within 1 ms",
                     100 * pp_lifetimes_temporary(&objects), 100 * pp_lifetimes_temporary(&bytes));
    return true;
}

void pp_lifetime_columns_append(struct pp_buffer *out, const struct pp_lifetimes *lifetimes)
{
    const double temporary = pp_lifetimes_temporary(lifetimes);
    char half[PP_NUMBER_TEXT_BYTES], most[PP_NUMBER_TEXT_BYTES];

    pp_buffer_printf(out, "%9s %9s ", quantile_text(lifetimes, 0.5, half),
                     quantile_text(lifetimes, 0.99, most));
    if (temporary < 0)
        pp_buffer_printf(out, "%8s  ", "-");
    else
        pp_buffer_printf(out, "%6.1f %%  ", 100 * temporary);
}

void pp_lifetime_names_append(struct pp_buffer *out)
{
    pp_buffer_printf(out, "%9s %9s %8s  ", "life 50 %", "99 %", "< 1 ms");
}
