/* Adding one profile to another.  Ids of the two have nothing to do with each other: each thing of
 * the source is interned in the target by what it says. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "profile/merge_facts.h"
#include "profile/profile.h"
#include "profile/tables.h"

/* From the source's ids to the target's. */
struct translation {
    pp_id *strings, *mappings, *functions, *locations, *label_sets, *nodes;
    uint64_t *shifts; /* by mapping: what addresses in it move by */
};

static void translation_done(struct translation *to)
{
    free(to->strings);
    free(to->mappings);
    free(to->functions);
    free(to->locations);
    free(to->label_sets);
    free(to->nodes);
    free(to->shifts);
}

static int translation_init(struct translation *to, const struct pprofc_profile *source)
{
    *to = (struct translation){
        .strings = calloc(source->n_strings, sizeof(pp_id)),
        .mappings = calloc(source->n_mappings, sizeof(pp_id)),
        .functions = calloc(source->n_functions, sizeof(pp_id)),
        .locations = calloc(source->n_locations, sizeof(pp_id)),
        .label_sets = calloc(source->n_label_sets, sizeof(pp_id)),
        .nodes = calloc(source->n_nodes, sizeof(pp_id)),
        .shifts = calloc(source->n_mappings, sizeof(uint64_t)),
    };
    if (to->strings == NULL || to->mappings == NULL || to->functions == NULL ||
        to->locations == NULL || to->label_sets == NULL || to->nodes == NULL || to->shifts == NULL)
        return -ENOMEM;
    return 0;
}

/* ---- the parts, in the order in which they lean on each other ---- */

static void merge_strings(struct pprofc_profile *target, const struct pprofc_profile *source,
                          struct translation *to)
{
    for (pp_id id = 1; id < source->n_strings; id++)
        to->strings[id] = pp_profile_string(target, source->strings[id], source->string_bytes[id]);
}

/* A mapping's size in whole pages: producers disagree about the last one. */
static uint64_t n_pages(const struct pp_mapping *mapping)
{
    return (mapping->limit - mapping->start + 0xfff) >> 12;
}

/* The same part of the same file, wherever another process had it; 0: there is none among the first
 * 'n_known'. */
static pp_id find_mapping(const struct pprofc_profile *target, uint32_t n_known,
                          const struct pp_mapping *wanted)
{
    if (wanted->build_id == 0 && wanted->path == 0)
        return 0;
    for (pp_id id = 1; id < n_known; id++) {
        const struct pp_mapping *known = &target->mappings[id];
        if (known->offset == wanted->offset && n_pages(known) == n_pages(wanted) &&
            known->build_id == wanted->build_id &&
            (known->build_id != 0 || known->path == wanted->path))
            return id;
    }
    return 0;
}

static void merge_mappings(struct pprofc_profile *target, const struct pprofc_profile *source,
                           struct translation *to)
{
    const uint32_t n_known = target->n_mappings;

    for (pp_id id = 1; id < source->n_mappings; id++) {
        struct pp_mapping mapping = source->mappings[id];
        mapping.path = to->strings[mapping.path];
        mapping.build_id = to->strings[mapping.build_id];
        to->mappings[id] = find_mapping(target, n_known, &mapping);
        if (to->mappings[id] != 0)
            to->shifts[id] = target->mappings[to->mappings[id]].start - mapping.start;
        else
            to->mappings[id] = pp_profile_mapping(target, &mapping);
    }
}

static void merge_functions(struct pprofc_profile *target, const struct pprofc_profile *source,
                            struct translation *to)
{
    for (pp_id id = 1; id < source->n_functions; id++) {
        struct pp_function function = source->functions[id];
        function.name = to->strings[function.name];
        function.system_name = to->strings[function.system_name];
        function.file = to->strings[function.file];
        to->functions[id] = pp_profile_function(target, &function);
    }
}

static int merge_locations(struct pprofc_profile *target, const struct pprofc_profile *source,
                           struct translation *to, const struct pp_renaming *renaming)
{
    pp_autofree struct pp_line *lines = NULL;
    size_t lines_capacity = 0;

    for (pp_id id = 1; id < source->n_locations; id++) {
        struct pp_location location = source->locations[id];
        if (renaming != NULL)
            to->locations[id] = renaming->rename(renaming->context, target, source, id,
                                                 to->mappings[location.mapping]);
        if (to->locations[id] != 0)
            continue;
        if (pp_array_reserve(&lines, &lines_capacity, location.n_lines, sizeof *lines) != 0)
            return -ENOMEM;
        for (uint32_t i = 0; i < location.n_lines; i++) {
            lines[i] = source->lines[location.first_line + i];
            lines[i].function = to->functions[lines[i].function];
        }
        if (location.address != 0)
            location.address += to->shifts[location.mapping];
        location.mapping = to->mappings[location.mapping];
        to->locations[id] = pp_profile_location(target, &location, lines);
    }
    return 0;
}

