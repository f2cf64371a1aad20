/* From a recording's heap to a profile.
 *
 * The counters of a living process are read one after the other while it goes on: what is in use is
 * the difference of two that are not of the same moment, and never less than nothing. */
#include "formats/recording_heap.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/numbers.h"
#include "formats/recording_facts.h"
#include "formats/recording_stacks.h"
#include "profile/tables.h"
#include "profile/top.h"

enum { ALLOC_OBJECTS, ALLOC_SPACE, INUSE_OBJECTS, INUSE_SPACE, N_TYPES };

/* One profile at work. */
struct maker {
    struct pprofc_profile *profile;
    const struct pp_recording_profile_options *options; /* may be NULL */
    struct pprofc_error *err;
    const struct pp_rec_header *head;
    struct pp_recorded_stacks stacks;
    bool has_in_use; /* the recording is the process's last */
};

/* ---- sums ---- */

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* A recording may hold any bits. */
static double load_variance(const _Atomic uint64_t *bits)
{
    const uint64_t loaded = load(bits);
    double number;

    memcpy(&number, &loaded, sizeof number);
    return isfinite(number) && number > 0 ? number : 0;
}

static struct pp_heap_sums load_sums(const struct pp_rec_heap_sums *sums)
{
    return (struct pp_heap_sums){
        .n_samples = load(&sums->n_samples),
        .bytes = load(&sums->bytes),
        .excess = load(&sums->excess),
        .bytes_variance = load_variance(&sums->bytes_variance),
        .count_variance = load_variance(&sums->count_variance),
    };
}

static uint64_t less(uint64_t all, uint64_t part)
{
    return all > part ? all - part : 0;
}

static struct pp_heap_sums difference(struct pp_heap_sums all, struct pp_heap_sums part)
{
    return (struct pp_heap_sums){
        .n_samples = less(all.n_samples, part.n_samples),
        .bytes = less(all.bytes, part.bytes),
        .excess = less(all.excess, part.excess),
        .bytes_variance = fmax(all.bytes_variance - part.bytes_variance, 0),
        .count_variance = fmax(all.count_variance - part.count_variance, 0),
    };
}

static int64_t bounded(uint64_t number)
{
    return number > INT64_MAX ? INT64_MAX : (int64_t)number;
}

