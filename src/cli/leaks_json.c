/* A report on leaks as JSON. */
#include "cli/leaks_json.h"

#include <errno.h>

#include "base/error.h"
#include "base/json_writer.h"
#include "views/leak_table.h"

enum { NAME_BYTES = 256 };

static double seconds(int64_t time_ns)
{
    return (double)time_ns / 1e9;
}

static void put_frame(struct pp_json *json, const struct pprofc_profile *profile, pp_id location,
                      uint32_t line)
{
    const struct pp_location *at = &profile->locations[location];
    char scratch[NAME_BYTES];

    pp_json_begin_object(json, NULL);
    pp_json_text(json, "function",
                 pp_profile_frame_name(profile, location, line, scratch, sizeof scratch));
    if (line < at->n_lines) {
        const struct pp_line *lines = &profile->lines[at->first_line];
        pp_json_text(json, "file",
                     pp_profile_chars(profile, profile->functions[lines[line].function].file));
        pp_json_integer(json, "line", lines[line].line);
    }
    pp_json_end_object(json);
}

static void put_stack(struct pp_json *json, const struct pprofc_profile *profile, pp_id stack)
{
    pp_json_begin_array(json, "stack");
    for (pp_id node = stack; node != 0; node = profile->node_parent[node]) {
        const uint32_t n_lines = profile->locations[profile->node_location[node]].n_lines;
        for (uint32_t line = 0; line < (n_lines > 0 ? n_lines : 1); line++)
            put_frame(json, profile, profile->node_location[node], line);
    }
    pp_json_end_array(json);
}

static void put_growth(struct pp_json *json, const struct pp_growth *growth)
{
    pp_json_text(json, "growth", pp_growth_name(growth->verdict));
    pp_json_fraction(json, "bytes_per_second", growth->bytes_per_s);
    pp_json_fraction(json, "bytes_per_second_error", growth->error);
}

static void put_row(struct pp_json *json, const struct pp_leak_report *report,
                    const struct pp_leak_row *row)
{
    pp_json_begin_object(json, NULL);
    pp_json_integer(json, "suspect_bytes", row->suspect_bytes);
    pp_json_integer(json, "suspect_objects", row->suspect_objects);
    if (row->suspect_objects > 0)
        pp_json_fraction(json, "oldest_seconds", seconds(row->oldest_ns));
    pp_json_integer(json, "in_use_bytes", row->in_use_bytes);
    pp_json_integer(json, "in_use_objects", row->in_use_objects);
    pp_json_fraction(json, "mean_age_seconds", seconds(row->mean_age_ns));
    put_growth(json, &row->growth);
    put_stack(json, report->profile, row->stack);
    pp_json_end_object(json);
}

static void put_rows(struct pp_json *json, const char *key, const struct pp_leak_report *report,
                     const uint32_t *rows, uint32_t n)
{
    pp_json_begin_array(json, key);
    for (uint32_t i = 0; i < n; i++)
        put_row(json, report, &report->rows[rows[i]]);
    pp_json_end_array(json);
}

static void put_look(struct pp_json *json, const struct pp_leak_report *report)
{
    const struct pp_leak_look *look = &report->look;

    if (!look->was_made) {
        pp_json_null(json, "scan");
        return;
    }
    pp_json_begin_object(json, "scan");
    pp_json_fraction(json, "predicted_pause_ms", (double)look->predicted_ns / 1e6);
    pp_json_fraction(json, "pause_ms", (double)look->pause_ns / 1e6);
    pp_json_fraction(json, "seconds_ago", seconds(look->age_ns));
    pp_json_fraction(json, "scan_ms", (double)look->scan_ns / 1e6);
    pp_json_integer(json, "passes", look->n_passes);
    pp_json_integer(json, "scanned_bytes", look->scanned_bytes);
    pp_json_integer(json, "objects", look->n_objects);
    pp_json_integer(json, "too_young", look->n_young);
    pp_json_integer(json, "threads_not_seen", look->n_unseen_threads);
    pp_json_integer(json, "suspect_bytes", report->whole.suspect_bytes);
    pp_json_integer(json, "suspect_objects", report->whole.suspect_objects);
    pp_json_integer(json, "suspect_stacks", report->n_suspected);
    pp_json_begin_array(json, "limits");
    for (int line = 0; line < 2; line++)
        pp_json_text(json, NULL, pp_leak_limit(report, line));
    pp_json_end_array(json);
    pp_json_end_object(json);
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

int pp_leaks_json_write(const struct pp_leak_report *report, uint32_t n_rows, struct pp_buffer *out,
                        struct pprofc_error *err)
{
    struct pp_json json = {.out = out};

    pp_json_begin_object(&json, NULL);
    pp_json_text(&json, "program", report->program);
    pp_json_integer(&json, "pid", report->pid);
    pp_json_integer(&json, "interval_bytes", report->interval_bytes);
    pp_json_fraction(&json, "seconds", seconds(report->duration_ns));
    pp_json_integer(&json, "in_use_bytes", report->whole.in_use_bytes);
    pp_json_integer(&json, "in_use_objects", report->whole.in_use_objects);
    put_growth(&json, &report->whole.growth);
    pp_json_integer(&json, "stacks", report->n_rows);
    pp_json_integer(&json, "stacks_growing", report->n_growing);
    pp_json_integer(&json, "stacks_stable", report->n_stable);
    pp_json_integer(&json, "stacks_too_early", report->n_too_early);
    put_rows(&json, "growing", report, report->growing, least(n_rows, report->n_growing));
    put_look(&json, report);
    put_rows(&json, "suspects", report, report->suspected, least(n_rows, report->n_suspected));
    pp_json_end_object(&json);
    pp_buffer_text(out, "\n");
    return out->failed ? pp_fail(err, -ENOMEM, 0, "no memory for the report on leaks") : 0;
}
