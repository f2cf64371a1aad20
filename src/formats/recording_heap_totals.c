/* What a recording's heap counts exactly. */
#include "formats/recording_heap_totals.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "formats/recording_facts.h"
#include "profile/tables.h"
#include "profile/top.h"

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static uint64_t less(uint64_t all, uint64_t part)
{
    return all > part ? all - part : 0;
}

static int64_t bounded(uint64_t number)
{
    return number > INT64_MAX ? INT64_MAX : (int64_t)number;
}

/* ---- counters ---- */

static struct pp_heap_counters load_all(const struct pp_rec_heap *heap)
{
    return (struct pp_heap_counters){
        .n_allocs = load(&heap->n_allocs),
        .n_reallocs = load(&heap->n_reallocs),
        .n_frees = load(&heap->n_frees),
        .requested_bytes = load(&heap->requested_bytes),
        .usable_allocated_bytes = load(&heap->usable_allocated_bytes),
        .usable_freed_bytes = load(&heap->usable_freed_bytes),
    };
}

static struct pp_heap_counters load_thread(const struct pp_rec_thread *thread)
{
    return (struct pp_heap_counters){
        .n_allocs = load(&thread->n_allocs),
        .n_reallocs = load(&thread->n_reallocs),
        .n_frees = load(&thread->n_frees),
        .requested_bytes = load(&thread->requested_bytes),
        .usable_allocated_bytes = load(&thread->usable_allocated_bytes),
        .usable_freed_bytes = load(&thread->usable_freed_bytes),
    };
}

static struct pp_heap_counters difference(struct pp_heap_counters all, struct pp_heap_counters part)
{
    return (struct pp_heap_counters){
        .n_allocs = less(all.n_allocs, part.n_allocs),
        .n_reallocs = less(all.n_reallocs, part.n_reallocs),
        .n_frees = less(all.n_frees, part.n_frees),
        .requested_bytes = less(all.requested_bytes, part.requested_bytes),
        .usable_allocated_bytes = less(all.usable_allocated_bytes, part.usable_allocated_bytes),
        .usable_freed_bytes = less(all.usable_freed_bytes, part.usable_freed_bytes),
    };
}

static bool is_nothing(const struct pp_heap_counters *counters)
{
    return counters->n_allocs == 0 && counters->n_reallocs == 0 && counters->n_frees == 0 &&
           counters->requested_bytes == 0;
}

static struct pp_heap_mapping_sums load_mappings(const struct pp_rec_mappings *sums)
{
    return (struct pp_heap_mapping_sums){
        .n_maps = load(&sums->n_maps),
        .mapped_bytes = load(&sums->mapped_bytes),
        .n_others = load(&sums->n_others),
        .other_bytes = load(&sums->other_bytes),
        .n_unmaps = load(&sums->n_unmaps),
        .unmapped_bytes = load(&sums->unmapped_bytes),
    };
}

int pp_recorded_totals_mark(const struct pp_recording_reader *reader, struct pp_heap_mark *mark)
{
    const struct pp_rec_thread *thread;
    uint32_t n = 0;

    mark->all = load_all(&pp_recording_header(reader)->heap);
    mark->mappings = load_mappings(&pp_recording_header(reader)->heap.mappings);
    while (pp_recording_thread(reader, n) != NULL)
        n++;
    mark->threads = calloc(n + 1UL, sizeof *mark->threads);
    if (mark->threads == NULL)
        return -ENOMEM;
    for (; (thread = pp_recording_thread(reader, mark->n_threads)) != NULL; mark->n_threads++)
        mark->threads[mark->n_threads] = load_thread(thread);
    return 0;
}

/* ---- mappings ---- */

static void add_mappings(struct pp_heap_totals *totals, const struct pp_rec_mappings *recorded,
                         const struct pp_heap_mapping_sums *from)
{
    const struct pp_heap_mapping_sums now = load_mappings(recorded);
    const struct {
        int64_t *sum;
        uint64_t now, from;
    } all[] = {
        {&totals->n_maps, now.n_maps, from->n_maps},
        {&totals->mapped_bytes, now.mapped_bytes, from->mapped_bytes},
        {&totals->n_other_maps, now.n_others, from->n_others},
        {&totals->other_mapped_bytes, now.other_bytes, from->other_bytes},
        {&totals->n_unmaps, now.n_unmaps, from->n_unmaps},
        {&totals->unmapped_bytes, now.unmapped_bytes, from->unmapped_bytes},
    };

    totals->follows_mappings = totals->follows_mappings || load(&recorded->are_followed) != 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        *all[i].sum = pp_add_values(*all[i].sum, bounded(less(all[i].now, all[i].from)));
}

/* ---- threads ---- */

static struct pp_heap_thread thread_of(struct pp_heap_counters counters)
{
    return (struct pp_heap_thread){
        .n_allocs = bounded(counters.n_allocs),
        .n_reallocs = bounded(counters.n_reallocs),
        .n_frees = bounded(counters.n_frees),
        .requested_bytes = bounded(counters.requested_bytes),
        .usable_allocated_bytes = bounded(counters.usable_allocated_bytes),
        .usable_freed_bytes = bounded(counters.usable_freed_bytes),
    };
}

/* What no thread of the recording's has counted of 'left' goes to the others: those that came
 * without a place in it, and what was counted between the helper's look at the one and the other.
 */
