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
#include "formats/recording_waits.h"

struct maker {
    const struct pp_recorded_shape *shape;
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
    int64_t waited_ns;              /* and time off CPU */
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

/* Its stack, or the one name of what has none.  '*is_named_out': of its leaf. */
static int find_stack(struct maker *maker, const struct pp_recording_event *event, pp_id *node_out,
                      bool *is_named_out)
{
    const char *name = pp_recorded_wait_frame(event);
    const struct pp_recorded_stack *stack = NULL;
    const struct pp_recorded_walk walk = {
        .pcs = event->pcs,
        .n_frames = event->n_frames,
        .key = event->stack_key,
        .time_ns = event->time_ns,
        .is_truncated = (event->flags & PP_EVENT_TRUNCATED) != 0,
    };
    int status;

    if (name != NULL) {
        const pp_id location = pp_profile_named_location(maker->profile, name, strlen(name));
        *node_out = pp_profile_stack(maker->profile, &location, 1);
        *is_named_out = true;
        return 0;
    }
    status = pp_recorded_stacks_find(&maker->stacks, &walk, &stack, maker->err);
    if (status == 0) {
        *node_out = stack->node;
        *is_named_out = stack->is_named;
    }
    return status;
}

static int find_labels(struct maker *maker, const struct pp_recording_event *event, pp_id *out)
{
    const bool is_lock = event->n_values > PP_WAIT_LOCK &&
                         (event->family == PP_FAMILY_LOCK || event->family == PP_FAMILY_HOLDER);
    const bool is_wall = pp_recorded_shape_holds(maker->shape, PP_FAMILY_CPU) &&
                         pp_recorded_shape_holds(maker->shape, PP_FAMILY_OFFCPU);
    const struct pp_recorded_label_key key = {
        .thread = event->thread,
        .label_set = event->label_set,
        .span = event->span,
        .wait = pp_recorded_label_wait(event, is_wall),
        .descriptor = (uint32_t)pp_rec_descriptor_of(event->flags),
        .lock = is_lock ? (uint64_t)event->values[PP_WAIT_LOCK] : 0,
    };

    return pp_recorded_labels_find(&maker->labels, &key, out) == 0 ? 0 : no_memory(maker);
}

/* Whether 'event' lies in what is asked for; '*ns' is cut to what of it does. */
static bool takes(struct maker *maker, const struct pp_recording_event *event, int64_t *ns)
{
    if (maker->window == NULL)
        return true;
    if (event->family == PP_FAMILY_CPU ? pp_recording_window_takes(maker->window, event, ns)
                                       : pp_recording_window_takes_wait(maker->window, event, ns))
        return true;
    maker->has_sums |= pp_recording_window_reaches(maker->window, event);
    return false;
}

/* What has been waited for, and not what is left of the time, nor a CPU. */
static bool is_a_wait(const struct pp_recording_event *event)
{
    const enum pp_rec_wait wait = pp_rec_wait_of(event->flags);

    return (event->flags & PP_EVENT_REMAINDER) == 0 && wait != PP_WAIT_RUN_QUEUE &&
           wait != PP_WAIT_THROTTLED;
}

/* Of a wait, whose number is in no thread's counters. */
static void count_wait(struct maker *maker, const struct pp_recording_event *event, int64_t count,
                       int64_t ns)
{
    struct pp_quality *quality = &maker->profile->quality;

    if (event->family == PP_FAMILY_OFFCPU)
        add_count(&maker->waited_ns, ns);
    if (!is_a_wait(event) || (event->family == PP_FAMILY_HOLDER && maker->shape->n_types > 2))
        return;
    if (!pp_recorded_shape_holds(maker->shape, PP_FAMILY_CPU)) /* else CPU samples are counted */
        add_count(&quality->n_samples, count);
    if ((event->flags & PP_EVENT_TRUNCATED) != 0)
        add_count(&quality->n_truncated, count);
}

static void count_cpu(struct maker *maker, const struct pp_recording_event *event,
                      const struct pp_window_first *sample, const int64_t *values)
{
    if (maker->window == NULL)
        return;
    if (event->thread < maker->n_threads)
        pp_recording_window_note(maker->window, &maker->firsts[event->thread], sample,
                                 pp_recording_thread(maker->reader, event->thread));
    pp_recording_window_count(event, values, &maker->profile->quality);
    add_count(&maker->taken_ns, values[1]);
}

static int add_event(void *context, const struct pp_recording_event *event)
{
    struct maker *maker = context;
    const uint64_t begin_ns = maker->window != NULL ? maker->window->begin.time_ns : 0;
    struct pp_window_first sample = {.is_seen = true};
    int64_t values[PP_SHAPE_MAX_TYPES];
    uint32_t column;
    uint64_t slice;
    bool is_named;
    int status;

    if (!pp_recorded_shape_values(maker->shape, event, &column, values) ||
        !takes(maker, event, &values[column + 1]))
        return 0;
    slice = add_times(event->time_ns - begin_ns, maker->offset_ns) / maker->slice_ns;
    status = find_stack(maker, event, &sample.node, &is_named);
    if (status == 0)
        status = find_labels(maker, event, &sample.labels);
    if (status != 0)
        return status;
    sample.slice = slice < UINT32_MAX ? (uint32_t)slice : UINT32_MAX;
    sample.cpu_ns = values[column + 1];
    sample.is_remainder = (event->flags & PP_EVENT_REMAINDER) != 0;
    pp_profile_add(maker->profile, sample.node, sample.labels, sample.slice, values);
    if (event->family == PP_FAMILY_CPU)
        count_cpu(maker, event, &sample, values);
    else
        count_wait(maker, event, values[column], values[column + 1]);
    if (!is_named)
        add_count(&maker->profile->quality.n_unsymbolised, values[column]);
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
    pp_recorded_labels_init(&maker->labels, maker->profile, reader, maker->n_threads,
                            &maker->stacks.frames);
    maker->firsts = calloc(maker->n_threads + 1UL, sizeof *maker->firsts);
    if (maker->firsts == NULL)
        return no_memory(maker);
    if (pp_recorded_stacks_init(&maker->stacks, maker->profile, maker->symbolizer, reader) != 0)
        return no_memory(maker);
    return 0;
}

/* What the counters at the window's ends say beyond its events. */
static void finish_window(struct maker *maker)
{
    const struct pp_recorded_shape *shape = maker->shape;

    if (pp_recorded_shape_holds(shape, PP_FAMILY_CPU)) {
        pp_recording_window_trim(maker->window, maker->firsts, maker->n_threads, maker->taken_ns,
                                 maker->profile);
        pp_recording_window_add_rest(maker->window, maker->taken_ns, maker->has_sums,
                                     maker->profile);
    }
    if (pp_recorded_shape_holds(shape, PP_FAMILY_OFFCPU) && shape->waits == 0)
        pp_recording_window_add_waits(maker->window, maker->waited_ns, maker->profile);
    pp_recording_window_quality(maker->window, shape, maker->profile);
}

static int add_recording(struct maker *maker, struct pp_recording_reader *reader)
{
    int64_t status = begin_recording(maker, reader);

    if (status == 0)
        status = pp_recording_each(reader, add_event, maker);
    if (status >= 0 && maker->window != NULL) {
        finish_window(maker);
    } else if (status >= 0) {
        pp_recorded_quality_add(maker->profile, reader, maker->shape->families);
        if (pp_recorded_shape_has_waits(maker->shape))
            pp_recorded_waits_add(maker->profile, reader);
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
    pp_recorded_facts_set(maker->profile, maker->shape, readers, n_readers);
    maker->window = options != NULL ? options->window : NULL;
    maker->profile->slice_ns = (int64_t)maker->slice_ns;
    for (size_t i = 0; status == 0 && i < n_readers; i++)
        status = add_recording(maker, readers[i]);
    if (status != 0)
        return status;
    if (options != NULL && options->cpu_ns_override > 0 && is_cut_off(readers, n_readers))
        maker->profile->quality.cpu_ns =
            without_helpers(options->cpu_ns_override, readers, n_readers);
    if (!maker->has_kernel && pp_recorded_shape_holds(maker->shape, PP_FAMILY_CPU))
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

/* The first that the recordings hold: cpu, offcpu, lock, heap. */
static enum pp_rec_family first_kind(uint32_t kinds)
{
    static const enum pp_rec_family order[] = {PP_FAMILY_CPU, PP_FAMILY_OFFCPU, PP_FAMILY_LOCK,
                                               PP_FAMILY_HEAP};

    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        if ((kinds & 1U << (order[i] - 1)) != 0)
            return order[i];
    return PP_FAMILY_CPU;
}

/* Choose what is made; whether that is a profile of the heap. */
static bool choose(struct maker *maker, struct pp_recording_reader *const *readers,
                   size_t n_readers, const struct pp_recording_profile_options *options)
{
    const enum pp_recorded_view view = options != NULL ? options->view : PP_RECORDED_OF_KIND;
    enum pp_rec_family kind = options != NULL ? options->kind : 0;
    uint32_t kinds = 0;

    for (size_t i = 0; i < n_readers; i++)
        kinds |= pp_recording_kinds(pp_recording_header(readers[i]));
    if (kind == 0)
        kind = first_kind(kinds);
    maker->shape = pp_recorded_shape(kind, view, kinds);
    return view == PP_RECORDED_OF_KIND && kind == PP_FAMILY_HEAP;
}

/* Who is killed is alive until then, however long ago its helper last had a turn. */
static void last_until(struct pprofc_profile *profile, struct pp_recording_reader *const *readers,
                       size_t n_readers, int64_t end_ns)
{
    const int64_t begin_ns = at_least_zero(pp_recording_header(readers[0])->start_monotonic_ns);

    if (is_cut_off(readers + n_readers - 1, 1) && end_ns > begin_ns &&
        end_ns - begin_ns > profile->duration_ns)
        profile->duration_ns = end_ns - begin_ns;
}

static int make_profile(struct maker *maker, struct pp_recording_reader *const *readers,
                        size_t n_readers, const struct pp_recording_profile_options *options)
{
    int status;

    if (choose(maker, readers, n_readers, options))
        status = pp_recorded_heap_fill(maker->profile, maker->symbolizer, readers, n_readers,
                                       options, maker->err);
    else
        status = add_all(maker, readers, n_readers, options);
    if (status != 0)
        return status;
    if (options != NULL && options->end_ns_override > 0)
        last_until(maker->profile, readers, n_readers, options->end_ns_override);
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
