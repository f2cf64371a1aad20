/* What a heap profile says of the whole heap. */
#include "views/heap_facts.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/numbers.h"
#include "profile/fragmentation.h"
#include "profile/tables.h"
#include "profile/top.h"
#include "views/lifetime_facts.h"
#include "views/thread_name.h"

enum { MAX_SHOWN_THREADS = 5 };

const char *pp_error_text(const struct pp_estimate *estimate, const char *unit,
                          char text[PP_ERROR_TEXT_BYTES])
{
    const double error = pp_top_error(estimate);
    char number[PP_NUMBER_TEXT_BYTES];

    if (estimate->n_sampled <= 0)
        (void)snprintf(text, PP_ERROR_TEXT_BYTES, "%s", "");
    else if (error < 0)
        (void)snprintf(text, PP_ERROR_TEXT_BYTES, "few");
    else
        (void)snprintf(
            text, PP_ERROR_TEXT_BYTES, "± %s",
            pp_value_text(error < 9e18 ? (int64_t)(error + 0.5) : INT64_MAX, unit, number));
    return text;
}

struct pp_heap_value pp_heap_value(const struct pprofc_profile *profile, const char *type)
{
    struct pp_heap_value sum = {.is_known = false};

    for (uint32_t i = 0; i < profile->n_types; i++) {
        if (strcmp(pp_profile_chars(profile, profile->types[i].type), type) != 0)
            continue;
        sum.is_known = true;
        sum.value = pp_profile_total(profile, i);
        sum.estimate = pp_profile_total_estimate(profile, i);
        break;
    }
    return sum;
}

void pp_heap_value_append(struct pp_buffer *out, const struct pp_heap_value *value)
{
    char number[PP_NUMBER_TEXT_BYTES], error[PP_ERROR_TEXT_BYTES];

    pp_buffer_text(out, pp_bytes_text((double)value->value, number));
    (void)pp_error_text(&value->estimate, "bytes", error);
    if (strcmp(error, "few") == 0)
        pp_buffer_printf(out, " (fewer than %d samples)", PP_TOP_FEW_SAMPLES);
    else if (error[0] != '\0')
        pp_buffer_printf(out, " %s", error);
}

static void put_totals(const struct pp_heap_totals *totals, struct pp_buffer *out)
{
    char allocs[PP_NUMBER_TEXT_BYTES], reallocs[PP_NUMBER_TEXT_BYTES], frees[PP_NUMBER_TEXT_BYTES],
        bytes[PP_NUMBER_TEXT_BYTES];

    pp_buffer_printf(
        out, "%s %s allocation%s, %s reallocation%s, %s free%s, %s asked for\n",
        totals->is_behind ? "At least" : "Exactly ", pp_count_text(totals->n_allocs, allocs),
        totals->n_allocs == 1 ? "" : "s", pp_count_text(totals->n_reallocs, reallocs),
        totals->n_reallocs == 1 ? "" : "s", pp_count_text(totals->n_frees, frees),
        totals->n_frees == 1 ? "" : "s", pp_bytes_text((double)totals->requested_bytes, bytes));
}

static bool is_mapped(const struct pprofc_profile *profile, pp_id set)
{
    const struct pp_label_set *labels = &profile->label_sets[set];

    for (uint32_t i = 0; i < labels->n_labels; i++) {
        const struct pp_label *label = &profile->labels[labels->first + i];
        if (strcmp(pp_profile_chars(profile, label->key), PP_LABEL_ALLOCATOR) == 0)
            return strcmp(pp_profile_chars(profile, label->text), PP_ALLOCATOR_IS_MMAP) == 0;
    }
    return false;
}

/* Of the memory in use, what the program mapped by itself. */
static struct pp_heap_value mapped_in_use(const struct pprofc_profile *profile)
{
    const int type = pp_profile_find_type(profile, "inuse_space", NULL);
    struct pp_heap_value sum = {.is_known = type >= 0};

    for (uint32_t i = 0; i < profile->n_samples && type >= 0; i++) {
        const struct pp_estimate *estimate = pp_profile_estimate(profile, i, (uint32_t)type);
        if (!is_mapped(profile, profile->sample_labels[i]))
            continue;
        sum.value = pp_add_values(
            sum.value, profile->sample_values[(size_t)i * profile->n_types + (uint32_t)type]);
        if (estimate != NULL) {
            sum.estimate.variance += estimate->variance;
            sum.estimate.n_sampled += estimate->n_sampled;
        }
    }
    return sum;
}

