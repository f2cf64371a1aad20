/* What `pprofc overhead` shows. */
#include "cli/overhead_view.h"

#include <math.h>

#include "base/json_writer.h"
#include "base/numbers.h"
#include "cli/values.h"
#include "formats/diff_json.h"

static double per_run(const struct pp_overhead_result *result, uint64_t sum)
{
    return (double)sum / result->n_rounds;
}

static double percent_of_program(const struct pp_own_cost *own, uint64_t ns)
{
    return own->program_ns > 0 ? 100 * (double)ns / (double)own->program_ns : 0;
}

/* ---- for people ---- */

static void put_time(struct pp_buffer *out, const char *what, const struct pp_overhead *overhead)
{
    char baseline[PP_NUMBER_TEXT_BYTES], profiled[PP_NUMBER_TEXT_BYTES];

    (void)pp_duration_text(overhead->baseline_s * 1e9, baseline);
    (void)pp_duration_text(overhead->profiled_s * 1e9, profiled);
    pp_buffer_printf(out, "%-8s baseline %s, profiled %s: %+.2f %%", what, baseline, profiled,
                     overhead->percent);
    if (isfinite(overhead->high_percent))
        pp_buffer_printf(out, " (95 %%: %+.2f to %+.2f %%), floor %.2f %%", overhead->low_percent,
                         overhead->high_percent, overhead->floor_percent);
    pp_buffer_text(out, "\n");
}

/* What a figure below the floor means. */
static void put_verdict(struct pp_buffer *out, const char *what, const struct pp_overhead *overhead)
{
    if (!isfinite(overhead->high_percent))
        pp_buffer_printf(out, "%-8s one round has no limits: give -n 2 or more\n", "Note");
    else if (overhead->is_below_floor)
        pp_buffer_printf(out,
                         "%-8s the %s is within the floor: two baselines alone differ by up to "
                         "%.2f %%, so %+.2f %% may be nothing; more rounds (-n) lower it\n",
                         "Note", what, overhead->floor_percent, overhead->percent);
}

static void put_part(struct pp_buffer *out, const char *what, double ns)
{
    char text[PP_NUMBER_TEXT_BYTES];

    pp_buffer_printf(out, ", %s %s", what, pp_duration_text(ns, text));
}

static void put_counted(const struct pp_overhead_result *result, struct pp_buffer *out)
{
    const struct pp_own_cost *own = &result->own;

    pp_buffer_printf(out, "%-8s %.3f %% of the program's CPU, by the recordings", "Counted",
                     percent_of_program(own, pp_own_cost_ns(own)));
    put_part(out, "a run: helper", per_run(result, own->helper_ns));
    put_part(out, "handlers", per_run(result, own->handlers_ns));
    if (own->n_calibrated > 0)
        put_part(out, "delivery", per_run(result, own->delivery_ns));
    if (own->children_ns > 0)
        put_part(out, "files", per_run(result, own->children_ns));
    pp_buffer_text(out, "\n");
    if (own->n_calibrated < own->n_recordings)
        pp_buffer_printf(out,
                         "%-8s what it costs to deliver a sample is measured after 5 s of CPU: %u "
                         "of %u processes were shorter, and it is not in what they count\n",
                         "Note", own->n_recordings - own->n_calibrated, own->n_recordings);
}

static void put_memory(const struct pp_overhead_result *result, struct pp_buffer *out)
{
    char recording[PP_NUMBER_TEXT_BYTES], tables[PP_NUMBER_TEXT_BYTES], more[PP_NUMBER_TEXT_BYTES];
    const double more_bytes = result->profiled_peak_bytes - result->baseline_peak_bytes;

    (void)pp_bytes_text(per_run(result, result->own.recording_bytes), recording);
    (void)pp_bytes_text(per_run(result, result->own.table_bytes), tables);
    pp_buffer_printf(out, "%-8s recording %s (shared), tables %s", "Memory", recording, tables);
    if (result->knows_peak)
        pp_buffer_printf(out, "; the largest resident size is %s by %s",
                         more_bytes < 0 ? "less" : "more", pp_bytes_text(fabs(more_bytes), more));
    pp_buffer_text(out, "\n");
}