static int merge_labels(struct pprofc_profile *target, const struct pprofc_profile *source,
                        struct translation *to)
{
    pp_autofree struct pp_label *labels = NULL;
    size_t labels_capacity = 0;

    for (pp_id id = 1; id < source->n_label_sets; id++) {
        const struct pp_label_set *set = &source->label_sets[id];
        if (pp_array_reserve(&labels, &labels_capacity, set->n_labels, sizeof *labels) != 0)
            return -ENOMEM;
        for (uint32_t i = 0; i < set->n_labels; i++) {
            labels[i] = source->labels[set->first + i];
            labels[i].key = to->strings[labels[i].key];
            labels[i].text = to->strings[labels[i].text];
            labels[i].unit = to->strings[labels[i].unit];
        }
        to->label_sets[id] = pp_profile_label_set(target, labels, set->n_labels);
    }
    return 0;
}

static void merge_nodes(struct pprofc_profile *target, const struct pprofc_profile *source,
                        struct translation *to)
{
    pp_profile_add_nodes(target, source, to->locations, to->nodes);
}

static void merge_samples(struct pprofc_profile *target, const struct pprofc_profile *source,
                          struct translation *to, uint32_t first_slice, bool has_slices)
{
    for (uint32_t i = 0; i < source->n_samples; i++)
        pp_profile_add_estimate(
            target, to->nodes[source->sample_stack[i]], to->label_sets[source->sample_labels[i]],
            has_slices ? source->sample_slice[i] + first_slice : 0,
            source->sample_values + (size_t)i * source->n_types, pp_profile_estimate(source, i, 0));
}

/* ---- types and time ---- */

static bool same_text(const struct pprofc_profile *a, pp_id in_a, const struct pprofc_profile *b,
                      pp_id in_b)
{
    return strcmp(a->strings[in_a], b->strings[in_b]) == 0;
}

static int check_types(const struct pprofc_profile *target, const struct pprofc_profile *source,
                       struct pprofc_error *err)
{
    if (target->n_types != source->n_types)
        return pp_fail(err, -EINVAL, 0, "cannot merge a profile of %u sample types with one of %u",
                       target->n_types, source->n_types);
    for (uint32_t i = 0; i < source->n_types; i++) {
        if (!same_text(target, target->types[i].type, source, source->types[i].type) ||
            !same_text(target, target->types[i].unit, source, source->types[i].unit))
            return pp_fail(
                err, -EINVAL, 0, "cannot merge sample type %s/%s with %s/%s",
                target->strings[target->types[i].type], target->strings[target->types[i].unit],
                source->strings[source->types[i].type], source->strings[source->types[i].unit]);
    }
    return 0;
}

static void move_slices(struct pprofc_profile *profile, uint32_t n_slices)
{
    pp_profile_samples_forget(profile);
    for (uint32_t i = 0; i < profile->n_samples; i++) {
        profile->sample_slice[i] += n_slices;
        pp_profile_samples_remember(profile, i);
    }
}

static void *copy_of(const void *items, size_t n_items, size_t item_bytes)
{
    void *copy = calloc(n_items + 1, item_bytes);

    if (copy != NULL && n_items > 0)
        memcpy(copy, items, n_items * item_bytes);
    return copy;
}

/* Take all samples off the time axis: those that differed in their slice only become one. */
static void drop_slices(struct pprofc_profile *profile)
{
    const uint32_t n_samples = profile->n_samples, n_types = profile->n_types;
    const size_t n_values = (size_t)n_samples * n_types;
    const bool has_estimates = profile->sample_estimates != NULL;
    pp_autofree pp_id *stacks = copy_of(profile->sample_stack, n_samples, sizeof *stacks);
    pp_autofree pp_id *labels = copy_of(profile->sample_labels, n_samples, sizeof *labels);
    pp_autofree int64_t *values = copy_of(profile->sample_values, n_values, sizeof *values);
    pp_autofree struct pp_estimate *estimates =
        copy_of(profile->sample_estimates, has_estimates ? n_values : 0, sizeof *estimates);

    if (stacks == NULL || labels == NULL || values == NULL || estimates == NULL) {
        profile->tables->failed = true;
        return;
    }
    pp_profile_samples_forget(profile);
    profile->n_samples = 0;
    for (uint32_t i = 0; i < n_samples; i++)
        pp_profile_add_estimate(profile, stacks[i], labels[i], 0, values + (size_t)i * n_types,
                                has_estimates ? estimates + (size_t)i * n_types : NULL);
}