static int64_t objects_of(const struct pp_heap_sums *sums)
{
    return pp_add_values(bounded(sums->n_samples), bounded((sums->excess + 512) / 1024));
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

/* ---- marks ---- */

int pp_heap_mark_take(const struct pp_recording_reader *reader, struct pp_heap_mark *mark_out)
{
    const struct pp_rec_header *head = pp_recording_header(reader);
    const struct pp_rec_site *site;
    uint32_t n = 0;

    *mark_out = (struct pp_heap_mark){
        .time_ns = pp_recorded_end_ns(head),
        .n_allocs = load(&head->heap.n_allocs),
        .n_reallocs = load(&head->heap.n_reallocs),
        .n_frees = load(&head->heap.n_frees),
        .requested_bytes = load(&head->heap.requested_bytes),
        .mappings = load_mappings(&head->heap.mappings),
    };
    for (int cause = 0; cause < PP_LOSS_COUNT; cause++)
        mark_out->losses[cause] = load(&head->losses[cause]);
    while (pp_recording_site(reader, n) != NULL)
        n++;
    mark_out->sites = calloc(n + 1UL, sizeof *mark_out->sites);
    if (mark_out->sites == NULL)
        return -ENOMEM;
    for (; (site = pp_recording_site(reader, mark_out->n_sites)) != NULL; mark_out->n_sites++)
        mark_out->sites[mark_out->n_sites] =
            (struct pp_heap_site){load_sums(&site->allocated), load_sums(&site->freed)};
    return 0;
}

void pp_heap_mark_done(struct pp_heap_mark *mark)
{
    free(mark->sites);
    *mark = (struct pp_heap_mark){.sites = NULL};
}

/* ---- one site ---- */

/* What a row is made of. */
struct row {
    int64_t values[N_TYPES];
    struct pp_estimate estimates[N_TYPES];
};

static void set_pair(struct row *row, int objects, const struct pp_heap_sums *sums)
{
    row->values[objects] = objects_of(sums);
    row->values[objects + 1] = bounded(sums->bytes);
    row->estimates[objects] = (struct pp_estimate){sums->count_variance, (double)sums->n_samples};
    row->estimates[objects + 1] =
        (struct pp_estimate){sums->bytes_variance, (double)sums->n_samples};
}

/* In use at the end less in use at the begin.  An object that was in use all the time is in both
 * and adds no doubt; the others are among those of the two moments, and among those that came or
 * went: the smaller of the two bounds holds. */
static void set_growth(struct row *row, const struct pp_heap_site *now,
                       const struct pp_heap_site *before)
{
    const struct pp_heap_sums in_use[2] = {difference(now->allocated, now->freed),
                                           difference(before->allocated, before->freed)};
    const struct pp_heap_sums came = difference(now->allocated, before->allocated);
    const struct pp_heap_sums went = difference(now->freed, before->freed);

    row->values[INUSE_OBJECTS] = objects_of(&in_use[0]) - objects_of(&in_use[1]);
    row->values[INUSE_SPACE] = bounded(in_use[0].bytes) - bounded(in_use[1].bytes);
    row->estimates[INUSE_OBJECTS] =
        (struct pp_estimate){fmin(in_use[0].count_variance + in_use[1].count_variance,
                                  came.count_variance + went.count_variance),
                             (double)(came.n_samples + went.n_samples)};
    row->estimates[INUSE_SPACE] =
        (struct pp_estimate){fmin(in_use[0].bytes_variance + in_use[1].bytes_variance,
                                  came.bytes_variance + went.bytes_variance),
                             row->estimates[INUSE_OBJECTS].n_sampled};
}

/* What was in use at the peak.  Its variance is not kept: as large as the mean size has it. */
static struct pp_heap_sums at_peak(const struct pp_rec_header *head, const struct pp_rec_site *site,
                                   struct pp_heap_sums in_use)
{
    const double interval = (double)load(&head->heap.interval_bytes);
    double probability = 1, n_objects;

    if (load(&site->peak_mark) != load(&head->heap.peak_mark))
        return in_use;
    in_use = (struct pp_heap_sums){.n_samples = load(&site->peak_samples),
                                   .bytes = load(&site->peak_bytes),
                                   .excess = load(&site->peak_excess)};
    n_objects = (double)objects_of(&in_use);
    if (interval > 1 && n_objects > 0 && in_use.bytes > 0)
        probability = -expm1(-((double)in_use.bytes / n_objects) / interval);
    in_use.count_variance = n_objects * (1 / probability - 1);
    in_use.bytes_variance = n_objects <= 0
                                ? 0
                                : in_use.count_variance * ((double)in_use.bytes / n_objects) *
                                      ((double)in_use.bytes / n_objects);
    return in_use;
}

static void set_row(const struct maker *maker, const struct pp_rec_site *site, uint32_t index,
                    struct row *row)
{
    static const struct pp_heap_site nothing;
    const struct pp_heap_site now = {load_sums(&site->allocated), load_sums(&site->freed)};
    const struct pp_heap_mark *since = maker->options != NULL ? maker->options->heap_since : NULL;
    struct pp_heap_sums sums;

    *row = (struct row){.values = {0}};
    if (since != NULL) {
        const struct pp_heap_site *before =
            index < since->n_sites ? &since->sites[index] : &nothing;
        sums = difference(now.allocated, before->allocated);
        set_pair(row, ALLOC_OBJECTS, &sums);
        if (!maker->options->has_whole_in_use) {
            set_growth(row, &now, before);
            return;
        }
    } else {
        set_pair(row, ALLOC_OBJECTS, &now.allocated);
    }
    if (!maker->has_in_use)
        return;
    sums = difference(now.allocated, now.freed);
    if (maker->options != NULL && maker->options->is_at_peak)
        sums = at_peak(maker->head, site, sums);
    set_pair(row, INUSE_OBJECTS, &sums);
}

static bool is_empty(const struct row *row)
{
    for (int type = 0; type < N_TYPES; type++)
        if (row->values[type] != 0)
            return false;
    return true;
}

/* When the site was seen, as far as that is known: libraries may have changed places since. */
static uint64_t time_of(const struct maker *maker, const struct pp_rec_site *site)
{
    const uint64_t birth_ns = load(&site->oldest_birth_ns);

    return birth_ns != 0 ? birth_ns : pp_recorded_end_ns(maker->head);
}

/* Where mappings were followed: whose memory it is, so that tools can tell the two apart. */
static pp_id labels_of(const struct maker *maker, const struct pp_rec_site *site)
{
    struct pp_label label = {.key = 0};

    if (load(&maker->head->heap.mappings.are_followed) == 0)
        return 0;
    label.key = pp_profile_text(maker->profile, PP_LABEL_ALLOCATOR);
    label.text = pp_profile_text(maker->profile, (site->flags & PP_EVENT_MAPPED) != 0
                                                     ? PP_ALLOCATOR_IS_MMAP
                                                     : PP_ALLOCATOR_IS_MALLOC);
    return pp_profile_label_set(maker->profile, &label, 1);
}

static int add_site(struct maker *maker, const struct pp_recording_reader *reader, uint32_t index)
{
    const struct pp_rec_site *site = pp_recording_site(reader, index);
    struct pp_quality *quality = &maker->profile->quality;
    const struct pp_recorded_stack *stack = NULL;
    struct pp_recorded_walk walk = {.key = index};
    int64_t n_samples;
    struct row row;
    int status;

    if (load(&site->hash) == 0)
        return 0;
    set_row(maker, site, index, &row);
    if (is_empty(&row))
        return 0;
    walk.pcs = pp_recording_site_frames(reader, site, &walk.n_frames);
    if (walk.pcs == NULL)
        return pp_fail(maker->err, -EBADMSG, 0, "the recording is damaged: a stack is missing");
    walk.time_ns = time_of(maker, site);
    walk.is_truncated = (site->flags & PP_EVENT_TRUNCATED) != 0;
    status = pp_recorded_stacks_find(&maker->stacks, &walk, &stack, maker->err);
    if (status != 0)
        return status;
    n_samples = (int64_t)fmin(row.estimates[ALLOC_OBJECTS].n_sampled, 0x1p62);
    quality->n_samples = pp_add_values(quality->n_samples, n_samples);
    if (walk.is_truncated)
        quality->n_truncated = pp_add_values(quality->n_truncated, n_samples);
    if (!stack->is_named)
        quality->n_unsymbolised = pp_add_values(quality->n_unsymbolised, n_samples);
    pp_profile_add_estimate(maker->profile, stack->node, labels_of(maker, site), 0, row.values,
                            load(&maker->head->heap.interval_bytes) > 1 ? row.estimates : NULL);
    return 0;
}

static int add_recording(struct maker *maker, struct pp_symbolizer *symbolizer,
                         const struct pp_recording_reader *reader)
{
    int status = pp_recorded_stacks_init(&maker->stacks, maker->profile, symbolizer, reader);

    maker->head = pp_recording_header(reader);
    for (uint32_t i = 0; status == 0 && pp_recording_site(reader, i) != NULL; i++)
        status = add_site(maker, reader, i);
    if (status == 0)
        status = pp_recorded_stacks_note_missing(&maker->stacks);
    pp_recorded_stacks_done(&maker->stacks);
    return status == -ENOMEM ? pp_fail(maker->err, status, 0, "no memory for the profile") : status;
}

/* ---- the head ---- */

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

static void add_totals(struct pprofc_profile *profile, const struct pp_rec_header *head,
                       const struct pp_heap_mark *since)
{
    static const struct pp_heap_mark start;
    const struct pp_heap_mark *from = since != NULL ? since : &start;
    struct pp_heap_totals *totals = &profile->heap;
    const struct pp_rec_heap *heap = &head->heap;

    totals->is_known = true;
    totals->n_allocs =
        pp_add_values(totals->n_allocs, bounded(less(load(&heap->n_allocs), from->n_allocs)));
    totals->n_reallocs =
        pp_add_values(totals->n_reallocs, bounded(less(load(&heap->n_reallocs), from->n_reallocs)));
    totals->n_frees =
        pp_add_values(totals->n_frees, bounded(less(load(&heap->n_frees), from->n_frees)));
    totals->requested_bytes =
        pp_add_values(totals->requested_bytes,
                      bounded(less(load(&heap->requested_bytes), from->requested_bytes)));
    add_mappings(totals, &heap->mappings, &from->mappings);
    for (int cause = PP_LOSS_HEAP_OBJECT; cause <= PP_LOSS_HEAP_STACK; cause++)
        pp_recorded_loss_add(profile, cause, less(load(&head->losses[cause]), from->losses[cause]));
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
        .alignment_bytes = bounded(load(&heap->alignment_bytes)),
    };
    return true;
}