static void put_mappings(const struct pprofc_profile *profile, struct pp_buffer *out)
{
    const struct pp_heap_totals *totals = &profile->heap;
    const struct pp_heap_value in_use = mapped_in_use(profile);
    char maps[PP_NUMBER_TEXT_BYTES], mapped[PP_NUMBER_TEXT_BYTES], unmaps[PP_NUMBER_TEXT_BYTES],
        unmapped[PP_NUMBER_TEXT_BYTES];

    pp_buffer_text(out, "Mapped   ");
    pp_heap_value_append(out, &in_use);
    pp_buffer_printf(out, " of what is in use; %s %s map%s of %s, %s unmap%s of %s\n",
                     totals->is_behind ? "at least" : "exactly",
                     pp_count_text(totals->n_maps, maps), totals->n_maps == 1 ? "" : "s",
                     pp_bytes_text((double)totals->mapped_bytes, mapped),
                     pp_count_text(totals->n_unmaps, unmaps), totals->n_unmaps == 1 ? "" : "s",
                     pp_bytes_text((double)totals->unmapped_bytes, unmapped));
}

void pp_heap_usable_append(struct pp_buffer *out, int64_t allocated, int64_t freed)
{
    char taken[PP_NUMBER_TEXT_BYTES], given[PP_NUMBER_TEXT_BYTES], net[PP_NUMBER_TEXT_BYTES];

    pp_buffer_printf(out, "%s usable allocated, %s freed, %s net",
                     pp_bytes_text((double)allocated, taken), pp_bytes_text((double)freed, given),
                     pp_bytes_text((double)(allocated - freed), net));
}

uint32_t pp_heap_threads_pick(const struct pp_heap_totals *totals, uint32_t n_wanted,
                              struct pp_heap_thread *threads_out)
{
    struct pp_heap_totals rest = {.other_threads = totals->other_threads};
    const uint32_t n = totals->n_threads < n_wanted ? totals->n_threads : n_wanted;

    for (uint32_t i = 0; i < n; i++)
        threads_out[i] = totals->threads[i];
    for (uint32_t i = n; i < totals->n_threads; i++) {
        struct pp_heap_thread other = totals->threads[i];
        other.who.id = 0;
        pp_heap_totals_add_thread(&rest, &other);
    }
    if (pp_heap_thread_is_idle(&rest.other_threads))
        return n;
    threads_out[n] = rest.other_threads;
    return n + 1;
}

/* Who asked for most; of a single thread nothing is to be said. */
static void put_threads(const struct pprofc_profile *profile, struct pp_buffer *out)
{
    struct pp_heap_thread threads[MAX_SHOWN_THREADS + 1];
    const uint32_t n = pp_heap_threads_pick(&profile->heap, MAX_SHOWN_THREADS, threads);
    char bytes[PP_NUMBER_TEXT_BYTES], allocs[PP_NUMBER_TEXT_BYTES], frees[PP_NUMBER_TEXT_BYTES];

    for (uint32_t i = 0; i < n && profile->heap.n_threads > 1; i++) {
        pp_buffer_text(out, i == 0 ? "Threads  " : "         ");
        pp_thread_name_append(out, profile, &threads[i].who);
        pp_buffer_printf(
            out, ": %s in %s allocation%s, %s free%s",
            pp_bytes_text((double)threads[i].requested_bytes, bytes),
            pp_count_text(threads[i].n_allocs, allocs), threads[i].n_allocs == 1 ? "" : "s",
            pp_count_text(threads[i].n_frees, frees), threads[i].n_frees == 1 ? "" : "s");
        if (profile->heap.counts_usable) {
            pp_buffer_text(out, "; ");
            pp_heap_usable_append(out, threads[i].usable_allocated_bytes,
                                  threads[i].usable_freed_bytes);
        }
        pp_buffer_text(out, "\n");
    }
}

/* What the allocator's objects are larger by than what the program asked for; of few samples no
 * word. */
