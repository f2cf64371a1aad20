/* The sample types and the samples of a profile under construction; and sums over them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/pages.h"
#include "profile/profile.h"
#include "profile/tables.h"

/* ---- types and samples ---- */

/* The samples that are there get 0 of one type more, behind their values. */
static int widen_samples(struct pprofc_profile *profile)
{
    struct pp_profile_tables *tables = profile->tables;
    const uint32_t n_old = profile->n_types, n_new = n_old + 1;

    if (profile->sample_estimates != NULL)
        return -EBUSY; /* nothing is known of how sure that 0 is */
    if (pp_array_reserve(&profile->sample_values, &tables->sample_values_capacity,
                         (size_t)profile->n_samples * n_new, sizeof(int64_t)) != 0)
        return -ENOMEM;
    for (uint32_t i = profile->n_samples; i-- > 0;) {
        int64_t *values = profile->sample_values + (size_t)i * n_new;
        memmove(values, profile->sample_values + (size_t)i * n_old, n_old * sizeof *values);
        values[n_old] = 0;
    }
    return 0;
}

int pp_profile_add_type(struct pprofc_profile *profile, const char *type, const char *unit)
{
    int failed;

    if (profile->n_types == PP_MAX_TYPES)
        return -E2BIG;
    failed = profile->n_samples > 0 ? widen_samples(profile) : 0;
    if (failed != 0)
        return failed;
    profile->types[profile->n_types].type = pp_profile_text(profile, type);
    profile->types[profile->n_types].unit = pp_profile_text(profile, unit);
    return (int)profile->n_types++;
}

void pp_profile_expect_samples(struct pprofc_profile *profile, size_t n_samples)
{
    struct pp_profile_tables *tables = profile->tables;

    if (n_samples >= UINT32_MAX / 2 || profile->n_samples > 0 ||
        pp_id_table_expect(&tables->samples, (uint32_t)n_samples) != 0)
        return;
    (void)pp_array_reserve(&profile->sample_stack, &tables->sample_stack_capacity, n_samples,
                           sizeof *profile->sample_stack);
    (void)pp_pages_array_reserve(&profile->sample_labels, &tables->sample_labels_capacity,
                                 n_samples, sizeof *profile->sample_labels);
    (void)pp_pages_array_reserve(&profile->sample_slice, &tables->sample_slice_capacity, n_samples,
                                 sizeof *profile->sample_slice);
    (void)pp_array_reserve(&profile->sample_values, &tables->sample_values_capacity,
                           n_samples * profile->n_types, sizeof *profile->sample_values);
}

/* Room for the estimates of 'n_samples' samples, of which profile->n_samples are there. */
static bool reserve_estimates(struct pprofc_profile *profile, uint32_t n_samples)
{
    struct pp_profile_tables *tables = profile->tables;
    const bool is_first = profile->sample_estimates == NULL;

    if (pp_array_reserve(&profile->sample_estimates, &tables->sample_estimates_capacity,
                         (size_t)n_samples * profile->n_types,
                         sizeof *profile->sample_estimates) != 0) {
        tables->failed = true;
        return false;
    }
    if (is_first && profile->n_samples > 0) /* those before are exact */
        memset(profile->sample_estimates, 0,
               (size_t)profile->n_samples * profile->n_types * sizeof *profile->sample_estimates);
    return true;
}

static void sum_into(struct pprofc_profile *profile, uint32_t sample, const int64_t *values,
                     const struct pp_estimate *estimates)
{
    const size_t first = (size_t)sample * profile->n_types;
    int64_t *sums = profile->sample_values + first;

    for (uint32_t type = 0; type < profile->n_types; type++)
        sums[type] = pp_add_values(sums[type], values[type]);
    if (estimates == NULL ||
        (profile->sample_estimates == NULL && !reserve_estimates(profile, profile->n_samples)))
        return;
    for (uint32_t type = 0; type < profile->n_types; type++) {
        profile->sample_estimates[first + type].variance += estimates[type].variance;
        profile->sample_estimates[first + type].n_sampled += estimates[type].n_sampled;
    }
}

