/* What a recording's header and threads say of the whole profile: types, command, clocks, quality.
 */
#include "formats/recording_facts.h"
#include "recording/delivery_cost.h"

#include <string.h>

static const char *const delivery_names[] = {
    [PP_DELIVERY_NONE] = "",
    [PP_DELIVERY_PERF_TRAP] = "perf-sigtrap",
    [PP_DELIVERY_PERF_SIGNAL] = "perf-signal",
    [PP_DELIVERY_CPU_TIMER] = "cpu-timer",
    [PP_DELIVERY_TEST] = "test",
    [PP_DELIVERY_SAMPLER] = "sampler",
};

#define OF(family) (1U << (PP_FAMILY_##family - 1))
#define OF_WAITS (OF(OFFCPU) | OF(LOCK) | OF(HOLDER))

static const struct {
    const char *name;
    bool is_lost;      /* the sample is in no stack; else its time is, under another name */
    uint32_t families; /* that it is a matter of; 0: of all but the heap */
} loss_causes[PP_LOSS_COUNT] = {
    [PP_LOSS_NO_SPACE] = {"no_space", true, 0},
    [PP_LOSS_NO_SCRATCH] = {"no_scratch", true, 0},
    [PP_LOSS_NO_THREAD_SLOT] = {"no_thread_slot", false, 0},
    [PP_LOSS_STACK_FOLDED] = {"stack_folded", false, 0},
    [PP_LOSS_SNAPSHOT_GAP] = {"snapshot_gap", true, 0},
    [PP_LOSS_HEAP_OBJECT] = {"heap_object", true, OF(HEAP)},
    [PP_LOSS_HEAP_STACK] = {"heap_stack", false, OF(HEAP)},
    [PP_LOSS_LABEL] = {"label", false, 0},
    [PP_LOSS_SPAN] = {"span", false, 0},
    [PP_LOSS_WAIT] = {"wait", true, OF_WAITS},
    [PP_LOSS_LOCK] = {"lock", true, OF(HOLDER)},
};

static pp_id field(struct pprofc_profile *profile, const char *text, size_t capacity)
{
    return pp_profile_string(profile, text, strnlen(text, capacity));
}

/* Sum of two counts of a recording, which may hold anything. */
static void add_count(int64_t *sum, uint64_t count)
{
    const int64_t more = count > INT64_MAX ? INT64_MAX : (int64_t)count;

    if (__builtin_add_overflow(*sum, more, sum))
        *sum = INT64_MAX;
}

const char *pp_recorded_loss_name(enum pp_rec_loss cause)
{
    return loss_causes[cause].name;
}

bool pp_recorded_loss_is_of_samples(enum pp_rec_loss cause)
{
    return loss_causes[cause].is_lost;
}

bool pp_recorded_loss_is_of(enum pp_rec_loss cause, uint32_t families)
{
    const uint32_t its_own = loss_causes[cause].families;

    return its_own == 0 ? (families & ~OF(HEAP)) != 0 : (families & its_own) != 0;
}

void pp_recorded_loss_add(struct pprofc_profile *profile, enum pp_rec_loss cause, uint64_t n)
{
    struct pp_quality *quality = &profile->quality;
    const pp_id name = pp_profile_text(profile, loss_causes[cause].name);
    uint32_t i = 0;

    if (n == 0)
        return;
    while (i < quality->n_losses && quality->losses[i].cause != name)
        i++;
    if (i == quality->n_losses) {
        quality->losses[i].cause = name;
        quality->n_losses++;
    }
    add_count(&quality->losses[i].n, n);
    if (loss_causes[cause].is_lost)
        add_count(&quality->n_lost, n);
}

void pp_recorded_budget_add(struct pp_quality *quality, uint64_t share_ppm, uint64_t n_changes)
{
    if (share_ppm == 0 || share_ppm > 1000000)
        return;
    if ((int64_t)share_ppm > quality->budget_ppm)
        quality->budget_ppm = (int64_t)share_ppm;
    add_count(&quality->n_budget_changes, n_changes);
}

/* Returns the number of CPU samples by the threads' own counts. */
static uint64_t add_threads(struct pp_quality *quality, const struct pp_recording_reader *reader,
                            bool has_cpu)
{
    const struct pp_rec_thread *thread;
    uint64_t n_samples = 0;

    for (uint32_t i = 0; (thread = pp_recording_thread(reader, i)) != NULL; i++) {
        n_samples += thread->n_samples;
        if (!has_cpu)
            continue;
        add_count(&quality->sampled_ns, thread->sampled_ns);
        add_count(&quality->unsampled_ns, thread->unsampled_ns);
    }
    return n_samples;
}