static void put_written(const struct pp_overhead_result *result, struct pp_buffer *out)
{
    char raw[PP_NUMBER_TEXT_BYTES], file[PP_NUMBER_TEXT_BYTES], names[PP_NUMBER_TEXT_BYTES];
    char samples[PP_NUMBER_TEXT_BYTES];

    (void)pp_bytes_text(per_run(result, result->own.written_bytes), raw);
    (void)pp_count_text(llround(per_run(result, result->own.n_samples)), samples);
    pp_buffer_printf(out, "%-8s %s a run as raw recordings (%s samples)", "Written", raw, samples);
    if (result->has_profile)
        pp_buffer_printf(out,
                         ", %s as .pb.gz, whose names and making took %s of CPU beside the program",
                         pp_bytes_text((double)result->profile_bytes, file),
                         pp_duration_text(result->names_s * 1e9, names));
    pp_buffer_text(out, "\n");
}

void pp_overhead_write_text(const struct pp_overhead_result *result, struct pp_buffer *out)
{
    put_time(out, "Time", &result->wall);
    put_time(out, "CPU", &result->cpu);
    put_verdict(out, "time", &result->wall);
    if (isfinite(result->wall.high_percent))
        put_verdict(out, "CPU time", &result->cpu);
    put_counted(result, out);
    put_memory(result, out);
    put_written(result, out);
}

/* ---- for programs ---- */

static void json_time(struct pp_json *json, const char *key, const struct pp_overhead *overhead)
{
    const struct pp_interval limits = {overhead->low_percent, overhead->high_percent};

    pp_json_begin_object(json, key);
    pp_json_number(json, "baseline_seconds", overhead->baseline_s);
    pp_json_number(json, "profiled_seconds", overhead->profiled_s);
    pp_json_number(json, "percent", overhead->percent);
    pp_diff_json_interval(json, "percent_95", &limits);
    pp_json_number(json, "floor_percent", overhead->floor_percent);
    pp_json_bool(json, "is_below_floor", overhead->is_below_floor);
    pp_json_end_object(json);
}

static void json_counted(struct pp_json *json, const struct pp_overhead_result *result)
{
    const struct pp_own_cost *own = &result->own;

    pp_json_begin_object(json, "counted");
    pp_json_number(json, "percent", percent_of_program(own, pp_own_cost_ns(own)));
    pp_json_number(json, "program_seconds", per_run(result, own->program_ns) / 1e9);
    pp_json_number(json, "helper_seconds", per_run(result, own->helper_ns) / 1e9);
    pp_json_number(json, "handlers_seconds", per_run(result, own->handlers_ns) / 1e9);
    if (own->n_calibrated > 0)
        pp_json_number(json, "delivery_seconds", per_run(result, own->delivery_ns) / 1e9);
    else
        pp_json_null(json, "delivery_seconds");
    pp_json_number(json, "files_seconds", per_run(result, own->children_ns) / 1e9);
    pp_json_number(json, "samples", per_run(result, own->n_samples));
    pp_json_end_object(json);
}

static void json_memory(struct pp_json *json, const struct pp_overhead_result *result)
{
    pp_json_begin_object(json, "memory");
    pp_json_number(json, "recording_bytes", per_run(result, result->own.recording_bytes));
    pp_json_number(json, "table_bytes", per_run(result, result->own.table_bytes));
    if (result->knows_peak) {
        pp_json_number(json, "baseline_peak_bytes", result->baseline_peak_bytes);
        pp_json_number(json, "profiled_peak_bytes", result->profiled_peak_bytes);
    } else {
        pp_json_null(json, "baseline_peak_bytes");
        pp_json_null(json, "profiled_peak_bytes");
    }
    pp_json_end_object(json);
}

static void json_written(struct pp_json *json, const struct pp_overhead_result *result)
{
    pp_json_begin_object(json, "written");
    pp_json_number(json, "recording_bytes", per_run(result, result->own.written_bytes));
    if (result->has_profile) {
        pp_json_number(json, "profile_bytes", (double)result->profile_bytes);
        pp_json_number(json, "names_seconds", result->names_s);
    } else {
        pp_json_null(json, "profile_bytes");
        pp_json_null(json, "names_seconds");
    }
    pp_json_end_object(json);
}

void pp_overhead_write_json(const struct pp_overhead_result *result, struct pp_buffer *out)
{
    struct pp_json json = {.out = out};
    char kinds[PP_KINDS_TEXT_BYTES];

    pp_json_begin_object(&json, NULL);
    pp_json_integer(&json, "n_rounds", result->n_rounds);
    pp_json_text(&json, "kinds", pp_kinds_text(result->kinds, kinds));
    pp_json_number(&json, "frequency_hz", result->rate_hz);
    json_time(&json, "wall", &result->wall);
    json_time(&json, "cpu", &result->cpu);
    json_counted(&json, result);
    json_memory(&json, result);
    json_written(&json, result);
    pp_json_end_object(&json);
    pp_buffer_text(out, "\n");
}
