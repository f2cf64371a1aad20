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
#include "formats/recording_heap_rows.h"
#include "formats/recording_labels.h"
#include "formats/recording_heap_totals.h"
#include "formats/recording_stacks.h"
#include "profile/lifetimes.h"
#include "profile/tables.h"
#include "profile/top.h"

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

/* ---- marks ---- */

int pp_heap_mark_take(const struct pp_recording_reader *reader, struct pp_heap_mark *mark_out)
{
    const struct pp_rec_header *head = pp_recording_header(reader);
    const struct pp_rec_site *site;
    uint32_t n = 0;

    *mark_out = (struct pp_heap_mark){
        .time_ns = pp_recorded_end_ns(head),
    };
    for (int cause = 0; cause < PP_LOSS_COUNT; cause++)
        mark_out->losses[cause] = load(&head->losses[cause]);
    while (pp_recording_site(reader, n) != NULL)
        n++;
    mark_out->sites = calloc(n + 1UL, sizeof *mark_out->sites);
    if (mark_out->sites == NULL || pp_recorded_totals_mark(reader, mark_out) != 0)
        return -ENOMEM;
    for (; (site = pp_recording_site(reader, mark_out->n_sites)) != NULL; mark_out->n_sites++)
        mark_out->sites[mark_out->n_sites] = (struct pp_heap_site){
            pp_heap_sums_load(&site->allocated), pp_heap_sums_load(&site->freed)};
    return 0;
}

void pp_heap_mark_done(struct pp_heap_mark *mark)
{
    free(mark->sites);
    free(mark->threads);
    *mark = (struct pp_heap_mark){.sites = NULL};
}

/* ---- one site ---- */

/* In use at the end less in use at the begin.  An object that was in use all the time is in both
 * and adds no doubt; the others are among those of the two moments, and among those that came or
 * went: the smaller of the two bounds holds. */
static void set_growth(struct pp_heap_row *row, const struct pp_heap_site *now,
                       const struct pp_heap_site *before)
{
    const struct pp_heap_sums in_use[2] = {difference(now->allocated, now->freed),
                                           difference(before->allocated, before->freed)};
    const struct pp_heap_sums came = difference(now->allocated, before->allocated);
    const struct pp_heap_sums went = difference(now->freed, before->freed);

    row->values[PP_HEAP_INUSE_OBJECTS] =
        pp_heap_sums_objects(&in_use[0]) - pp_heap_sums_objects(&in_use[1]);
    row->values[PP_HEAP_INUSE_SPACE] = bounded(in_use[0].bytes) - bounded(in_use[1].bytes);
    row->estimates[PP_HEAP_INUSE_OBJECTS] =
        (struct pp_estimate){fmin(in_use[0].count_variance + in_use[1].count_variance,
                                  came.count_variance + went.count_variance),
                             (double)(came.n_samples + went.n_samples)};
    row->estimates[PP_HEAP_INUSE_SPACE] =
        (struct pp_estimate){fmin(in_use[0].bytes_variance + in_use[1].bytes_variance,
                                  came.bytes_variance + went.bytes_variance),
                             row->estimates[PP_HEAP_INUSE_OBJECTS].n_sampled};
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
    n_objects = (double)pp_heap_sums_objects(&in_use);
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
                    struct pp_heap_row *row)
{
    static const struct pp_heap_site nothing;
    const struct pp_heap_site now = {pp_heap_sums_load(&site->allocated),
                                     pp_heap_sums_load(&site->freed)};
    const struct pp_heap_mark *since = maker->options != NULL ? maker->options->heap_since : NULL;
    struct pp_heap_sums sums;

    *row = (struct pp_heap_row){.values = {0}};
    if (since != NULL) {
        const struct pp_heap_site *before =
            index < since->n_sites ? &since->sites[index] : &nothing;
        sums = difference(now.allocated, before->allocated);
        pp_heap_row_set(row, PP_HEAP_ALLOC_OBJECTS, &sums);
        if (!maker->options->has_whole_in_use) {
            set_growth(row, &now, before);
            return;
        }
    } else {
        pp_heap_row_set(row, PP_HEAP_ALLOC_OBJECTS, &now.allocated);
    }
    if (!maker->has_in_use)
        return;
    sums = difference(now.allocated, now.freed);
    if (maker->options != NULL && maker->options->is_at_peak)
        sums = at_peak(maker->head, site, sums);
    pp_heap_row_set(row, PP_HEAP_INUSE_OBJECTS, &sums);
}