static void add_threads(struct pprofc_profile *profile, const struct pp_recording_reader *reader,
                        const struct pp_heap_mark *since, struct pp_heap_counters left)
{
    static const struct pp_heap_counters nothing;
    const struct pp_rec_thread *thread;
    struct pp_heap_thread one;

    for (uint32_t i = 0; (thread = pp_recording_thread(reader, i)) != NULL; i++) {
        const struct pp_heap_counters counters =
            difference(load_thread(thread),
                       since != NULL && i < since->n_threads ? since->threads[i] : nothing);
        if (is_nothing(&counters))
            continue;
        left = difference(left, counters);
        one = thread_of(counters);
        one.who.name =
            pp_profile_string(profile, thread->name, strnlen(thread->name, sizeof thread->name));
        one.who.id = (int64_t)atomic_load_explicit(&thread->tid, memory_order_relaxed);
        one.who.n_threads = 1;
        pp_heap_totals_add_thread(&profile->heap, &one);
    }
    one = thread_of(left);
    pp_heap_totals_add_thread(&profile->heap, &one);
}

/* ---- all of it ---- */

static void state_ghosts(struct pprofc_profile *profile, const struct pp_rec_header *head)
{
    const uint64_t n_ghosts = load(&head->heap.n_ghosts);
    char count[PP_NUMBER_TEXT_BYTES];

    if (n_ghosts > 0)
        pp_profile_comment(profile,
                           "%s sampled objects were freed where nobody saw it: they counted as in "
                           "use until their address came again",
                           pp_count_text(bounded(n_ghosts), count));
}

static bool counts_usable(const struct pp_rec_header *head)
{
    return (atomic_load_explicit(&head->heap.options, memory_order_relaxed) &
            PP_HEAP_COUNTS_USABLE) != 0;
}

void pp_recorded_totals_add(struct pprofc_profile *profile,
                            const struct pp_recording_reader *reader,
                            const struct pp_heap_mark *since)
{
    static const struct pp_heap_mark start;
    const struct pp_heap_mark *from = since != NULL ? since : &start;
    const struct pp_rec_header *head = pp_recording_header(reader);
    const struct pp_heap_counters counters = difference(load_all(&head->heap), from->all);
    struct pp_heap_totals *totals = &profile->heap;

    totals->counts_usable = (!totals->is_known || totals->counts_usable) && counts_usable(head);
    totals->is_known = true;
    totals->n_allocs = pp_add_values(totals->n_allocs, bounded(counters.n_allocs));
    totals->n_reallocs = pp_add_values(totals->n_reallocs, bounded(counters.n_reallocs));
    totals->n_frees = pp_add_values(totals->n_frees, bounded(counters.n_frees));
    totals->requested_bytes =
        pp_add_values(totals->requested_bytes, bounded(counters.requested_bytes));
    totals->usable_allocated_bytes =
        pp_add_values(totals->usable_allocated_bytes, bounded(counters.usable_allocated_bytes));
    totals->usable_freed_bytes =
        pp_add_values(totals->usable_freed_bytes, bounded(counters.usable_freed_bytes));
    add_mappings(totals, &head->heap.mappings, &from->mappings);
    add_threads(profile, reader, since, counters);
    for (int cause = PP_LOSS_HEAP_OBJECT; cause <= PP_LOSS_HEAP_STACK; cause++)
        pp_recorded_loss_add(profile, cause, less(load(&head->losses[cause]), from->losses[cause]));
    state_ghosts(profile, head);
}

/* ---- the allocator ---- */

/* What it is compared with, where the recording has it. */
static void load_live(const struct pp_rec_heap *heap, struct pp_heap_memory *memory)
{
    const uint32_t n_samples = atomic_load_explicit(&heap->live_samples, memory_order_relaxed);
    const uint64_t bits = load(&heap->live_variance);
    double variance;

    memory->live_bytes = n_samples == 0 ? -1 : bounded(load(&heap->live_bytes));
    memory->live_error_bytes = -1;
    memcpy(&variance, &bits, sizeof variance);
    if (n_samples != 0 && load(&heap->interval_bytes) <= 1)
        memory->live_error_bytes = 0;
    else if (n_samples > PP_TOP_FEW_SAMPLES && variance >= 0 && variance < 0x1p124)
        memory->live_error_bytes = (int64_t)(sqrt(variance) + 0.5);
}

bool pp_recorded_memory(const struct pp_rec_header *head, struct pp_heap_memory *memory_out)
{
    const struct pp_rec_heap *heap = &head->heap;
    const uint64_t object_bytes = load(&heap->allocated_bytes);

    if (load(&heap->memory_time_ns) == 0)
        return false;
    *memory_out = (struct pp_heap_memory){
        .object_bytes = object_bytes == UINT64_MAX ? -1 : bounded(object_bytes),
        .held_bytes = bounded(load(&heap->held_bytes)),
        .resident_bytes = bounded(load(&heap->resident_bytes)),
        .retained_bytes = bounded(load(&heap->retained_bytes)),
        .tables_bytes = bounded(load(&heap->tables_bytes)),
    };
    load_live(heap, memory_out);
    return true;
}

void pp_recorded_memory_take(struct pprofc_profile *profile, const struct pp_rec_header *last)
{
    static const char *const allocators[] = {[PP_ALLOCATOR_GLIBC] = "glibc",
                                             [PP_ALLOCATOR_JEMALLOC] = "jemalloc",
                                             [PP_ALLOCATOR_TCMALLOC] = "tcmalloc",
                                             [PP_ALLOCATOR_MIMALLOC] = "mimalloc"};
    const uint32_t allocator = atomic_load_explicit(&last->heap.allocator, memory_order_relaxed);

    if (allocator != PP_ALLOCATOR_UNKNOWN && allocator <= PP_ALLOCATOR_MIMALLOC &&
        pp_recorded_memory(last, &profile->memory))
        profile->memory.allocator = pp_profile_text(profile, allocators[allocator]);
}
