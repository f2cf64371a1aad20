/* How good a profile is, in one line for people. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/numbers.h"
#include "base/print.h"
#include "profile/profile.h"

enum { ENOUGH_SAMPLES = 100 };

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
    n = pp_vprint(line->text + line->n_chars, line->capacity - line->n_chars, format, arguments);
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

double pp_quality_delivered_hz(const struct pp_quality *quality)
{
    if (quality->n_samples < 0 || quality->sampled_ns <= 0)
        return -1;
    return (double)quality->n_samples / ((double)quality->sampled_ns / 1e9);
}

/* Said when a tenth or more is missing, and not of so few that it may be chance. */
static void append_rate(struct line *line, const struct pp_quality *quality)
{
    const double delivered_hz = pp_quality_delivered_hz(quality);
    char delivered[PP_NUMBER_TEXT_BYTES], asked[PP_NUMBER_TEXT_BYTES];

    if (delivered_hz < 0 || quality->asked_hz <= 0 || delivered_hz > 0.9 * quality->asked_hz ||
        quality->asked_hz * (double)quality->sampled_ns / 1e9 < ENOUGH_SAMPLES)
        return;
    append(line, ", %s of %s samples a CPU second",
           pp_count_text((int64_t)(delivered_hz + 0.5), delivered),
           pp_count_text((int64_t)(quality->asked_hz + 0.5), asked));
}

/* "= 9.80 s of 9.81 s off CPU (99.8 %)": what waits were seen of the time that threads did not run.
 * Then what of it was for a CPU. */
static void append_off_cpu(struct line *line, const struct pp_wait_thread *all)
{
    const int64_t seen_ns = all->blocked_ns + all->run_queue_ns;
    const int64_t off_ns = seen_ns + all->unattributed_ns;
    char seen[PP_NUMBER_TEXT_BYTES], off[PP_NUMBER_TEXT_BYTES], queue[PP_NUMBER_TEXT_BYTES];

    append(line, " = %s of %s off CPU", pp_duration_text((double)seen_ns, seen),
           pp_duration_text((double)off_ns, off));
    if (off_ns > 0)
        append(line, " (%.1f %%)",
               seen_ns < off_ns ? floor(pp_percent(seen_ns, off_ns) * 10) / 10 : 100.0);
    if (all->run_queue_ns > 0)
        append(line, ", %s in run queues", pp_duration_text((double)all->run_queue_ns, queue));
    if (all->throttled_ns > 0)
        append(line, " (%s throttled)", pp_duration_text((double)all->throttled_ns, queue));
}

static void append_delay(struct line *line, const struct pp_wait_thread *all)
{
    char count[PP_NUMBER_TEXT_BYTES], delay[PP_NUMBER_TEXT_BYTES];

    append(line, " of exactly %s = %s", pp_count_text(all->n_contentions, count),
           pp_duration_text((double)all->delay_ns, delay));
}

/* What samples of this kind are called, and what they are of. */
static void append_samples(struct line *line, const struct pprofc_profile *profile)
{
    const struct pp_quality *quality = &profile->quality;
    const char *kind = profile->strings[profile->kind];
    const bool is_wait = strcmp(kind, "offcpu") == 0, is_wall = strcmp(kind, "wall") == 0;
    const bool is_lock =
        strcmp(kind, "lock") == 0 || strcmp(kind, "block") == 0 || strcmp(kind, "mutex") == 0;
    char count[PP_NUMBER_TEXT_BYTES];

    append(line, "%s ", pp_count_text(quality->n_samples < 0 ? 0 : quality->n_samples, count));
    if (is_lock || is_wait)
        append(line, "%s", is_lock ? "contentions" : "waits");
    else
        append(line, "%s%ssamples", is_wall ? "cpu" : kind, profile->kind != 0 ? " " : "");
    append_cpu(line, quality);
    if (!profile->waits.is_known)
        return;
    if (is_wall)
        append_count(line, profile->waits.all.n_waits, "waits");
    if (is_lock)
        append_delay(line, &profile->waits.all);
    else if (is_wait || is_wall)
        append_off_cpu(line, &profile->waits.all);
}

static void append_throttling(struct line *line, const struct pp_quality *quality)
{
    char count[PP_NUMBER_TEXT_BYTES], time[PP_NUMBER_TEXT_BYTES];

    if (quality->n_throttled > 0 && quality->throttled_ns >= 0)
        append(line, ", throttled %s time%s for %s", pp_count_text(quality->n_throttled, count),
               quality->n_throttled == 1 ? "" : "s",
               pp_duration_text((double)quality->throttled_ns, time));
}

static void append_budget(struct line *line, const struct pp_quality *quality)
{
    if (quality->budget_ppm <= 0)
        return;
    append(line, ", budget %.4g %%", (double)quality->budget_ppm / 1e4);
    if (quality->n_budget_changes > 0)
        append(line, " (%lld change%s)", (long long)quality->n_budget_changes,
               quality->n_budget_changes == 1 ? "" : "s");
}

/* As a share of the program's CPU time; of a program that used less than profiling did, in time. */
static void append_cost(struct line *line, const struct pp_quality *quality)
{
    char time[PP_NUMBER_TEXT_BYTES];

    if (quality->own_cpu_ns < 0 || quality->cpu_ns <= 0)
        return;
    if (quality->own_cpu_ns > quality->cpu_ns)
        append(line, ", cost %s CPU", pp_duration_text((double)quality->own_cpu_ns, time));
    else
        append(line, ", cost %.2f %%", pp_percent(quality->own_cpu_ns, quality->cpu_ns));
}

void pp_profile_quality_line(const struct pprofc_profile *profile, char *text, size_t capacity)
{
    const struct pp_quality *quality = &profile->quality;
    struct line line = {text, capacity, 0};

    if (capacity == 0)
        return;
    text[0] = '\0';
    if (!quality->is_known)
        return;
    append_samples(&line, profile);
    append_count(&line, quality->n_lost, "lost");
    append_count(&line, quality->n_truncated, "truncated");
    if (quality->n_dropped > 0)
        append_count(&line, quality->n_dropped, "dropped");
    append_rate(&line, quality);
    append_throttling(&line, quality);
    append_cost(&line, quality);
    append_budget(&line, quality);
}

void pp_profile_missing_line(const struct pprofc_profile *profile, char *text, size_t capacity)
{
    struct line line = {text, capacity, 0};

    if (capacity == 0)
        return;
    text[0] = '\0';
    if (profile->quality.missing_modules != 0)
        append(&line,
               "no files here of %.300s: their functions have no names; show them to pprofc at the "
               "same paths, or name the folder of their debug files in PPROFC_DEBUG_PATH",
               profile->strings[profile->quality.missing_modules]);
}
