/* What grows and what nothing leads to, as text. */
#include "views/leak_table.h"

#include <errno.h>
#include <inttypes.h>

#include "base/error.h"
#include "base/numbers.h"
#include "views/clean_text.h"

enum { NAME_BYTES = 256 };

static const int64_t LONG_AGO_NS =
    INT64_C(5) * 1000 * 1000 * 1000; /* a look that somebody else made */

/* ---- pieces ---- */

static void put_bytes(struct pp_buffer *out, double n_bytes)
{
    char text[PP_NUMBER_TEXT_BYTES];

    pp_buffer_text(out, pp_bytes_text(n_bytes, text));
}

static void put_count(struct pp_buffer *out, int64_t count, const char *one, const char *many)
{
    char text[PP_NUMBER_TEXT_BYTES];

    pp_buffer_printf(out, "%s %s", pp_count_text(count, text), count == 1 ? one : many);
}

static void put_duration(struct pp_buffer *out, int64_t time_ns)
{
    char text[PP_NUMBER_TEXT_BYTES];

    pp_buffer_text(out, pp_duration_text((double)time_ns, text));
}

/* "12 KiB/s +- 1 KiB/s" */
static void put_rate(struct pp_buffer *out, const struct pp_growth *growth)
{
    const double rate = growth->bytes_per_s;

    pp_buffer_text(out, rate < 0 ? "-" : "+");
    put_bytes(out, rate < 0 ? -rate : rate);
    pp_buffer_text(out, "/s");
    if (growth->error > 0) {
        pp_buffer_text(out, " +- ");
        put_bytes(out, growth->error);
        pp_buffer_text(out, "/s");
    }
}

static void put_place(const struct pprofc_profile *profile, const struct pp_line *line,
                      struct pp_buffer *out)
{
    const char *file = pp_profile_chars(profile, profile->functions[line->function].file);

    if (file[0] == '\0')
        return;
    pp_buffer_text(out, "  ");
    pp_clean_text_append(out, pp_profile_base_name(file));
    if (line->line > 0)
        pp_buffer_printf(out, ":%" PRId64, line->line);
}

/* A frame's name and place. */
static void put_frame(const struct pprofc_profile *profile, pp_id location, uint32_t line,
                      struct pp_buffer *out)
{
    const struct pp_location *at = &profile->locations[location];
    char scratch[NAME_BYTES];

    pp_clean_text_append(out,
                         pp_profile_frame_name(profile, location, line, scratch, sizeof scratch));
    if (line < at->n_lines)
        put_place(profile, &profile->lines[at->first_line + line], out);
}

void pp_leak_frames_append(const struct pprofc_profile *profile, pp_id stack, uint32_t n_frames,
                           const char *between, struct pp_buffer *out)
{
    uint32_t n_shown = 0;

    for (pp_id node = stack; node != 0; node = profile->node_parent[node]) {
        const pp_id location = profile->node_location[node];
        const uint32_t n_lines = profile->locations[location].n_lines;
        for (uint32_t line = 0; line < (n_lines > 0 ? n_lines : 1); line++) {
            if (n_shown > 0)
                pp_buffer_text(out, between);
            if (n_shown++ == n_frames) {
                pp_buffer_text(out, "..");
                return;
            }
            put_frame(profile, location, line, out);
        }
    }
}

static void put_stack(const struct pprofc_profile *profile, pp_id stack, struct pp_buffer *out)
{
    if (stack == 0)
        return;
    pp_buffer_text(out, "      ");
    pp_leak_frames_append(profile, stack, PP_LEAK_FRAMES, "\n      ", out);
    pp_buffer_text(out, "\n");
}

/* ---- the heap ---- */

static void put_head(const struct pp_leak_report *report, struct pp_buffer *out)
{
    pp_clean_text_append(out, report->program);
    pp_buffer_printf(out, " (process %" PRId32 "): ", report->pid);
    put_bytes(out, (double)report->whole.in_use_bytes);
    pp_buffer_text(out, " in use in ");
    put_count(out, report->whole.in_use_objects, "object", "objects");
    pp_buffer_text(out, " of ");
    put_count(out, report->n_rows, "stack", "stacks");
    pp_buffer_text(out, " after ");
    put_duration(out, report->duration_ns);
    if (report->interval_bytes > 1) {
        pp_buffer_text(out, "; estimates, one sample in ");
        put_bytes(out, (double)report->interval_bytes);
    } else {
        pp_buffer_text(out, "; every allocation is followed");
    }
    pp_buffer_text(out, "\n");
}

static void put_whole_growth(const struct pp_leak_report *report, struct pp_buffer *out)
{
    const struct pp_growth *growth = &report->whole.growth;

    pp_buffer_text(out, "\nGrowth: all of it is ");
    if (growth->verdict == PP_GROWTH_TOO_EARLY)
        pp_buffer_text(out, "neither growing nor stable: too early to say");
    else
        pp_buffer_text(out, pp_growth_name(growth->verdict));
    if (growth->verdict == PP_GROWTH_GROWING) {
        pp_buffer_text(out, ", ");
        put_rate(out, growth);
    }
    pp_buffer_printf(out,
                     "; %" PRIu32 " of %" PRIu32 " stacks grow, %" PRIu32 " are stable, of %" PRIu32
                     " it is too early to say\n",
                     report->n_growing, report->n_rows, report->n_stable, report->n_too_early);
}

static void put_left_out(uint32_t n, uint32_t n_shown, struct pp_buffer *out)
{
    if (n > n_shown)
        pp_buffer_printf(out, "  and %" PRIu32 " more (--top)\n", n - n_shown);
}

