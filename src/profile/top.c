/* The hot spots, whatever the samples are grouped by. */
#include "profile/top.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "profile/lifetimes.h"
#include "profile/tables.h"
#include "profile/top_groups.h"
#include "profile/top_walk.h"
#include "profile/weights.h"

enum { NO_GROUP = UINT32_MAX };

/* ---- what is booked on the groups themselves ---- */

static void add_flat(const struct pprofc_profile *profile, const struct pp_top_groups *groups,
                     uint32_t type, struct pp_top_row *rows)
{
    const int count = pp_profile_count_type(profile, type);

    for (uint32_t i = 0; i < profile->n_samples; i++) {
        const int64_t *values = profile->sample_values + (size_t)i * profile->n_types;
        const pp_id location = profile->node_location[profile->sample_stack[i]];
        const uint32_t group = groups->of_label_set != NULL
                                   ? groups->of_label_set[profile->sample_labels[i]]
                                   : pp_top_groups_of(groups, profile, location).groups[0];
        struct pp_top_row *row = &rows[group];
        if (groups->of_label_set == NULL && profile->sample_stack[i] == 0)
            continue; /* on no frame */
        row->flat = pp_add_values(row->flat, values[type]);
        row->n_flat_samples = pp_add_values(row->n_flat_samples, count < 0 ? 1 : values[count]);
        if (profile->sample_estimates != NULL)
            pp_estimate_add(&row->flat_estimate, pp_profile_estimate(profile, i, type));
    }
}

/* Labels are a matter of samples, not of frames: nothing lies below them. */
static void copy_flat(struct pp_top *top)
{
    for (uint32_t i = 0; i < top->n_rows; i++) {
        top->rows[i].cum = top->rows[i].flat;
        top->rows[i].n_cum_samples = top->rows[i].n_flat_samples;
        top->rows[i].cum_estimate = top->rows[i].flat_estimate;
    }
}

/* ---- lifetimes ---- */

/* The group that a sample's own values are counted in; NO_GROUP: it has no stack. */
static uint32_t own_group(const struct pprofc_profile *profile, const struct pp_top_groups *groups,
                          uint32_t sample)
{
    const pp_id node = profile->sample_stack[sample];

    if (groups->of_label_set != NULL)
        return groups->of_label_set[profile->sample_labels[sample]];
    if (node == 0)
        return NO_GROUP;
    return pp_top_groups_of(groups, profile, profile->node_location[node]).groups[0];
}

static int add_lifetimes(const struct pprofc_profile *profile, const struct pp_top_groups *groups,
                         uint32_t type, struct pp_top *top)
{
    const int counted_by = pp_lifetimes_type(profile, type);

    if (counted_by < 0)
        return 0;
    top->lifetimes = calloc((size_t)groups->n_groups + 1, sizeof *top->lifetimes);
    if (top->lifetimes == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < profile->n_samples; i++) {
        const uint32_t group = own_group(profile, groups, i);
        if (group != NO_GROUP)
            pp_lifetimes_add(&top->lifetimes[group], profile, i, (uint32_t)counted_by);
    }
    for (uint32_t i = 0; i < groups->n_groups; i++)
        top->rows[i].lifetimes = &top->lifetimes[i];
    return 0;
}

/* ---- rows ---- */

/* By what they weigh: of a difference, what has become less counts as much as what is more. */
static int order_values(int64_t a, int64_t b)
{
    const uint64_t a_size = a < 0 ? -(uint64_t)a : (uint64_t)a;
    const uint64_t b_size = b < 0 ? -(uint64_t)b : (uint64_t)b;

    if (a_size != b_size)
        return a_size < b_size ? 1 : -1;
    return (a < b) - (a > b);
}

static int order_rows(const void *left, const void *right)
{
    const struct pp_top_row *a = left, *b = right;

    if (a->flat != b->flat)
        return order_values(a->flat, b->flat);
    if (a->cum != b->cum)
        return order_values(a->cum, b->cum);
    if (strcmp(a->name, b->name) != 0)
        return strcmp(a->name, b->name);
    if (strcmp(a->file, b->file) != 0)
        return strcmp(a->file, b->file);
    return (a->line > b->line) - (a->line < b->line);
}

static int order_rows_by_cum(const void *left, const void *right)
{
    const struct pp_top_row *a = left, *b = right;

    if (a->cum != b->cum)
        return order_values(a->cum, b->cum);
    return order_rows(left, right);
}

