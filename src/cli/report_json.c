/* The rows of a report, for programs. */
#include "cli/report_json.h"

#include <errno.h>

#include "base/json_writer.h"
#include "base/numbers.h"
#include "formats/json_heap.h"

const char *const pp_group_names[PP_N_GROUPS] = {
    [PP_BY_FUNCTION] = "function", [PP_BY_LINE] = "line",       [PP_BY_FILE] = "file",
    [PP_BY_MODULE] = "module",     [PP_BY_ADDRESS] = "address", [PP_BY_THREAD] = "thread",
    [PP_BY_POOL] = "pool",         [PP_BY_NAME] = "name",       [PP_BY_LABEL] = "label",
};

static void put_text(struct pp_json *json, const char *key, const struct pprofc_profile *profile,
                     pp_id string)
{
    pp_json_bytes(json, key, profile->strings[string], profile->string_bytes[string]);
}

static void put_figure(struct pp_json *json, const char *key, bool is_known, int64_t figure)
{
    if (is_known && figure >= 0)
        pp_json_integer(json, key, figure);
    else
        pp_json_null(json, key);
}

static void put_quality(struct pp_json *json, const struct pp_quality *quality)
{
    put_figure(json, "lost_samples", quality->is_known, quality->n_lost);
    put_figure(json, "truncated_samples", quality->is_known, quality->n_truncated);
    put_figure(json, "cpu_ns", quality->is_known, quality->cpu_ns);
    put_figure(json, "sampled_ns", quality->is_known, quality->sampled_ns);
    put_figure(json, "own_cpu_ns", quality->is_known, quality->own_cpu_ns);
}

static void put_row(struct pp_json *json, const char *by, const struct pp_top *top,
                    const struct pp_top_row *row)
{
    pp_json_begin_object(json, NULL);
    pp_json_text(json, by, row->name);
    pp_json_text(json, "source_file", row->file);
    pp_json_integer(json, "source_line", row->line);
    pp_json_text(json, "module_path", row->module);
    pp_json_integer(json, "flat", row->flat);
    pp_json_fraction(json, "flat_share", pp_percent(row->flat, top->total) / 100);
    pp_json_integer(json, "cum", row->cum);
    pp_json_fraction(json, "cum_share", pp_percent(row->cum, top->total) / 100);
    pp_json_integer(json, "n_flat_samples", row->n_flat_samples);
    pp_json_integer(json, "n_cum_samples", row->n_cum_samples);
    if (top->is_estimated) {
        pp_json_error(json, "flat_error", &row->flat_estimate);
        pp_json_error(json, "cum_error", &row->cum_estimate);
    }
    pp_json_lifetime(json, row->lifetimes);
    pp_json_end_object(json);
}

/* What filters left; of means what one count of that was worth. */
static int64_t shown_of(const struct pprofc_profile *profile,
                        const struct pp_top_table_options *options, const struct pp_top *top)
{
    const int64_t total = pp_profile_total(profile, options->type);

    return options->is_mean && top->n_samples != 0 ? total / top->n_samples : total;
}

int pp_report_json_write(const struct pprofc_profile *profile,
                         const struct pp_top_table_options *options, struct pp_buffer *out,
                         struct pprofc_error *err)
{
    struct pp_json json = {.out = out};
    struct pp_top top;
    const int rc = pp_top_table_rows(profile, options, &top, err);

    if (rc < 0)
        return rc;
    pp_json_begin_object(&json, NULL);
    put_text(&json, "command", profile, profile->command);
    put_text(&json, "sample_type", profile, profile->types[options->type].type);
    put_text(&json, "unit", profile, profile->types[options->type].unit);
    pp_json_text(&json, "by", pp_group_names[options->group]);
    if (options->group == PP_BY_LABEL)
        pp_json_text(&json, "label_key", options->label_key);
    pp_json_integer(&json, "total", top.total);
    pp_json_integer(&json, "shown", shown_of(profile, options, &top));
    pp_json_integer(&json, "n_samples", top.n_samples);
    if (top.is_estimated)
        pp_json_error(&json, "total_error", &top.total_estimate);
    pp_json_heap(&json, profile);
    put_quality(&json, &profile->quality);
    pp_json_begin_array(&json, "top");
    for (uint32_t i = 0; i < top.n_rows && i < options->n_rows; i++)
        put_row(&json, pp_group_names[options->group], &top, &top.rows[i]);
    pp_json_end_array(&json);
    pp_json_end_object(&json);
    pp_buffer_append(out, "\n", 1);
    pp_top_done(&top);
    return out->failed ? pp_fail(err, -ENOMEM, 0, "no memory for the report") : 0;
}
