/* Adding one profile to another.  Ids of the two have nothing to do with each other: each thing of
 * the source is interned in the target by what it says. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
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
    for (pp_id node = 1; node < source->n_nodes; node++)
        to->nodes[node] = pp_profile_child(target, to->nodes[source->node_parent[node]],
                                           to->locations[source->node_location[node]]);
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

/* ---- types, time, quality ---- */

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

/* What an empty target takes over as it is. */
static void adopt(struct pprofc_profile *target, const struct pprofc_profile *source,
                  const struct translation *to)
{
    for (uint32_t i = 0; i < source->n_types; i++) {
        target->types[i].type = to->strings[source->types[i].type];
        target->types[i].unit = to->strings[source->types[i].unit];
    }
    target->n_types = source->n_types;
    target->default_type = source->default_type;
    target->slice_ns = source->slice_ns;
    target->time_ns = source->time_ns;
    target->period_type.type = to->strings[source->period_type.type];
    target->period_type.unit = to->strings[source->period_type.unit];
    target->drop_frames = to->strings[source->drop_frames];
    target->keep_frames = to->strings[source->keep_frames];
    target->command = to->strings[source->command];
    target->kind = to->strings[source->kind];
    target->heap = source->heap;
    for (uint32_t i = 0; i < source->heap.n_threads; i++)
        target->heap.threads[i].name = to->strings[source->heap.threads[i].name];
    target->heap.other_threads.name = to->strings[source->heap.other_threads.name];
    target->memory = source->memory;
    target->memory.allocator = to->strings[source->memory.allocator];
    target->quality = source->quality;
    target->quality.delivery = to->strings[source->quality.delivery];
    target->quality.delivery_reason = to->strings[source->quality.delivery_reason];
    target->quality.missing_modules = to->strings[source->quality.missing_modules];
    for (uint32_t i = 0; i < source->quality.n_losses; i++)
        target->quality.losses[i].cause = to->strings[source->quality.losses[i].cause];
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

/* An unknown part makes the sum unknown. */
static void add_known(int64_t *sum, int64_t more)
{
    *sum = *sum < 0 || more < 0 ? -1 : pp_add_values(*sum, more);
}

static void add_loss(struct pp_quality *target, pp_id cause, int64_t n)
{
    uint32_t i = 0;

    while (i < target->n_losses && target->losses[i].cause != cause)
        i++;
    if (i == PP_N_LOSSES)
        return; /* n_lost counts it all the same */
    if (i == target->n_losses) {
        target->losses[i].cause = cause;
        target->losses[i].n = 0;
        target->n_losses++;
    }
    target->losses[i].n = pp_add_values(target->losses[i].n, n);
}

static void merge_quality(struct pp_quality *target, const struct pp_quality *source,
                          const struct translation *to)
{
    target->is_known = target->is_known && source->is_known;
    target->asked_hz = target->asked_hz == source->asked_hz ? target->asked_hz : -1;
    add_known(&target->n_samples, source->n_samples);
    add_known(&target->n_lost, source->n_lost);
    add_known(&target->n_truncated, source->n_truncated);
    add_known(&target->n_unsymbolised, source->n_unsymbolised);
    add_known(&target->n_dropped, source->n_dropped);
    add_known(&target->cpu_ns, source->cpu_ns);
    add_known(&target->sampled_ns, source->sampled_ns);
    add_known(&target->unsampled_ns, source->unsampled_ns);
    add_known(&target->own_cpu_ns, source->own_cpu_ns);
    add_known(&target->n_throttled, source->n_throttled);
    add_known(&target->throttled_ns, source->throttled_ns);
    add_known(&target->children_cpu_ns, source->children_cpu_ns);
    if (source->budget_ppm > target->budget_ppm)
        target->budget_ppm = source->budget_ppm;
    if (source->n_budget_changes > 0)
        target->n_budget_changes = pp_add_values(
            target->n_budget_changes > 0 ? target->n_budget_changes : 0, source->n_budget_changes);
    for (uint32_t i = 0; i < source->n_losses; i++)
        add_loss(target, to->strings[source->losses[i].cause], source->losses[i].n);
    if (target->delivery != to->strings[source->delivery])
        target->delivery = target->delivery_reason = 0;
    if (target->missing_modules == 0)
        target->missing_modules = to->strings[source->missing_modules];
}

static void merge_threads(struct pp_heap_totals *target, const struct pp_heap_totals *source,
                          const struct translation *to)
{
    for (uint32_t i = 0; i < source->n_threads; i++) {
        struct pp_heap_thread thread = source->threads[i];
        thread.name = to->strings[thread.name];
        pp_heap_totals_add_thread(target, &thread);
    }
    pp_heap_totals_add_thread(target, &source->other_threads);
}

static void merge_totals(struct pp_heap_totals *target, const struct pp_heap_totals *source,
                         const struct translation *to)
{
    merge_threads(target, source, to);
    target->is_known = target->is_known && source->is_known;
    target->is_behind = target->is_behind || source->is_behind;
    target->n_allocs = pp_add_values(target->n_allocs, source->n_allocs);
    target->n_reallocs = pp_add_values(target->n_reallocs, source->n_reallocs);
    target->n_frees = pp_add_values(target->n_frees, source->n_frees);
    target->requested_bytes = pp_add_values(target->requested_bytes, source->requested_bytes);
    target->follows_mappings = target->follows_mappings || source->follows_mappings;
    target->n_maps = pp_add_values(target->n_maps, source->n_maps);
    target->mapped_bytes = pp_add_values(target->mapped_bytes, source->mapped_bytes);
    target->n_other_maps = pp_add_values(target->n_other_maps, source->n_other_maps);
    target->other_mapped_bytes =
        pp_add_values(target->other_mapped_bytes, source->other_mapped_bytes);
    target->n_unmaps = pp_add_values(target->n_unmaps, source->n_unmaps);
    target->unmapped_bytes = pp_add_values(target->unmapped_bytes, source->unmapped_bytes);
    target->counts_usable = target->counts_usable && source->counts_usable;
    target->usable_allocated_bytes =
        pp_add_values(target->usable_allocated_bytes, source->usable_allocated_bytes);
    target->usable_freed_bytes =
        pp_add_values(target->usable_freed_bytes, source->usable_freed_bytes);
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
        adopt(target, source, &to);
    } else {
        has_slices = join_time(target, source, &first_slice);
        merge_quality(&target->quality, &source->quality, &to);
        merge_totals(&target->heap, &source->heap, &to);
        /* Of two processes, or of two moments: their sum says nothing. */
        target->memory = (struct pp_heap_memory){.allocator = 0};
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