/* As of the last recording: what an earlier one's allocator had is gone. */
static void take_memory(struct pprofc_profile *profile, const struct pp_rec_header *head)
{
    static const char *const allocators[] = {[PP_ALLOCATOR_GLIBC] = "glibc",
                                             [PP_ALLOCATOR_JEMALLOC] = "jemalloc",
                                             [PP_ALLOCATOR_TCMALLOC] = "tcmalloc",
                                             [PP_ALLOCATOR_MIMALLOC] = "mimalloc"};
    const uint32_t allocator = atomic_load_explicit(&head->heap.allocator, memory_order_relaxed);

    if (allocator != PP_ALLOCATOR_UNKNOWN && allocator <= PP_ALLOCATOR_MIMALLOC &&
        pp_recorded_memory(head, &profile->memory))
        profile->memory.allocator = pp_profile_text(profile, allocators[allocator]);
}

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

static void fill_head(struct pprofc_profile *profile, struct pp_recording_reader *const *readers,
                      size_t n_readers, const struct pp_recording_profile_options *options)
{
    const struct pp_heap_mark *since = options != NULL ? options->heap_since : NULL;
    const struct pp_rec_header *last = pp_recording_header(readers[n_readers - 1]);
    const uint64_t interval_bytes = load(&last->heap.interval_bytes);

    (void)pp_profile_add_type(profile, "alloc_objects", "count");
    (void)pp_profile_add_type(profile, "alloc_space", "bytes");
    (void)pp_profile_add_type(profile, "inuse_objects", "count");
    profile->default_type = (uint32_t)pp_profile_add_type(profile, "inuse_space", "bytes");
    pp_recorded_origin_set(profile, pp_recording_header(readers[0]));
    profile->kind = pp_profile_text(profile, "heap");
    profile->period_type.type = pp_profile_text(profile, "space");
    profile->period_type.unit = pp_profile_text(profile, "bytes");
    profile->period = interval_bytes > 1 ? bounded(interval_bytes) : 1;
    profile->quality = (struct pp_quality){.is_known = true,
                                           .asked_hz = -1,
                                           .cpu_ns = -1,
                                           .sampled_ns = -1,
                                           .unsampled_ns = -1,
                                           .own_cpu_ns = -1,
                                           .n_throttled = -1,
                                           .throttled_ns = -1,
                                           .children_cpu_ns = -1};
    for (size_t i = 0; i < n_readers; i++) {
        const struct pp_rec_header *head = pp_recording_header(readers[i]);
        const int64_t offset_ns =
            head->start_monotonic_ns - pp_recording_header(readers[0])->start_monotonic_ns;
        const int64_t end_ns =
            pp_add_values(offset_ns > 0 ? offset_ns : 0, bounded(pp_recorded_end_ns(head)));
        add_totals(profile, head, since);
        state_ghosts(profile, head);
        profile->heap.is_behind |=
            atomic_load_explicit(&head->state, memory_order_relaxed) != PP_REC_ENDED &&
            (options == NULL || !options->is_fresh);
        if (end_ns > profile->duration_ns)
            profile->duration_ns = end_ns;
    }
    if (since == NULL)
        take_memory(profile, last);
    if (since != NULL) {
        profile->time_ns = pp_add_values(profile->time_ns, bounded(since->time_ns));
        profile->duration_ns = bounded(less(pp_recorded_end_ns(last), since->time_ns));
    }
}