/* False, and the profile is marked, when there is no room for it. */
static bool new_sample(struct pprofc_profile *profile, pp_id stack, pp_id labels, uint32_t slice,
                       const int64_t *values, const struct pp_estimate *estimates)
{
    struct pp_profile_tables *tables = profile->tables;
    const uint32_t sample = profile->n_samples;
    const size_t first = (size_t)sample * profile->n_types;
    const bool is_estimated = estimates != NULL || profile->sample_estimates != NULL;

    if (!PP_PROFILE_ROOM(profile, sample_stack, sample) ||
        (is_estimated && profile->n_types > 0 && !reserve_estimates(profile, sample + 1)))
        return false;
    if (pp_pages_array_reserve(&profile->sample_labels, &tables->sample_labels_capacity,
                               (size_t)sample + 1, sizeof *profile->sample_labels) != 0 ||
        pp_pages_array_reserve(&profile->sample_slice, &tables->sample_slice_capacity,
                               (size_t)sample + 1, sizeof *profile->sample_slice) != 0 ||
        pp_array_reserve(&profile->sample_values, &tables->sample_values_capacity,
                         first + profile->n_types, sizeof *profile->sample_values) != 0) {
        tables->failed = true;
        return false;
    }
    profile->sample_stack[sample] = stack;
    /* Of many profiles all are 0: such columns take no memory. */
    if (profile->sample_labels[sample] != labels)
        profile->sample_labels[sample] = labels;
    if (profile->sample_slice[sample] != slice)
        profile->sample_slice[sample] = slice;
    for (uint32_t type = 0; type < profile->n_types; type++) /* one or two, mostly */
        profile->sample_values[first + type] = values[type];
    for (uint32_t type = 0; is_estimated && type < profile->n_types; type++)
        profile->sample_estimates[first + type] =
            estimates != NULL ? estimates[type] : (struct pp_estimate){0, 0};
    profile->n_samples++;
    return true;
}

void pp_profile_add_estimate(struct pprofc_profile *profile, pp_id stack, pp_id labels,
                             uint32_t slice, const int64_t *values,
                             const struct pp_estimate *estimates)
{
    struct pp_id_table *table = &profile->tables->samples;
    const uint64_t hash = pp_profile_sample_hash(stack, labels, slice);
    struct pp_id_probe probe;

    if (profile->tables->is_settled && !pp_profile_unsettle(profile))
        return;
    if (pp_id_table_reserve(table) != 0) {
        profile->tables->failed = true;
        return;
    }
    for (probe = pp_id_table_first(table, hash); probe.id != 0;
         probe = pp_id_table_after(table, hash, probe)) {
        const uint32_t sample = probe.id - 1;
        if (profile->sample_stack[sample] == stack && profile->sample_labels[sample] == labels &&
            profile->sample_slice[sample] == slice) {
            sum_into(profile, sample, values, estimates);
            return;
        }
    }
    if (new_sample(profile, stack, labels, slice, values, estimates))
        pp_id_table_put_at(table, hash, probe, profile->n_samples);
}

void pp_profile_add(struct pprofc_profile *profile, pp_id stack, pp_id labels, uint32_t slice,
                    const int64_t *values)
{
    pp_profile_add_estimate(profile, stack, labels, slice, values, NULL);
}

void pp_profile_samples_forget(struct pprofc_profile *profile)
{
    pp_id_table_done(&profile->tables->samples);
}

void pp_profile_samples_remember(struct pprofc_profile *profile, uint32_t sample)
{
    const uint64_t hash =
        pp_profile_sample_hash(profile->sample_stack[sample], profile->sample_labels[sample],
                               profile->sample_slice[sample]);

    if (pp_id_table_put(&profile->tables->samples, hash, sample + 1) != 0)
        profile->tables->failed = true;
}

/* ---- looking at them ---- */

int64_t pp_profile_total(const struct pprofc_profile *profile, uint32_t type)
{
    int64_t total = 0;

    if (type >= profile->n_types)
        return 0;
    for (uint32_t sample = 0; sample < profile->n_samples; sample++)
        total =
            pp_add_values(total, profile->sample_values[(size_t)sample * profile->n_types + type]);
    return total;
}

static bool is_count(const struct pprofc_profile *profile, uint32_t type)
{
    return strcmp(profile->strings[profile->types[type].unit], "count") == 0;
}

int pp_profile_count_type(const struct pprofc_profile *profile, uint32_t type)
{
    if (is_count(profile, type))
        return (int)type;
    if (type > 0 && is_count(profile, type - 1))
        return (int)type - 1;
    return is_count(profile, 0) ? 0 : -1;
}

int64_t pp_profile_type_samples(const struct pprofc_profile *profile, uint32_t type,
                                const int64_t *values)
{
    const int count = pp_profile_count_type(profile, type);

    return count < 0 ? 1 : values[count];
}

int pp_profile_find_type(const struct pprofc_profile *profile, const char *name,
                         struct pprofc_error *err)
{
    /* Profiles of gperftools have "space" for what later ones call "inuse_space". */
    const char *short_name = strncmp(name, "inuse_", 6) == 0 ? name + 6 : name;
    char known[256] = "";
    size_t n_chars = 0;

    if (name[0] != '\0' && name[strspn(name, "0123456789")] == '\0' && strlen(name) < 3 &&
        strtoul(name, NULL, 10) < profile->n_types)
        return (int)strtoul(name, NULL, 10);

