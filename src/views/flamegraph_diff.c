/* The flame graph of a comparison: what is said and coloured otherwise than in one of a profile. */
#include <math.h>

#include "views/flamegraph_parts.h"

enum { NO_CHANGE = PP_FLAME_LEVELS / 2 };

/* Half of (after - before) / (after + before) where a level begins. */
static const double level_begins[NO_CHANGE] = {0, 0.05, 0.15, 1.0 / 3};

struct pp_flame_change pp_flame_change_of(const struct pp_diff *diff)
{
    struct pp_flame_change change = {.diff = diff};

    for (int side = 0; side < PP_N_SIDES; side++) {
        const struct pp_diff_total *total = &diff->total[side];
        const double n_samples = total->n_sampled > 0 ? total->n_sampled : total->n_samples;
        change.scale[side] = diff->judge == PP_JUDGE_COST ? total->n_profiles : total->value;
        change.sample[side] =
            diff->variance == PP_VARIANCE_NONE || n_samples <= 0 ? 0 : total->value / n_samples;
    }
    return change;
}

uint32_t pp_flame_change_level(const struct pp_flame_change *change, int64_t total, int64_t after)
{
    const double raw_before = (double)(total - after), raw_after = (double)after;
    const double before = raw_before / change->scale[PP_BEFORE];
    const double now = raw_after / change->scale[PP_AFTER];
    const double tilt = before + now > 0 ? (now - before) / (now + before) : 0;
    uint32_t level = NO_CHANGE;

    if (change->sample[PP_BEFORE] > 0 && change->sample[PP_AFTER] > 0) {
        const double n =
            raw_before / change->sample[PP_BEFORE] + raw_after / change->sample[PP_AFTER];
        if (!(tilt * tilt * n > 4))
            return NO_CHANGE;
    }
    while (level > 0 && fabs(tilt) > level_begins[NO_CHANGE - level])
        level--;
    return tilt > 0 ? PP_FLAME_LEVELS - 1 - level : level;
}

static void add_levels(struct pp_buffer *css, bool is_dark)
{
    for (uint32_t i = 0; i < PP_FLAME_LEVELS; i++) {
        const double distance = fabs((double)i - NO_CHANGE);
        pp_flame_color_rule(
            css, "d", i, is_dark ? 0.34 + 0.055 * distance : 0.935 - 0.058 * distance,
            distance == 0 ? 0.004 : 0.02 + 0.034 * distance, i < NO_CHANGE ? 250 : 32);
    }
}

void pp_flame_change_palette(struct pp_buffer *css)
{
    add_levels(css, false);
    pp_buffer_text(css, "\n@media(prefers-color-scheme:dark){");
    add_levels(css, true);
    pp_buffer_text(css, "}\n");
}

static void put_side(struct pp_buffer *out, const struct pp_diff *diff, enum pp_diff_side side,
                     int64_t value)
{
    pp_flame_value(out, value / diff->total[side].n_profiles, pp_diff_unit(diff));
    pp_buffer_printf(out, " (%.2f %%)", 100 * (double)value / diff->total[side].value);
}

void pp_flame_change_text(struct pp_buffer *out, const struct pp_flame_change *change,
                          int64_t total, int64_t after)
{
    const double before = (double)(total - after) / change->diff->total[PP_BEFORE].n_profiles;
    const double now = (double)after / change->diff->total[PP_AFTER].n_profiles;

    put_side(out, change->diff, PP_BEFORE, total - after);
    pp_buffer_text(out, " to ");
    put_side(out, change->diff, PP_AFTER, after);
    if (total == after)
        pp_buffer_text(out, ", new");
    else if (after == 0)
        pp_buffer_text(out, ", gone");
    else
        pp_buffer_printf(out, ", %+.1f %%", 100 * (now / before - 1));
}

void pp_flame_change_facts(struct pp_buffer *facts, const struct pp_diff *diff)
{
    for (int side = 0; side < PP_N_SIDES; side++) {
        const struct pp_diff_total *total = &diff->total[side];
        pp_buffer_text(facts, side == PP_BEFORE ? " · before " : " · after ");
        pp_flame_value(facts, (int64_t)pp_diff_run_total(diff, (enum pp_diff_side)side),
                       pp_diff_unit(diff));
        pp_buffer_text(facts, " in ");
        pp_flame_number(facts,
                        (int64_t)(total->n_sampled > 0 ? total->n_sampled : total->n_samples));
        pp_buffer_text(facts, " samples");
    }
    pp_buffer_printf(
        facts, " · change %+.1f %%",
        100 * (pp_diff_run_total(diff, PP_AFTER) / pp_diff_run_total(diff, PP_BEFORE) - 1));
}
