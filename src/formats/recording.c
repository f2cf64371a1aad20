/* From a recording to a profile with names: each event becomes a value on a stack.
 *
 * Slices: events of raw segments have exact times, those of folded ones the start of a slice, and
 * slices widen the longer a program runs.  The profile's slices are as wide as the widest. */
#include "formats/recording.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/recording_facts.h"
#include "formats/recording_heap.h"
#include "formats/recording_labels.h"
#include "formats/recording_stacks.h"

enum { N_TYPES = 2 /* samples and cpu */ };

struct maker {
    struct pprofc_profile *profile;
    struct pp_symbolizer *symbolizer;
    struct pprofc_error *err;
    uint64_t slice_ns;
    uint64_t base_ns;                         /* start of the first recording, CLOCK_MONOTONIC */
    bool has_kernel;                          /* some sample was taken in the kernel */
    const struct pp_recording_window *window; /* NULL: all of it */

    /* of the recording at work */
    struct pp_recording_reader *reader;
    uint64_t offset_ns; /* its start less the base */
    uint64_t last_ns;   /* its last event */
    struct pp_recorded_stacks stacks;
    struct pp_recorded_labels labels;
    struct pp_window_first *firsts; /* by thread, of a window */
    int64_t taken_ns;               /* CPU time in the window */
    bool has_sums;                  /* some sums reach into the window, and are in no sample */
    uint32_t n_threads;
};

static int no_memory(const struct maker *maker)
{
    return pp_fail(maker->err, -ENOMEM, 0, "no memory for the profile");
}

/* ---- events ---- */