static void put_growing(const struct pp_leak_report *report, uint32_t n_rows, struct pp_buffer *out)
{
    uint32_t i;

    for (i = 0; i < report->n_growing && i < n_rows; i++) {
        const struct pp_leak_row *row = &report->rows[report->growing[i]];
        pp_buffer_text(out, "  ");
        put_rate(out, &row->growth);
        pp_buffer_text(out, ": ");
        put_bytes(out, (double)row->in_use_bytes);
        pp_buffer_text(out, " in ");
        put_count(out, row->in_use_objects, "object", "objects");
        pp_buffer_text(out, ", on average ");
        put_duration(out, row->mean_age_ns);
        pp_buffer_text(out, " old\n");
        put_stack(report->profile, row->stack, out);
    }
    put_left_out(report->n_growing, i, out);
}

/* ---- suspects ---- */

static void put_suspects(const struct pp_leak_report *report, uint32_t n_rows,
                         struct pp_buffer *out)
{
    uint32_t i;

    pp_buffer_text(out, "\nSuspects: ");
    if (report->n_suspected == 0) {
        pp_buffer_text(out, "none; something leads to every object that is followed\n");
        return;
    }
    put_bytes(out, (double)report->whole.suspect_bytes);
    pp_buffer_text(out, " in ");
    put_count(out, report->whole.suspect_objects, "object", "objects");
    pp_buffer_text(out, " of ");
    put_count(out, report->n_suspected, "stack", "stacks");
    pp_buffer_text(out, ", to which nothing leads; the other ");
    put_bytes(out, (double)(report->whole.in_use_bytes > report->whole.suspect_bytes
                                ? report->whole.in_use_bytes - report->whole.suspect_bytes
                                : 0));
    pp_buffer_text(out, " is held\n");
    for (i = 0; i < report->n_suspected && i < n_rows; i++) {
        const struct pp_leak_row *row = &report->rows[report->suspected[i]];
        pp_buffer_text(out, "  ");
        put_bytes(out, (double)row->suspect_bytes);
        pp_buffer_text(out, " in ");
        put_count(out, row->suspect_objects, "object", "objects");
        pp_buffer_text(out, row->suspect_objects == 1 ? ", " : ", the oldest ");
        put_duration(out, row->oldest_ns);
        pp_buffer_text(out, " old; ");
        put_bytes(out, (double)row->in_use_bytes);
        pp_buffer_text(out, " in use\n");
        put_stack(report->profile, row->stack, out);
    }
    put_left_out(report->n_suspected, i, out);
}

const char *pp_leak_limit(const struct pp_leak_report *report, int line)
{
    if (line == 0)
        return "suspected wrongly: objects held by pointers that are masked, compressed, tagged in "
               "high bits or point just behind them, or by a register alone, of a thread that waits or "
               "could not be held";
    return report->interval_bytes > 1
               ? "not suspected: objects held by other lost memory (with PPROFC_HEAP_INTERVAL=1 they "
                 "are), or by a stale pointer"
               : "not suspected: objects to which a stale pointer leads, as in freed memory or a "
                 "variable that is not used again";
}

void pp_leak_pause_append(const struct pp_leak_report *report, struct pp_buffer *out)
{
    const struct pp_leak_look *look = &report->look;

    pp_buffer_text(out, look->n_passes > 1 ? "Paused twice, for " : "Paused for ");
    put_duration(out, look->pause_ns);
    pp_buffer_text(out, " (");
    put_duration(out, look->predicted_ns);
    pp_buffer_text(out, " predicted)");
}

void pp_leak_look_append(const struct pp_leak_report *report, struct pp_buffer *out)
{
    const struct pp_leak_look *look = &report->look;

    pp_leak_pause_append(report, out);
    if (look->age_ns >= LONG_AGO_NS) {
        pp_buffer_text(out, " ");
        put_duration(out, look->age_ns);
        pp_buffer_text(out, " ago");
    }
    pp_buffer_text(out, ", then read ");
    put_bytes(out, (double)look->scanned_bytes);
    pp_buffer_text(out, " in ");
    put_duration(out, look->scan_ns);
    pp_buffer_text(out, " beside the program; ");
    put_count(out, look->n_objects, "object", "objects");
    pp_buffer_text(out, " judged");
    if (look->n_young > 0)
        pp_buffer_printf(out, ", %" PRId64 " too young to be", look->n_young);
    if (look->n_unseen_threads > 0)
        pp_buffer_printf(out, "; %" PRId64 " %s not seen", look->n_unseen_threads,
                         look->n_unseen_threads == 1 ? "running thread's registers were"
                                                     : "running threads' registers were");
    pp_buffer_text(out, "\n");
    for (int line = 0; line < 2; line++)
        pp_buffer_printf(out, "  %s\n", pp_leak_limit(report, line));
}

int pp_leak_table_write(const struct pp_leak_report *report, uint32_t n_rows, struct pp_buffer *out,
                        struct pprofc_error *err)
{
    put_head(report, out);
    put_whole_growth(report, out);
    put_growing(report, n_rows, out);
    if (report->look.was_made) {
        put_suspects(report, n_rows, out);
        pp_buffer_text(out, "\n");
        pp_leak_look_append(report, out);
    } else {
        pp_buffer_text(out, "\nNothing was looked for that no pointer leads to\n");
    }
    return out->failed ? pp_fail(err, -ENOMEM, 0, "no memory for the report on leaks") : 0;
}
