/* The lines above a view. */
#include "views/profile_head.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "base/numbers.h"
#include "base/units.h"
#include "profile/top.h"
#include "views/clean_text.h"
#include "views/heap_facts.h"
#include "views/wait_facts.h"

int64_t pp_view_whole(const struct pprofc_profile *profile, const struct pp_view_scope *scope)
{
    return scope->whole != 0 ? scope->whole : pp_profile_total(profile, scope->type);
}

const char *pp_view_value(const struct pprofc_profile *profile, const struct pp_view_scope *scope,
                          int64_t value, char text[40])
{
    const double divided = scope->divide_by > 0 ? trunc((double)value / scope->divide_by) : 0;

    if (scope->divide_by > 0 && scope->divide_by != 1)
        value = divided >= 0x1p63 ? INT64_MAX : divided < -0x1p63 ? INT64_MIN : (int64_t)divided;
    return pp_value_text_in(value, pp_profile_chars(profile, profile->types[scope->type].unit),
                            scope->unit, text);
}

const char *pp_view_count_name(const struct pprofc_profile *profile, uint32_t type)
{
    return strcmp(pp_profile_chars(profile, profile->types[type].unit), "bytes") == 0 ? "objects"
                                                                                      : "samples";
}

static void put_date(struct pp_buffer *out, int64_t time_ns)
{
    const time_t seconds = (time_t)(time_ns / 1000000000);
    struct tm parts;
    char text[40];

    if (time_ns <= 0 || gmtime_r(&seconds, &parts) == NULL)
        return;
    if (strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts) > 0)
        pp_buffer_printf(out, "Date     %s\n", text);
}

/* "in 53 samples"; of exact values that are no samples "in 53 objects". */
static void put_count(struct pp_buffer *out, const struct pprofc_profile *profile, uint32_t type,
                      const struct pp_estimate *estimate)
{
    const bool is_estimated = estimate->n_sampled > 0;
    char count[PP_NUMBER_TEXT_BYTES];
    int64_t n = 0;

    for (uint32_t i = 0; i < profile->n_samples && !is_estimated; i++) {
        const int64_t more = pp_profile_type_samples(
            profile, type, profile->sample_values + (size_t)i * profile->n_types);
        if (__builtin_add_overflow(n, more, &n))
            n = more < 0 ? INT64_MIN : INT64_MAX;
    }
    if (is_estimated)
        n = (int64_t)(estimate->n_sampled + 0.5);
    pp_buffer_printf(out, " in %s %s", pp_count_text(n, count),
                     is_estimated ? "samples" : pp_view_count_name(profile, type));
}

static void put_type(struct pp_buffer *out, const struct pprofc_profile *profile, uint32_t type)
{
    const char *name = pp_profile_chars(profile, profile->types[type].type);

    pp_buffer_text(out, " of ");
    pp_clean_text_append(out, name[0] != '\0' ? name : "unknown");
}

static void put_duration(struct pp_buffer *out, const struct pprofc_profile *profile)
{
    char duration[PP_NUMBER_TEXT_BYTES];

    if (profile->duration_ns > 0)
        pp_buffer_printf(out, " during %s",
                         pp_duration_text((double)profile->duration_ns, duration));
    pp_buffer_text(out, "\n");
}

/* The total; of a part the whole and what is shown of it; of a difference what it is to. */
static void put_totals(struct pp_buffer *out, const struct pprofc_profile *profile,
                       const struct pp_view_scope *scope)
{
    const struct pp_estimate estimate = pp_profile_total_estimate(profile, scope->type);
    const char *unit = pp_profile_chars(profile, profile->types[scope->type].unit);
    const int64_t whole = pp_view_whole(profile, scope);
    const int64_t shown = pp_profile_total(profile, scope->type);
    const bool is_part = shown != whole || scope->base != NULL;
    const bool is_few = estimate.n_sampled > 0 && pp_top_error(&estimate) < 0;
    char value[PP_NUMBER_TEXT_BYTES], error[PP_ERROR_TEXT_BYTES];

    if (is_part) {
        pp_buffer_printf(out, "%s %s", scope->base != NULL ? "Base    " : "Total   ",
                         pp_view_value(profile, scope, whole, value));
        put_type(out, profile, scope->type);
        if (scope->base != NULL) {
            pp_buffer_text(out, " in ");
            pp_clean_text_append(out, scope->base);
            pp_buffer_text(out, "\n");
        } else {
            put_duration(out, profile);
        }
    }
    if (scope->filters != NULL) {
        pp_buffer_text(out, "Filter   ");
        pp_clean_text_append(out, scope->filters);
        pp_buffer_text(out, "\n");
    }
    pp_buffer_printf(out, "%s %s",
                     scope->base != NULL ? "Change  "
                     : is_part           ? "Shown   "
                                         : "Total   ",
                     pp_view_value(profile, scope, shown, value));
    if (is_part) {
        pp_buffer_printf(out, " (%.1f %%)", pp_percent(shown, whole));
    } else {
        (void)pp_error_text(&estimate, unit, error);
        pp_buffer_printf(out, "%s%s", error[0] != '\0' ? " " : "",
                         is_few ? "(fewer than 10 samples)" : error);
        put_type(out, profile, scope->type);
    }
    if (scope->base == NULL)
        put_count(out, profile, scope->type, &estimate);
    if (is_part)
        pp_buffer_text(out, "\n");
    else
        put_duration(out, profile);
}

void pp_profile_head_write(const struct pprofc_profile *profile, const struct pp_view_scope *scope,
                           struct pp_buffer *out)
{
    char quality[400], missing[600];

    if (scope->is_compact)
        return;
    if (profile->command != 0) {
        pp_buffer_text(out, "Command  ");
        pp_clean_text_append(out, pp_profile_chars(profile, profile->command));
        pp_buffer_text(out, "\n");
    }
    put_date(out, profile->time_ns);
    put_totals(out, profile, scope);
    if (scope->base == NULL)
        pp_heap_facts_write(profile, out);
    if (scope->base == NULL)
        pp_wait_facts_write(profile, out);
    pp_profile_quality_line(profile, quality, sizeof quality);
    if (quality[0] != '\0')
        pp_buffer_printf(out, "Quality  %s\n", quality);
    pp_profile_missing_line(profile, missing, sizeof missing);
    if (missing[0] != '\0') {
        pp_buffer_text(out, "Names    ");
        pp_clean_text_append(out, missing);
        pp_buffer_text(out, "\n");
    }
    pp_buffer_text(out, "\n");
}