    for (uint32_t type = 0; type < profile->n_types; type++) {
        const char *type_name = profile->strings[profile->types[type].type];
        const int n = snprintf(known + n_chars, sizeof known - n_chars, "%s%s",
                               type > 0 ? ", " : "", type_name);
        if (strcmp(type_name, name) == 0 || strcmp(type_name, short_name) == 0)
            return (int)type;
        if (n > 0)
            n_chars += (size_t)n < sizeof known - n_chars ? (size_t)n : sizeof known - n_chars - 1;
    }
    return pp_fail(err, -ENOENT, 0, "no sample type is called '%s'; the profile has: %s", name,
                   profile->n_types > 0 ? known : "none");
}

/* ---- taking the samples out, for those who build them anew ---- */

int pp_profile_samples_take(struct pprofc_profile *profile, struct pp_profile_samples *old)
{
    struct pp_profile_tables *tables = profile->tables;
    pp_id *parent = calloc(8, sizeof *parent);
    pp_id *location = calloc(8, sizeof *location);

    if (parent == NULL || location == NULL) {
        free(parent);
        free(location);
        return -ENOMEM;
    }
    *old = (struct pp_profile_samples){
        .node_parent = profile->node_parent,
        .node_location = profile->node_location,
        .sample_stack = profile->sample_stack,
        .sample_labels = profile->sample_labels,
        .sample_slice = profile->sample_slice,
        .sample_values = profile->sample_values,
        .sample_estimates = profile->sample_estimates,
        .n_nodes = profile->n_nodes,
        .n_samples = profile->n_samples,
        .tables = *tables,
    };
    profile->node_parent = parent;
    profile->node_location = location;
    profile->sample_stack = profile->sample_labels = NULL;
    profile->sample_slice = NULL;
    profile->sample_values = NULL;
    profile->sample_estimates = NULL;
    profile->n_nodes = 1;
    profile->n_samples = 0;
    tables->node_parent_capacity = tables->node_location_capacity = 8;
    tables->sample_stack_capacity = tables->sample_labels_capacity = tables->sample_slice_capacity =
        0;
    tables->sample_values_capacity = tables->sample_estimates_capacity = 0;
    tables->nodes = tables->samples = (struct pp_id_table){NULL, 0, 0};
    tables->is_settled = false;
    tables->path_depth = 0;
    return 0;
}

/* Those columns whose memory is pages. */
static void free_labels_and_slices(pp_id *labels, uint32_t *slices,
                                   const struct pp_profile_tables *tables)
{
    pp_pages_array_free(labels, tables->sample_labels_capacity, sizeof *labels);
    pp_pages_array_free(slices, tables->sample_slice_capacity, sizeof *slices);
}

static void free_samples(struct pprofc_profile *profile)
{
    free(profile->node_parent);
    free(profile->node_location);
    free(profile->sample_stack);
    free_labels_and_slices(profile->sample_labels, profile->sample_slice, profile->tables);
    free(profile->sample_values);
    free(profile->sample_estimates);
    pp_id_table_done(&profile->tables->nodes);
    pp_id_table_done(&profile->tables->samples);
}

void pp_profile_samples_restore(struct pprofc_profile *profile, struct pp_profile_samples *old)
{
    struct pp_profile_tables *tables = profile->tables;

    free_samples(profile);
    profile->node_parent = old->node_parent;
    profile->node_location = old->node_location;
    profile->sample_stack = old->sample_stack;
    profile->sample_labels = old->sample_labels;
    profile->sample_slice = old->sample_slice;
    profile->sample_values = old->sample_values;
    profile->sample_estimates = old->sample_estimates;
    profile->n_nodes = old->n_nodes;
    profile->n_samples = old->n_samples;
    tables->failed = old->tables.failed;
    tables->node_parent_capacity = old->tables.node_parent_capacity;
    tables->node_location_capacity = old->tables.node_location_capacity;
    tables->sample_stack_capacity = old->tables.sample_stack_capacity;
    tables->sample_labels_capacity = old->tables.sample_labels_capacity;
    tables->sample_slice_capacity = old->tables.sample_slice_capacity;
    tables->sample_values_capacity = old->tables.sample_values_capacity;
    tables->sample_estimates_capacity = old->tables.sample_estimates_capacity;
    tables->is_settled = old->tables.is_settled;
    tables->nodes = old->tables.nodes;
    tables->samples = old->tables.samples;
    tables->path_depth = 0;
    *old = (struct pp_profile_samples){0};
}

void pp_profile_samples_done(struct pp_profile_samples *old)
{
    free(old->node_parent);
    free(old->node_location);
    free(old->sample_stack);
    free_labels_and_slices(old->sample_labels, old->sample_slice, &old->tables);
    free(old->sample_values);
    free(old->sample_estimates);
    pp_id_table_done(&old->tables.nodes);
    pp_id_table_done(&old->tables.samples);
    *old = (struct pp_profile_samples){0};
}