/* Put both on one time axis when they have the same slices.  Returns whether there is one; the
 * source's samples move by '*first_slice_out'. */
static bool join_time(struct pprofc_profile *target, const struct pprofc_profile *source,
                      uint32_t *first_slice_out)
{
    const int64_t distance_ns = (int64_t)((uint64_t)source->time_ns - (uint64_t)target->time_ns);
    int64_t n_slices = 0;

    *first_slice_out = 0;
    if (target->slice_ns > 0 && target->slice_ns == source->slice_ns)
        n_slices = distance_ns / target->slice_ns;
    if (target->slice_ns <= 0 || target->slice_ns != source->slice_ns || n_slices > INT32_MAX ||
        n_slices < INT32_MIN) {
        if (target->slice_ns != 0)
            drop_slices(target);
        target->slice_ns = 0;
    } else if (n_slices >= 0) {
        *first_slice_out = (uint32_t)n_slices;
    } else {
        move_slices(target, (uint32_t)-n_slices);
    }
    if (target->time_ns == 0 || (source->time_ns != 0 && source->time_ns < target->time_ns))
        target->time_ns = source->time_ns;
    return target->slice_ns > 0;
}

static void merge_comments(struct pprofc_profile *target, const struct pprofc_profile *source,
                           const struct translation *to)
{
    for (uint32_t i = 0; i < source->n_comments; i++) {
        const pp_id comment = to->strings[source->comments[i]];
        bool is_known = false;
        for (uint32_t k = 0; k < target->n_comments && !is_known; k++)
            is_known = target->comments[k] == comment;
        if (!is_known)
            pp_profile_comment(target, "%s", target->strings[comment]);
    }
}

static int merge(struct pprofc_profile *target, const struct pprofc_profile *source,
                 const struct pp_renaming *renaming, struct pprofc_error *err)
{
    __attribute__((cleanup(translation_done))) struct translation to;
    const bool is_fresh = target->n_types == 0 && target->n_samples == 0;
    const int checked = is_fresh ? 0 : check_types(target, source, err);
    uint32_t first_slice = 0;
    bool has_slices = true;

    if (translation_init(&to, source) != 0)
        return pp_fail(err, -ENOMEM, 0, "cannot merge profiles: out of memory");
    if (checked != 0)
        return checked;
    merge_strings(target, source, &to);
    if (is_fresh) {
        pp_profile_adopt_facts(target, source, to.strings);
    } else {
        has_slices = join_time(target, source, &first_slice);
        pp_profile_merge_facts(target, source, to.strings);
    }
    target->period = source->period > target->period ? source->period : target->period;
    target->duration_ns = pp_add_values(target->duration_ns, source->duration_ns);
    merge_comments(target, source, &to);
    merge_mappings(target, source, &to);
    merge_functions(target, source, &to);
    if (merge_locations(target, source, &to, renaming) != 0 ||
        merge_labels(target, source, &to) != 0)
        target->tables->failed = true;
    merge_nodes(target, source, &to);
    merge_samples(target, source, &to, first_slice, has_slices);
    if (pp_profile_failed(target))
        return pp_fail(err, -ENOMEM, 0, "cannot merge profiles: out of memory");
    return 0;
}

int pp_profile_merge(struct pprofc_profile *target, const struct pprofc_profile *source,
                     struct pprofc_error *err)
{
    return merge(target, source, NULL, err);
}

int pp_profile_merge_stacks(struct pprofc_profile *target, const struct pprofc_profile *source,
                            pp_id **nodes_out, struct pprofc_error *err)
{
    __attribute__((cleanup(translation_done))) struct translation to;

    if (translation_init(&to, source) != 0)
        return pp_fail(err, -ENOMEM, 0, "cannot merge the stacks of profiles: out of memory");
    merge_strings(target, source, &to);
    merge_mappings(target, source, &to);
    merge_functions(target, source, &to);
    if (merge_locations(target, source, &to, NULL) != 0)
        target->tables->failed = true;
    merge_nodes(target, source, &to);
    if (pp_profile_failed(target))
        return pp_fail(err, -ENOMEM, 0, "cannot merge the stacks of profiles: out of memory");
    *nodes_out = to.nodes;
    to.nodes = NULL;
    return 0;
}

int pp_profile_rename(const struct pprofc_profile *source, const struct pp_renaming *renaming,
                      struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    struct pprofc_profile *profile = pp_profile_new();
    int status;

    if (profile == NULL)
        return pp_fail(err, -ENOMEM, 0, "cannot rename a profile's frames: out of memory");
    status = merge(profile, source, renaming, err);
    if (status != 0)
        pprofc_profile_free(profile);
    else
        *profile_out = profile;
    return status;
}