void pp_top_sort_by_cum(struct pp_top *top)
{
    if (top->n_rows > 1)
        qsort(top->rows, top->n_rows, sizeof *top->rows, order_rows_by_cum);
}

/* Groups that no sample touched are no rows. */
static void pack_rows(struct pp_top *top)
{
    uint32_t n_rows = 0;

    for (uint32_t i = 0; i < top->n_rows; i++) {
        const struct pp_top_row *row = &top->rows[i];
        if (row->flat != 0 || row->cum != 0 || row->n_cum_samples != 0)
            top->rows[n_rows++] = *row;
    }
    top->n_rows = n_rows;
    if (n_rows > 1)
        qsort(top->rows, n_rows, sizeof *top->rows, order_rows);
}

static int64_t count_samples(const struct pprofc_profile *profile, uint32_t type)
{
    const int count = pp_profile_count_type(profile, type);
    int64_t n_samples = 0;

    if (count < 0)
        return profile->n_samples;
    for (uint32_t i = 0; i < profile->n_samples; i++)
        n_samples =
            pp_add_values(n_samples, profile->sample_values[(size_t)i * profile->n_types + count]);
    return n_samples;
}

double pp_top_error(const struct pp_estimate *estimate)
{
    return estimate->n_sampled + 0.5 < PP_TOP_FEW_SAMPLES ? -1 : sqrt(estimate->variance);
}

static int fill(const struct pprofc_profile *profile, uint32_t type, enum pp_group group,
                const char *label_key, struct pp_top_groups *groups, struct pp_top *top)
{
    pp_autofree struct pp_top_load *loads = NULL;

    if (pp_top_groups_init(groups, profile, group, label_key, &top->arena) != 0)
        return -ENOMEM;
    top->n_rows = groups->n_groups;
    top->rows = calloc((size_t)groups->n_groups + 1, sizeof *top->rows);
    if (top->rows == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < groups->n_groups; i++) {
        top->rows[i].name = groups->groups[i].name;
        top->rows[i].file = groups->groups[i].file;
        top->rows[i].module = "";
    }
    add_flat(profile, groups, type, top->rows);
    if (add_lifetimes(profile, groups, type, top) != 0)
        return -ENOMEM;
    if (groups->of_label_set != NULL) {
        copy_flat(top);
        return 0;
    }
    loads = calloc(profile->n_locations, sizeof *loads);
    if (loads == NULL || pp_top_walk(profile, type, groups, top->rows, loads) != 0)
        return -ENOMEM;
    return pp_top_hottest(groups, profile, loads, top->rows);
}

static int make(const struct pprofc_profile *profile, uint32_t type, enum pp_group group,
                const char *label_key, struct pp_top *top_out, struct pprofc_error *err)
{
    struct pp_top_groups groups = {0};
    struct pp_top top = {.arena = PP_ARENA_INIT};
    int failed;

    if (type >= profile->n_types)
        return pp_fail(err, -EINVAL, 0, "the profile has no sample type number %u", type);
    failed = fill(profile, type, group, label_key, &groups, &top);
    pp_top_groups_done(&groups);
    if (failed != 0) {
        pp_top_done(&top);
        return pp_fail(err, -ENOMEM, 0, "cannot rank the profile: out of memory");
    }
    pack_rows(&top);
    top.total = pp_profile_total(profile, type);
    top.n_samples = count_samples(profile, type);
    top.total_estimate = pp_profile_total_estimate(profile, type);
    top.is_estimated = top.total_estimate.n_sampled > 0;
    *top_out = top;
    return 0;
}

int pp_top_make(const struct pprofc_profile *profile, uint32_t type, enum pp_group group,
                struct pp_top *top_out, struct pprofc_error *err)
{
    return make(profile, type, group, "", top_out, err);
}

int pp_top_make_by_label(const struct pprofc_profile *profile, uint32_t type, const char *label_key,
                         struct pp_top *top_out, struct pprofc_error *err)
{
    return make(profile, type, PP_BY_LABEL, label_key, top_out, err);
}

void pp_top_done(struct pp_top *top)
{
    free(top->rows);
    free(top->lifetimes);
    pp_arena_done(&top->arena);
    *top = (struct pp_top){.arena = PP_ARENA_INIT};
}
