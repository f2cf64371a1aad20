/* A comparison for programs. */
#include "formats/diff_json.h"

#include <math.h>

static void put_value(struct pp_json *json, const char *key, double value)
{
    if (isfinite(value) && fabs(value) < 9e18)
        pp_json_integer(json, key, llround(value));
    else
        pp_json_null(json, key);
}

void pp_diff_json_interval(struct pp_json *json, const char *key,
                           const struct pp_interval *interval)
{
    pp_json_begin_array(json, key);
    pp_json_number(json, NULL, interval->low);
    pp_json_number(json, NULL, interval->high);
    pp_json_end_array(json);
}

static void put_side(struct pp_json *json, const char *key, const struct pp_diff *diff,
                     enum pp_diff_side side)
{
    const struct pp_diff_total *total = &diff->total[side];

    pp_json_begin_object(json, key);
    pp_json_integer(json, "n_profiles", total->n_profiles);
    put_value(json, "total", total->value);
    put_value(json, "run_total", pp_diff_run_total(diff, side));
    put_value(json, "n_samples", total->n_sampled > 0 ? total->n_sampled : total->n_samples);
    if (total->duration_ns > 0)
        pp_json_integer(json, "duration_ns", total->duration_ns);
    else
        pp_json_null(json, "duration_ns");
    pp_json_integer(json, "n_batches", total->n_batches);
    pp_json_end_object(json);
}

static void put_pair(struct pp_json *json, const char *key, const double pair[PP_N_SIDES],
                     bool is_whole)
{
    pp_json_begin_array(json, key);
    for (int side = 0; side < PP_N_SIDES; side++)
        if (is_whole)
            put_value(json, NULL, pair[side]);
        else
            pp_json_number(json, NULL, pair[side]);
    pp_json_end_array(json);
}

static void put_change(struct pp_json *json, const char *key, const struct pp_diff *diff,
                       const struct pp_diff_change *change)
{
    pp_json_begin_object(json, key);
    pp_json_text(json, "state", pp_diff_state_name(change->state));
    put_pair(json, "cost", change->value, true);
    put_pair(json, "n_samples", change->n_samples, true);
    put_pair(json, "share", change->share, false);
    pp_json_begin_array(json, "cost_change_95");
    put_value(json, NULL, change->value_change.low);
    put_value(json, NULL, change->value_change.high);
    pp_json_end_array(json);
    pp_json_number(json, "ratio", change->value[PP_AFTER] / change->value[PP_BEFORE]);
    pp_diff_json_interval(json, "ratio_95", &change->ratio);
    pp_json_number(json, "share_change", change->share[PP_AFTER] - change->share[PP_BEFORE]);
    pp_diff_json_interval(json, "share_change_95", &change->share_change);
    pp_json_number(json, "growth_of_whole", pp_diff_growth(diff, change));
    pp_json_number(json, "p", change->p);
    pp_json_number(json, "p_adjusted", change->p_adjusted);
    pp_json_end_object(json);
}

void pp_diff_json_members(const struct pp_diff *diff, struct pp_json *json)
{
    static const char *const judges[] = {[PP_JUDGE_AUTO] = "auto",
                                         [PP_JUDGE_COST] = "cost",
                                         [PP_JUDGE_SHARE] = "share",
                                         [PP_JUDGE_BOTH] = "both"};
    static const char *const variances[] = {[PP_VARIANCE_RUNS] = "runs",
                                            [PP_VARIANCE_SLICES] = "slices",
                                            [PP_VARIANCE_SAMPLING] = "sampling",
                                            [PP_VARIANCE_NONE] = "none",
                                            [PP_VARIANCE_BINOMIAL] = "binomial"};
    const double ratio = pp_diff_run_total(diff, PP_AFTER) / pp_diff_run_total(diff, PP_BEFORE);

    pp_json_text(json, "sample_type", pp_diff_type(diff));
    pp_json_text(json, "unit", pp_diff_unit(diff));
    put_side(json, "before", diff, PP_BEFORE);
    put_side(json, "after", diff, PP_AFTER);
    pp_json_number(json, "improvement_percent", 100 * (1 - ratio));
    pp_json_number(json, "total_ratio", ratio);
    pp_diff_json_interval(json, "total_ratio_95", &diff->total_ratio);
    pp_json_text(json, "judged_by", judges[diff->judge]);
    pp_json_text(json, "variance", variances[diff->variance]);
    pp_json_bool(json, "windows_differ", diff->windows_differ);
    pp_json_bool(json, "rates_differ", diff->rates_differ);
    pp_json_begin_array(json, "functions");
    for (uint32_t i = 0; i < diff->n_rows; i++) {
        const struct pp_diff_row *row = &diff->rows[i];
        pp_json_begin_object(json, NULL);
        pp_json_text(json, "function", row->name);
        pp_json_text(json, "source_file", row->file);
        pp_json_integer(json, "source_line", row->line);
        pp_json_text(json, "module_path", row->module);
        put_change(json, "flat", diff, &row->flat);
        put_change(json, "cum", diff, &row->cum);
        pp_json_end_object(json);
    }
    pp_json_end_array(json);
}

void pp_diff_json_write(const struct pp_diff *diff, struct pp_buffer *out)
{
    struct pp_json json = {.out = out};

    pp_json_begin_object(&json, NULL);
    pp_diff_json_members(diff, &json);
    pp_json_end_object(&json);
    pp_buffer_append(out, "\n", 1);
}