void pp_recorded_heap_facts(struct pprofc_profile *profile,
                            struct pp_recording_reader *const *readers, size_t n_readers)
{
    fill_head(profile, readers, n_readers, NULL);
}

static int state_peak(const struct maker *maker, const struct pp_rec_header *head)
{
    char size[PP_NUMBER_TEXT_BYTES], time[PP_NUMBER_TEXT_BYTES];

    if (load(&head->heap.peak_mark) == 0)
        return pp_fail(maker->err, -ENODATA, 0,
                       "the recording does not hold the heap's peak; give --heap-peak to pprofc "
                       "run, or set PPROFC_HEAP_PEAK=1");
    pp_profile_comment(maker->profile, "in use is as of the peak: %s in sampled objects after %s",
                       pp_bytes_text((double)load(&head->heap.peak_bytes), size),
                       pp_duration_text((double)load(&head->heap.peak_time_ns), time));
    return 0;
}

static bool tells(const struct pprofc_profile *profile, uint32_t type)
{
    return profile->period > 1
               ? pp_profile_total_estimate(profile, type).n_sampled >= PP_TOP_FEW_SAMPLES
               : pp_profile_total(profile, type) > 0;
}

/* Of a program that is over and has freed all, or all but what a few samples stand for, what it had
 * taken is what there is to see. */
static void choose_type(struct pprofc_profile *profile, const struct pp_rec_header *last)
{
    const uint32_t allocated = (uint32_t)pp_profile_find_type(profile, "alloc_space", NULL);

    if (atomic_load_explicit(&last->state, memory_order_relaxed) == PP_REC_ENDED &&
        !tells(profile, profile->default_type) && tells(profile, allocated))
        profile->default_type = allocated;
}

int pp_recorded_heap_fill(struct pprofc_profile *profile, struct pp_symbolizer *symbolizer,
                          struct pp_recording_reader *const *readers, size_t n_readers,
                          const struct pp_recording_profile_options *options,
                          struct pprofc_error *err)
{
    const struct pp_rec_header *last = pp_recording_header(readers[n_readers - 1]);
    struct maker maker = {.profile = profile, .options = options, .err = err};
    int status = 0;

    fill_head(profile, readers, n_readers, options);
    if (options != NULL && options->is_at_peak)
        status = state_peak(&maker, last);
    for (size_t i = 0; status == 0 && i < n_readers; i++) {
        maker.has_in_use = i + 1 == n_readers;
        status = add_recording(&maker, symbolizer, readers[i]);
    }
    if (status == 0)
        choose_type(profile, last);
    return status;
}
