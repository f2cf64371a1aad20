/* Adding to what is known of a profile as a whole that of another: command, quality, the totals of
 * heap and waits. */
#include "profile/merge_facts.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "profile/tables.h"

static const char AND_OTHERS[] = ", and others";

static struct pp_wait_totals translated_waits(const struct pp_wait_totals *source,
                                              const pp_id *strings)
{
    struct pp_wait_totals waits = *source;

    for (uint32_t i = 0; i < waits.n_threads; i++)
        waits.threads[i].who.name = strings[waits.threads[i].who.name];
    waits.other_threads.who.name = strings[waits.other_threads.who.name];
    return waits;
}

void pp_profile_adopt_facts(struct pprofc_profile *target, const struct pprofc_profile *source,
                            const pp_id *strings)
{
    for (uint32_t i = 0; i < source->n_types; i++) {
        target->types[i].type = strings[source->types[i].type];
        target->types[i].unit = strings[source->types[i].unit];
    }
    target->n_types = source->n_types;
    target->default_type = source->default_type;
    target->slice_ns = source->slice_ns;
    target->time_ns = source->time_ns;
    target->period_type.type = strings[source->period_type.type];
    target->period_type.unit = strings[source->period_type.unit];
    target->drop_frames = strings[source->drop_frames];
    target->keep_frames = strings[source->keep_frames];
    target->command = strings[source->command];
    target->kind = strings[source->kind];
    target->heap = source->heap;
    for (uint32_t i = 0; i < source->heap.n_threads; i++)
        target->heap.threads[i].who.name = strings[source->heap.threads[i].who.name];
    target->heap.other_threads.who.name = strings[source->heap.other_threads.who.name];
    target->waits = translated_waits(&source->waits, strings);
    target->memory = source->memory;
    target->memory.allocator = strings[source->memory.allocator];
    target->quality = source->quality;
    target->quality.delivery = strings[source->quality.delivery];
    target->quality.delivery_reason = strings[source->quality.delivery_reason];
    target->quality.missing_modules = strings[source->quality.missing_modules];
    for (uint32_t i = 0; i < source->quality.n_losses; i++)
        target->quality.losses[i].cause = strings[source->quality.losses[i].cause];
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
                          const pp_id *strings)
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
        add_loss(target, strings[source->losses[i].cause], source->losses[i].n);
    if (target->delivery != strings[source->delivery])
        target->delivery = target->delivery_reason = 0;
    if (target->missing_modules == 0)
        target->missing_modules = strings[source->missing_modules];
}

static void merge_threads(struct pp_heap_totals *target, const struct pp_heap_totals *source,
                          const pp_id *strings)
{
    for (uint32_t i = 0; i < source->n_threads; i++) {
        struct pp_heap_thread thread = source->threads[i];
        thread.who.name = strings[thread.who.name];
        pp_heap_totals_add_thread(target, &thread);
    }
    pp_heap_totals_add_thread(target, &source->other_threads);
}

static void merge_totals(struct pp_heap_totals *target, const struct pp_heap_totals *source,
                         const pp_id *strings)
{
    merge_threads(target, source, strings);
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

/* One name for all that are in it. */
static void merge_command(struct pprofc_profile *target, pp_id command)
{
    const char *first = pp_profile_chars(target, target->command);
    const size_t n_first = strlen(first), n_end = sizeof AND_OTHERS - 1;
    pp_autofree char *text = NULL;

    if (target->command == 0)
        target->command = command;
    if (command == 0 || target->command == command ||
        (n_first > n_end && strcmp(first + n_first - n_end, AND_OTHERS) == 0))
        return;
    if (asprintf(&text, "%s%s", first, AND_OTHERS) < 0) {
        text = NULL;
        target->tables->failed = true;
        return;
    }
    target->command = pp_profile_text(target, text);
}

void pp_profile_merge_facts(struct pprofc_profile *target, const struct pprofc_profile *source,
                            const pp_id *strings)
{
    const struct pp_wait_totals waits = translated_waits(&source->waits, strings);

    merge_command(target, strings[source->command]);
    merge_quality(&target->quality, &source->quality, strings);
    merge_totals(&target->heap, &source->heap, strings);
    pp_wait_totals_add(&target->waits, &waits);
    /* Of two processes, or of two moments: their sum says nothing. */
    target->memory = (struct pp_heap_memory){.allocator = 0};
}