static void put_rounding(const struct pp_fragmentation *found, struct pp_buffer *out)
{
    char rounding[PP_NUMBER_TEXT_BYTES], error[PP_NUMBER_TEXT_BYTES];

    if (found->internal < 0 || found->internal_error < 0)
        return;
    pp_buffer_printf(out, " (rounding %s", pp_bytes_text((double)found->internal, rounding));
    if (found->internal_error > 0)
        pp_buffer_printf(out, " ± %s", pp_bytes_text((double)found->internal_error, error));
    pp_buffer_text(out, ")");
}

bool pp_heap_memory_append(struct pp_buffer *out, const struct pprofc_profile *profile)
{
    const struct pp_heap_memory *memory = &profile->memory;
    char objects[PP_NUMBER_TEXT_BYTES], resident[PP_NUMBER_TEXT_BYTES],
        retained[PP_NUMBER_TEXT_BYTES];
    struct pp_fragmentation found;

    if (memory->allocator == 0 || !pp_fragmentation_make(memory, &found))
        return false;
    pp_buffer_printf(out, "%s: %s in objects", pp_profile_chars(profile, memory->allocator),
                     pp_bytes_text((double)found.in_objects, objects));
    put_rounding(&found, out);
    pp_buffer_printf(out, " of %s in memory, %.1f %% of it free between them",
                     pp_bytes_text((double)memory->resident_bytes, resident), 100 * found.ratio);
    if (found.retained > 0)
        pp_buffer_printf(out, "; %s given back", pp_bytes_text((double)found.retained, retained));
    if (found.is_high)
        pp_buffer_text(out, ": fragmented, not leaking");
    return found.is_high;
}

/* What following objects takes. */
static void put_cost(const struct pp_heap_memory *memory, struct pp_buffer *out)
{
    char tables[PP_NUMBER_TEXT_BYTES];

    pp_buffer_printf(out, "Tables   %s of the profiler's own\n",
                     pp_bytes_text((double)memory->tables_bytes, tables));
}

static void put_lifetimes(const struct pprofc_profile *profile, struct pp_buffer *out)
{
    pp_autobuffer struct pp_buffer line = PP_BUFFER_INIT;

    if (pp_lifetime_facts_append(&line, profile) && !line.failed)
        pp_buffer_printf(out, "Lives    %s\n", line.bytes);
}

static void put_all_totals(const struct pprofc_profile *profile, struct pp_buffer *out)
{
    const struct pp_heap_totals *totals = &profile->heap;

    put_totals(totals, out);
    if (totals->counts_usable) {
        pp_buffer_text(out, totals->is_behind ? "At least " : "Exactly  ");
        pp_heap_usable_append(out, totals->usable_allocated_bytes, totals->usable_freed_bytes);
        pp_buffer_text(out, "\n");
    }
    put_threads(profile, out);
}

void pp_heap_facts_write(const struct pprofc_profile *profile, struct pp_buffer *out)
{
    const struct pp_heap_value in_use = pp_heap_value(profile, "inuse_space");
    const struct pp_heap_value allocated = pp_heap_value(profile, "alloc_space");
    char interval[PP_NUMBER_TEXT_BYTES];

    if (!in_use.is_known || !allocated.is_known)
        return;
    pp_buffer_text(out, "Heap     ");
    pp_heap_value_append(out, &in_use);
    pp_buffer_text(out, " in use, ");
    pp_heap_value_append(out, &allocated);
    if (profile->period > 1)
        pp_buffer_printf(out, " allocated; one sample in %s on average\n",
                         pp_bytes_text((double)profile->period, interval));
    else
        pp_buffer_text(out, " allocated; every allocation\n");
    if (profile->heap.is_known && !(profile->heap.is_behind && profile->heap.n_allocs == 0))
        put_all_totals(profile, out);
    if (profile->heap.follows_mappings)
        put_mappings(profile, out);
    put_lifetimes(profile, out);
    if (profile->memory.allocator != 0) {
        pp_buffer_text(out, "Memory   ");
        (void)pp_heap_memory_append(out, profile);
        pp_buffer_text(out, "\n");
    }
    if (profile->memory.tables_bytes > 0)
        put_cost(&profile->memory, out);
}