static uint64_t add_times(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static int64_t at_least_zero(int64_t value)
{
    return value < 0 ? 0 : value;
}

/* A recording may hold any numbers. */
static void add_count(int64_t *sum, int64_t more)
{
    if (__builtin_add_overflow(*sum, more, sum))
        *sum = INT64_MAX;
}

static int add_event(void *context, const struct pp_recording_event *event)
{
    struct maker *maker = context;
    const struct pp_recorded_stack *stack = NULL;
    const struct pp_recorded_walk walk = {
        .pcs = event->pcs,
        .n_frames = event->n_frames,
        .key = event->stack_key,
        .time_ns = event->time_ns,
        .is_truncated = (event->flags & PP_EVENT_TRUNCATED) != 0,
    };
    const uint64_t begin_ns = maker->window != NULL ? maker->window->begin.time_ns : 0;
    const struct pp_recorded_label_key key = {event->thread, event->label_set, event->span};
    struct pp_window_first sample;
    int64_t values[N_TYPES];
    uint64_t slice;
    pp_id labels;
    int status;

    if (event->family != PP_FAMILY_CPU || event->n_values < N_TYPES)
        return 0;
    values[0] = at_least_zero(event->values[0]);
    values[1] = at_least_zero(event->values[1]);
    if (maker->window != NULL && !pp_recording_window_takes(maker->window, event, &values[1])) {
        maker->has_sums |= pp_recording_window_reaches(maker->window, event);
        return 0;
    }
    slice = add_times(event->time_ns - begin_ns, maker->offset_ns) / maker->slice_ns;
    status = pp_recorded_stacks_find(&maker->stacks, &walk, &stack, maker->err);
    if (status != 0)
        return status;
    if (pp_recorded_labels_find(&maker->labels, &key, &labels) != 0)
        return no_memory(maker);
    sample = (struct pp_window_first){
        .is_seen = true,
        .node = stack->node,
        .labels = labels,
        .slice = slice < UINT32_MAX ? (uint32_t)slice : UINT32_MAX,
        .cpu_ns = values[1],
        .is_remainder = (event->flags & PP_EVENT_REMAINDER) != 0,
    };
    pp_profile_add(maker->profile, sample.node, sample.labels, sample.slice, values);
    if (maker->window != NULL && event->thread < maker->n_threads)
        pp_recording_window_note(maker->window, &maker->firsts[event->thread], &sample,
                                 pp_recording_thread(maker->reader, event->thread));
    if (maker->window != NULL) {
        pp_recording_window_count(event, values, &maker->profile->quality);
        add_count(&maker->taken_ns, values[1]);
    }
    if (!stack->is_named)
        add_count(&maker->profile->quality.n_unsymbolised, values[0]);
    if (event->time_ns > maker->last_ns)
        maker->last_ns = event->time_ns;
    maker->has_kernel |= (event->flags & PP_EVENT_KERNEL) != 0;
    return 0;
}

static int note_slice(void *context, const struct pp_recording_event *event)
{
    uint64_t *slice_ns = context;

    if (event->slice_ns > *slice_ns && event->slice_ns < INT64_MAX)
        *slice_ns = event->slice_ns;
    return 0;
}

/* ---- the whole ---- */

/* From the first recording's start to the last one's end, or to the last thing known of it. */
static void add_duration(struct maker *maker)
{
    const struct pp_rec_header *head = pp_recording_header(maker->reader);
    uint64_t end_ns = head->end_ns;

    if (end_ns == 0)
        end_ns = head->cpu_time_ns > maker->last_ns ? head->cpu_time_ns : maker->last_ns;
    end_ns = add_times(end_ns, maker->offset_ns);
    if (end_ns <= INT64_MAX && (int64_t)end_ns > maker->profile->duration_ns)
        maker->profile->duration_ns = (int64_t)end_ns;
}

/* ---- one recording ---- */

static void end_recording(struct maker *maker)
{
    pp_recorded_stacks_done(&maker->stacks);
    pp_recorded_labels_done(&maker->labels);
    free(maker->firsts);
    maker->firsts = NULL;
    maker->n_threads = 0;
}

static int begin_recording(struct maker *maker, struct pp_recording_reader *reader)
{
    const struct pp_rec_header *head = pp_recording_header(reader);

    maker->reader = reader;
    maker->last_ns = 0;
    maker->offset_ns = (uint64_t)head->start_monotonic_ns - maker->base_ns;
    if (head->start_monotonic_ns < 0 || (uint64_t)head->start_monotonic_ns < maker->base_ns)
        maker->offset_ns = 0;
    while (pp_recording_thread(reader, maker->n_threads) != NULL)
        maker->n_threads++;
    pp_recorded_labels_init(&maker->labels, maker->profile, reader, maker->n_threads);
    maker->firsts = calloc(maker->n_threads + 1UL, sizeof *maker->firsts);
    if (maker->firsts == NULL)
        return no_memory(maker);
    if (pp_recorded_stacks_init(&maker->stacks, maker->profile, maker->symbolizer, reader) != 0)
        return no_memory(maker);
    return 0;
}

static int add_recording(struct maker *maker, struct pp_recording_reader *reader)
{
    int64_t status = begin_recording(maker, reader);

    if (status == 0)
        status = pp_recording_each(reader, add_event, maker);
    if (status >= 0 && maker->window != NULL) {
        pp_recording_window_trim(maker->window, maker->firsts, maker->n_threads, maker->taken_ns,
                                 maker->profile);
        pp_recording_window_add_rest(maker->window, maker->taken_ns, maker->has_sums,
                                     maker->profile);
        pp_recording_window_quality(maker->window, maker->profile);
    } else if (status >= 0) {
        pp_recorded_quality_add(maker->profile, reader);
        add_duration(maker);
    }
    if (status >= 0 && pp_recorded_stacks_note_missing(&maker->stacks) != 0)
        status = no_memory(maker);
    if (status >= 0)
        pp_recorded_labels_note(&maker->labels);
    end_recording(maker);
    return status < 0 ? (int)status : 0;
}

/* ---- all of them ---- */

static int apply_blocklist(struct maker *maker, const struct pp_rec_header *head)
{
    char libraries[sizeof head->block_libraries + 1];

    memcpy(libraries, head->block_libraries, sizeof head->block_libraries);
    libraries[sizeof head->block_libraries] = '\0';
    if (libraries[0] == '\0')
        return 0;
    return pp_profile_block(maker->profile, libraries, head->block_drops != 0, maker->err);
}

static bool is_cut_off(struct pp_recording_reader *const *readers, size_t n_readers)
{
    for (size_t i = 0; i < n_readers; i++) {
        if (pp_recording_header(readers[i])->state != PP_REC_ENDED)
            return true;
    }
    return false;
}

/* The parent's figure holds what our helper threads used. */
static int64_t without_helpers(int64_t cpu_ns, struct pp_recording_reader *const *readers,
                               size_t n_readers)
{
    for (size_t i = 0; i < n_readers; i++) {
        const uint64_t own_ns = atomic_load_explicit(
            &pp_recording_header(readers[i])->helper_cpu_ns, memory_order_relaxed);
        cpu_ns -= own_ns < (uint64_t)cpu_ns ? (int64_t)own_ns : 0;
    }
    return cpu_ns;
}

static int add_all(struct maker *maker, struct pp_recording_reader *const *readers,
                   size_t n_readers, const struct pp_recording_profile_options *options)
{
    int status = 0;

    maker->slice_ns = PP_REC_SLICE_NS;
    for (size_t i = 0; i < n_readers; i++)
        (void)pp_recording_each(readers[i], note_slice, &maker->slice_ns);
    maker->base_ns = (uint64_t)at_least_zero(pp_recording_header(readers[0])->start_monotonic_ns);
    pp_recorded_facts_set(maker->profile, readers, n_readers);
    maker->window = options != NULL ? options->window : NULL;
    maker->profile->slice_ns = (int64_t)maker->slice_ns;
    for (size_t i = 0; status == 0 && i < n_readers; i++)
        status = add_recording(maker, readers[i]);
    if (status != 0)
        return status;
    if (options != NULL && options->cpu_ns_override > 0 && is_cut_off(readers, n_readers))
        maker->profile->quality.cpu_ns =
            without_helpers(options->cpu_ns_override, readers, n_readers);
    if (!maker->has_kernel)
        pp_recorded_kernel_time_state(maker->profile, readers, n_readers);
    return 0;
}

uint32_t pp_recording_kinds(const struct pp_rec_header *head)
{
    const uint32_t heap = 1U << (PP_FAMILY_HEAP - 1);
    const uint32_t kinds = atomic_load_explicit(&head->kinds, memory_order_relaxed);

    if (atomic_load_explicit(&head->heap.mode, memory_order_relaxed) == PP_HEAP_OFF)
        return (kinds & ~heap) != 0 ? kinds & ~heap : 1U << (PP_FAMILY_CPU - 1);
    return kinds | heap;
}

static bool is_of_heap(struct pp_recording_reader *const *readers, size_t n_readers,
                       const struct pp_recording_profile_options *options)
{
    uint32_t kinds = 0;

    if (options != NULL && options->kind != 0)
        return options->kind == PP_FAMILY_HEAP;
    for (size_t i = 0; i < n_readers; i++)
        kinds |= pp_recording_kinds(pp_recording_header(readers[i]));
    return kinds == 1U << (PP_FAMILY_HEAP - 1);
}

static int make_profile(struct maker *maker, struct pp_recording_reader *const *readers,
                        size_t n_readers, const struct pp_recording_profile_options *options)
{
    int status;

    if (is_of_heap(readers, n_readers, options))
        status = pp_recorded_heap_fill(maker->profile, maker->symbolizer, readers, n_readers,
                                       options, maker->err);
    else
        status = add_all(maker, readers, n_readers, options);
    if (status != 0)
        return status;
    status = apply_blocklist(maker, pp_recording_header(readers[n_readers - 1]));
    if (status == 0 && pp_profile_failed(maker->profile))
        status = no_memory(maker);
    return status;
}

int pp_recordings_to_profile(struct pp_recording_reader *const *readers, size_t n_readers,
                             struct pp_symbolizer *symbolizer,
                             const struct pp_recording_profile_options *options,
                             struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    struct maker maker = {.symbolizer = symbolizer, .err = err};
    struct pp_symbolizer *own = NULL;
    int status = 0;

    if (n_readers == 0)
        return pp_fail(err, -EINVAL, 0, "no recording to make a profile of");
    if (symbolizer == NULL) {
        status = pp_symbolizer_new(NULL, &own, err);
        maker.symbolizer = own;
    }
    if (status != 0)
        return status;
    maker.profile = pp_profile_new();
    status = maker.profile == NULL ? no_memory(&maker)
                                   : make_profile(&maker, readers, n_readers, options);
    pp_symbolizer_free(own);
    if (status != 0) {
        pprofc_profile_free(maker.profile);
        return status;
    }
    *profile_out = maker.profile;
    return 0;
}

int pp_recording_to_profile(struct pp_recording_reader *reader, struct pp_symbolizer *symbolizer,
                            const struct pp_recording_profile_options *options,
                            struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    return pp_recordings_to_profile(&reader, 1, symbolizer, options, profile_out, err);
}

int pp_recording_read(const void *bytes, size_t n_bytes, const char *name,
                      struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    struct pp_recording_reader *reader = NULL;
    int status = pp_recording_view(bytes, n_bytes, name, &reader, err);

    if (status != 0)
        return status;
    status = pp_recording_to_profile(reader, NULL, NULL, profile_out, err);
    pp_recording_close(reader);
    return status;
}