void pp_recorded_quality_add(struct pprofc_profile *profile,
                             const struct pp_recording_reader *reader, uint32_t families)
{
    const struct pp_rec_header *head = pp_recording_header(reader);
    struct pp_quality *quality = &profile->quality;
    const bool has_cpu = (families & OF(CPU)) != 0;
    const uint64_t n_samples = add_threads(quality, reader, has_cpu);

    for (int cause = 0; cause < PP_LOSS_COUNT; cause++)
        if (pp_recorded_loss_is_of(cause, families))
            pp_recorded_loss_add(profile, cause, head->losses[cause]);
    /* Handlers count in their threads' slots; the header may lag behind, or be all there is. */
    if (has_cpu)
        add_count(&quality->n_samples, n_samples > head->n_samples ? n_samples : head->n_samples);
    add_count(&quality->n_truncated, has_cpu ? head->n_truncated : 0);
    add_count(&quality->cpu_ns, head->cpu_ns);
    add_count(&quality->own_cpu_ns, head->helper_cpu_ns);
    add_count(&quality->own_cpu_ns, head->handler_cpu_ns);
    add_count(&quality->own_cpu_ns, pp_rec_delivery_cost_ns(head, n_samples));
    pp_recorded_budget_add(quality, head->budget.share_ppm,
                           (uint64_t)head->budget.n_lowered + head->budget.n_raised);
    if (head->has_throttled == 0) {
        quality->n_throttled = quality->throttled_ns = -1;
    } else if (quality->n_throttled >= 0) {
        add_count(&quality->n_throttled, head->n_throttled);
        add_count(&quality->throttled_ns, head->throttled_ns);
    }
}

static void set_period(struct pprofc_profile *profile, uint64_t rate_millihertz)
{
    if (rate_millihertz == 0)
        return;
    profile->period = (int64_t)(UINT64_C(1000000000000) / rate_millihertz);
    profile->quality.asked_hz = (double)rate_millihertz / 1000;
}

/* Threads that had CPU timers where others had perf events (capture/kernel_time.h). */
static unsigned count_timers(struct pp_recording_reader *const *readers, size_t n_readers)
{
    const struct pp_rec_thread *thread;
    unsigned n = 0;

    for (size_t i = 0; i < n_readers; i++)
        for (uint32_t k = 0; (thread = pp_recording_thread(readers[i], k)) != NULL; k++)
            n += (atomic_load_explicit(&thread->flags, memory_order_relaxed) &
                  PP_THREAD_HAD_TIMER) != 0;
    return n;
}

void pp_recorded_kernel_time_state(struct pprofc_profile *profile,
                                   struct pp_recording_reader *const *readers, size_t n_readers)
{
    const uint32_t delivery = pp_recording_header(readers[n_readers - 1])->delivery;
    const unsigned n_timers = count_timers(readers, n_readers);

    if (delivery == PP_DELIVERY_CPU_TIMER || delivery == PP_DELIVERY_SAMPLER)
        pp_profile_comment(profile, "kernel time is booked on the system call it was spent in");
    else if (n_timers > 0)
        pp_profile_comment(profile,
                           "kernel time is booked on the system call it was spent in for %u "
                           "thread%s that spent much there, else on the user code that follows it",
                           n_timers, n_timers == 1 ? "" : "s");
    else
        pp_profile_comment(
            profile, "user code only: kernel time is booked on the user code that follows it");
}

uint64_t pp_recorded_end_ns(const struct pp_rec_header *head)
{
    const uint64_t end_ns = atomic_load_explicit(&head->end_ns, memory_order_relaxed);

    return end_ns != 0 ? end_ns : atomic_load_explicit(&head->cpu_time_ns, memory_order_relaxed);
}

void pp_recorded_origin_set(struct pprofc_profile *profile, const struct pp_rec_header *first)
{
    profile->command = field(profile, first->command, sizeof first->command);
    profile->time_ns = first->start_realtime_ns;
}

void pp_recorded_facts_set(struct pprofc_profile *profile, const struct pp_recorded_shape *shape,
                           struct pp_recording_reader *const *readers, size_t n_readers)
{
    const struct pp_rec_header *first = pp_recording_header(readers[0]);
    const struct pp_rec_header *last = pp_recording_header(readers[n_readers - 1]);
    const bool has_cpu = pp_recorded_shape_holds(shape, PP_FAMILY_CPU);
    const uint32_t delivery = last->delivery;

    pp_recorded_shape_set(profile, shape);
    pp_recorded_origin_set(profile, first);
    profile->quality = (struct pp_quality){.is_known = true, .n_dropped = 0, .children_cpu_ns = -1};
    if (!has_cpu) {
        profile->quality.asked_hz = -1;
        profile->quality.sampled_ns = profile->quality.unsampled_ns = -1;
        profile->period = (int64_t)(shape->families == OF(OFFCPU) ? last->waits.interval_ns
                                                                  : last->waits.lock_interval_ns);
        return;
    }
    set_period(profile, last->rate_millihertz);
    if (delivery < sizeof delivery_names / sizeof delivery_names[0])
        profile->quality.delivery = pp_profile_text(profile, delivery_names[delivery]);
    profile->quality.delivery_reason =
        field(profile, last->delivery_reason, sizeof last->delivery_reason);
}
