/* How good a profile is, in one line for people. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/numbers.h"
#include "profile/profile.h"

struct line {
    char *text;
    size_t capacity, n_chars;
};

static void __attribute__((format(printf, 2, 3))) append(struct line *line, const char *format, ...)
{
    va_list arguments;
    int n;

    if (line->capacity - line->n_chars < 2)
        return;
    va_start(arguments, format);
    n = vsnprintf(line->text + line->n_chars, line->capacity - line->n_chars, format, arguments);
    va_end(arguments);
    if (n > 0)
        line->n_chars += (size_t)n < line->capacity - line->n_chars
                             ? (size_t)n
                             : line->capacity - line->n_chars - 1;
}

static void append_count(struct line *line, int64_t count, const char *what)
{
    char text[PP_NUMBER_TEXT_BYTES];

    if (count >= 0)
        append(line, ", %s %s", pp_count_text(count, text), what);
}

/* "= 12.28 s of 12.31 s CPU (99.8 %)".  A share that is not whole is never shown as 100 %: rounded
 * down. */
static void append_cpu(struct line *line, const struct pp_quality *quality)
{
    char sampled[PP_NUMBER_TEXT_BYTES], cpu[PP_NUMBER_TEXT_BYTES];
    double percent;

    if (quality->cpu_ns < 0 || quality->sampled_ns < 0)
        return;
    append(line, " = %s of %s CPU", pp_duration_text((double)quality->sampled_ns, sampled),
           pp_duration_text((double)quality->cpu_ns, cpu));
    if (quality->cpu_ns == 0)
        return;
    percent = pp_percent(quality->sampled_ns, quality->cpu_ns);
    if (percent < 100)
        percent = floor(percent * 10) / 10;
    append(line, " (%.1f %%)", percent);
}

void pp_profile_quality_line(const struct pprofc_profile *profile, char *text, size_t capacity)
{
    const struct pp_quality *quality = &profile->quality;
    struct line line = {text, capacity, 0};
    char count[PP_NUMBER_TEXT_BYTES];

    if (capacity == 0)
        return;
    text[0] = '\0';
    if (!quality->is_known)
        return;
    append(&line, "%s %s%ssamples",
           pp_count_text(quality->n_samples < 0 ? 0 : quality->n_samples, count),
           profile->strings[profile->kind], profile->kind != 0 ? " " : "");
    append_cpu(&line, quality);
    append_count(&line, quality->n_lost, "lost");
    append_count(&line, quality->n_truncated, "truncated");
    if (quality->n_dropped > 0)
        append_count(&line, quality->n_dropped, "dropped");
    if (quality->own_cpu_ns >= 0 && quality->cpu_ns > 0)
        append(&line, ", cost %.2f %%", pp_percent(quality->own_cpu_ns, quality->cpu_ns));
}