static bool is_empty(const struct pp_heap_row *row)
{
    for (int type = 0; type < PP_HEAP_N_TYPES; type++)
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

/* The program's own, and where mappings were followed whose memory it is, so that tools can tell
 * the two apart. */
static uint32_t labels_of(const struct maker *maker, const struct pp_recording_reader *reader,
                          const struct pp_rec_site *site, struct pp_label *labels)
{
    uint32_t n = pp_recorded_labels_of_set(maker->profile, reader, site->label_set, labels);

    if (load(&maker->head->heap.mappings.are_followed) != 0)
        labels[n++] = (struct pp_label){
            .key = pp_profile_text(maker->profile, PP_LABEL_ALLOCATOR),
            .text = pp_profile_text(maker->profile, (site->flags & PP_EVENT_MAPPED) != 0
                                                        ? PP_ALLOCATOR_IS_MMAP
                                                        : PP_ALLOCATOR_IS_MALLOC)};
    return n;
}

/* What is known of how long its objects lived are samples of their own, with a label; of a time's
 * difference nothing is, since what was freed in it may have been allocated before. */
static void add_row(struct maker *maker, const struct pp_recording_reader *reader, uint32_t index,
                    pp_id stack, struct pp_heap_row *row)
{
    const struct pp_rec_site *site = pp_recording_site(reader, index);
    const bool is_exact = load(&maker->head->heap.interval_bytes) <= 1;
    const struct pp_rec_lifetimes *lifetimes =
        maker->options != NULL && maker->options->heap_since != NULL
            ? NULL
            : pp_recording_lifetimes(reader, index);
    struct pp_label labels[PP_REC_MAX_LABELS + 1];
    const uint32_t n_labels = labels_of(maker, reader, site, labels);

    if (lifetimes != NULL)
        pp_heap_row_split(row, maker->profile, stack, labels, n_labels, lifetimes, is_exact);
    if (!is_empty(row))
        pp_profile_add_estimate(maker->profile, stack,
                                pp_profile_label_set(maker->profile, labels, n_labels), 0,
                                row->values, is_exact ? NULL : row->estimates);
}

static int add_site(struct maker *maker, const struct pp_recording_reader *reader, uint32_t index)
{
    const struct pp_rec_site *site = pp_recording_site(reader, index);
    struct pp_quality *quality = &maker->profile->quality;
    const struct pp_recorded_stack *stack = NULL;
    struct pp_recorded_walk walk = {.key = index};
    int64_t n_samples;
    struct pp_heap_row row;
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
    n_samples = (int64_t)fmin(row.estimates[PP_HEAP_ALLOC_OBJECTS].n_sampled, 0x1p62);
    quality->n_samples = pp_add_values(quality->n_samples, n_samples);
    if (walk.is_truncated)
        quality->n_truncated = pp_add_values(quality->n_truncated, n_samples);
    if (!stack->is_named)
        quality->n_unsymbolised = pp_add_values(quality->n_unsymbolised, n_samples);
    add_row(maker, reader, index, stack->node, &row);
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

/* Whether exact counts are those of some moment before. */
static bool is_behind(const struct pp_rec_header *head,
                      const struct pp_recording_profile_options *options)
{
    const bool is_settled =
        (atomic_load_explicit(&head->heap.options, memory_order_relaxed) & PP_HEAP_IS_SETTLED) != 0;

    return atomic_load_explicit(&head->state, memory_order_relaxed) != PP_REC_ENDED &&
           !is_settled && (options == NULL || !options->is_fresh);
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
        pp_recorded_totals_add(profile, readers[i], since);
        profile->heap.is_behind |= is_behind(head, options);
        if (end_ns > profile->duration_ns)
            profile->duration_ns = end_ns;
    }
    if (since == NULL)
        pp_recorded_memory_take(profile, last);
    if (since == NULL && (atomic_load_explicit(&last->heap.options, memory_order_relaxed) &
                          PP_HEAP_KEEPS_LIFETIMES) != 0)
        pp_profile_comment(profile, "label " PP_LABEL_LIFETIME
                                    ": what was freed had lived for less than that; for pprof: "
                                    "-sample_index=alloc_space -tagfocus=lifetime=:1ms");
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
