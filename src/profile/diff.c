/* Comparing profiles: the parts put together, and what is asked of the result. */
#include "profile/diff.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static int make(struct pp_diff *diff,
                const struct pprofc_profile *const *const profiles[PP_N_SIDES],
                const struct pp_diff_options *options, struct pprofc_error *err)
{
    struct pp_diff_groups groups = {NULL, 0, 0};
    int rc;

    diff->joint = pp_profile_new();
    if (diff->joint == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory to compare profiles");
    rc = pp_diff_join(diff, profiles, options, err);
    if (rc != 0)
        return rc;
    rc = pp_diff_sum(diff, &groups);
    if (rc == 0)
        rc = pp_diff_judge_groups(diff, &groups);
    free(groups.items);
    if (rc != 0)
        return pp_fail(err, rc, 0, "no memory to compare profiles");
    pp_diff_sort(diff, false);
    return 0;
}

int pp_diff_make(const struct pprofc_profile *const *before, uint32_t n_before,
                 const struct pprofc_profile *const *after, uint32_t n_after,
                 const struct pp_diff_options *options, struct pp_diff **diff_out,
                 struct pprofc_error *err)
{
    const struct pprofc_profile *const *const profiles[PP_N_SIDES] = {before, after};
    struct pp_diff *diff;
    int rc;

    if (n_before == 0 || n_after == 0)
        return pp_fail(err, -EINVAL, 0, "there is no profile %s",
                       n_before == 0 ? "before" : "after");
    diff = calloc(1, sizeof *diff);
    if (diff == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory to compare profiles");
    diff->total[PP_BEFORE].n_profiles = n_before;
    diff->total[PP_AFTER].n_profiles = n_after;
    rc = make(diff, profiles, options, err);
    if (rc != 0)
        pp_diff_free(diff);
    else
        *diff_out = diff;
    return rc;
}

void pp_diff_free(struct pp_diff *diff)
{
    if (diff == NULL)
        return;
    pprofc_profile_free(diff->joint);
    free(diff->widths);
    free(diff->rows);
    free(diff);
}

/* ---- order ---- */

static int order(const struct pp_diff_row *a, const struct pp_diff_row *b,
                 const struct pp_diff_change *of_a, const struct pp_diff_change *of_b)
{
    const bool is_change_a = of_a->state < PP_DIFF_NOISE, is_change_b = of_b->state < PP_DIFF_NOISE;
    const double size_a = fabs(of_a->value[PP_AFTER] - of_a->value[PP_BEFORE]);
    const double size_b = fabs(of_b->value[PP_AFTER] - of_b->value[PP_BEFORE]);

    if (is_change_a != is_change_b)
        return is_change_a ? -1 : 1;
    if (size_a != size_b)
        return size_a < size_b ? 1 : -1;
    return strcmp(a->name, b->name);
}

static int order_by_flat(const void *left, const void *right)
{
    const struct pp_diff_row *a = left, *b = right;

    return order(a, b, &a->flat, &b->flat);
}

static int order_by_cum(const void *left, const void *right)
{
    const struct pp_diff_row *a = left, *b = right;

    return order(a, b, &a->cum, &b->cum);
}

void pp_diff_sort(struct pp_diff *diff, bool by_cum)
{
    if (diff->n_rows > 1)
        qsort(diff->rows, diff->n_rows, sizeof *diff->rows, by_cum ? order_by_cum : order_by_flat);
}

/* ---- questions ---- */

double pp_diff_run_total(const struct pp_diff *diff, enum pp_diff_side side)
{
    return diff->total[side].value / diff->total[side].n_profiles;
}

double pp_diff_growth(const struct pp_diff *diff, const struct pp_diff_change *change)
{
    if (diff->judge == PP_JUDGE_SHARE)
        return change->share[PP_AFTER] - change->share[PP_BEFORE];
    return (change->value[PP_AFTER] - change->value[PP_BEFORE]) /
           pp_diff_run_total(diff, PP_BEFORE);
}

int64_t pp_diff_find_worse(const struct pp_diff *diff, double limit, bool by_cum)
{
    const double total_growth =
        pp_diff_run_total(diff, PP_AFTER) / pp_diff_run_total(diff, PP_BEFORE) - 1;

    if (diff->total_ratio.low > 1 && total_growth > limit)
        return -1;
    for (uint32_t i = 0; i < diff->n_rows; i++) {
        const struct pp_diff_change *change = by_cum ? &diff->rows[i].cum : &diff->rows[i].flat;
        if ((change->state == PP_DIFF_REGRESSED || change->state == PP_DIFF_NEW) &&
            pp_diff_growth(diff, change) > limit)
            return i;
    }
    return -ENOENT;
}

const char *pp_diff_state_name(enum pp_diff_state state)
{
    static const char *const names[PP_DIFF_N_STATES] = {
        [PP_DIFF_REGRESSED] = "regressed",
        [PP_DIFF_IMPROVED] = "improved",
        [PP_DIFF_NEW] = "new",
        [PP_DIFF_GONE] = "gone",
        [PP_DIFF_NOISE] = "within noise",
        [PP_DIFF_FEW] = "too few samples",
    };

    return names[state];
}

const char *pp_diff_type(const struct pp_diff *diff)
{
    return pp_profile_chars(diff->joint, diff->joint->types[0].type);
}

const char *pp_diff_unit(const struct pp_diff *diff)
{
    return pp_profile_chars(diff->joint, diff->joint->types[0].unit);
}
