/* The counters at a window's ends, and what of the events lies between. */
#include "formats/recording_window.h"

#include <string.h>
#include <time.h>

#include "formats/recording_facts.h"
#include "formats/recording_waits.h"

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void pp_recording_mark_read(const struct pp_rec_header *head, struct pp_recording_mark *mark_out)
{
    struct timespec now;
    uint64_t now_ns;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    mark_out->time_ns = now_ns > (uint64_t)head->start_monotonic_ns
                            ? now_ns - (uint64_t)head->start_monotonic_ns
                            : 0;
    mark_out->cpu_ns = load(&head->cpu_ns);
    mark_out->n_samples = load(&head->n_samples);
    mark_out->own_cpu_ns = load(&head->helper_cpu_ns) + load(&head->handler_cpu_ns);
    for (int i = 0; i < PP_LOSS_COUNT; i++)
        mark_out->losses[i] = load(&head->losses[i]);
    mark_out->budget_ppm = load(&head->budget.share_ppm);
    mark_out->n_budget_changes =
        (uint64_t)atomic_load_explicit(&head->budget.n_lowered, memory_order_relaxed) +
        atomic_load_explicit(&head->budget.n_raised, memory_order_relaxed);
}

bool pp_recording_window_takes(const struct pp_recording_window *window,
                               const struct pp_recording_event *event, int64_t *cpu_ns)
{
    const uint64_t since_ns = event->time_ns - window->begin.time_ns;

    if (event->time_ns < window->begin.time_ns || event->time_ns >= window->end.time_ns)
        return false;
    if (*cpu_ns > 0 && (uint64_t)*cpu_ns > since_ns)
        *cpu_ns = (int64_t)since_ns;
    return true;
}

bool pp_recording_window_takes_wait(const struct pp_recording_window *window,
                                    const struct pp_recording_event *event, int64_t *wait_ns)
{
    const uint64_t since_ns = event->time_ns - window->begin.time_ns;
    int64_t no_cut = 0;

    if (!pp_recording_window_takes(window, event, &no_cut))
        return false;
    if (event->family != PP_FAMILY_HOLDER && event->slice_ns <= UINT64_MAX - since_ns &&
        *wait_ns > 0 && (uint64_t)*wait_ns > since_ns + event->slice_ns)
        *wait_ns = (int64_t)(since_ns + event->slice_ns);
    return true;
}

bool pp_recording_window_reaches(const struct pp_recording_window *window,
                                 const struct pp_recording_event *event)
{
    return event->time_ns < window->begin.time_ns &&
           event->slice_ns > window->begin.time_ns - event->time_ns;
}

static void add_count(int64_t *sum, int64_t more)
{
    if (__builtin_add_overflow(*sum, more, sum))
        *sum = INT64_MAX;
}

void pp_recording_window_count(const struct pp_recording_event *event, const int64_t values[2],
                               struct pp_quality *quality)
{
    add_count(&quality->n_samples, values[0]);
    add_count(&quality->n_truncated, (event->flags & PP_EVENT_TRUNCATED) != 0 ? values[0] : 0);
    add_count((event->flags & PP_EVENT_REMAINDER) != 0 ? &quality->unsampled_ns
                                                       : &quality->sampled_ns,
              values[1]);
}

static int64_t grown(uint64_t before, uint64_t after)
{
    return after > before && after - before <= INT64_MAX ? (int64_t)(after - before) : 0;
}

void pp_recording_window_note(const struct pp_recording_window *window,
                              struct pp_window_first *first, const struct pp_window_first *sample,
                              const struct pp_rec_thread *thread)
{
    if (first->is_seen)
        return;
    *first = *sample;
    if (thread->start_ns >= window->begin.time_ns)
        first->cpu_ns = 0;
}

void pp_recording_window_trim(const struct pp_recording_window *window,
                              struct pp_window_first *firsts, uint32_t n_firsts, int64_t taken_ns,
                              struct pprofc_profile *profile)
{
    const int64_t used_ns = grown(window->begin.cpu_ns, window->end.cpu_ns);
    double part, all_firsts_ns = 0;

    for (uint32_t i = 0; i < n_firsts; i++)
        all_firsts_ns += (double)firsts[i].cpu_ns;
    if (used_ns == 0 || taken_ns <= used_ns || all_firsts_ns <= 0)
        return;
    part = (double)(taken_ns - used_ns) / all_firsts_ns;
    for (uint32_t i = 0; i < n_firsts; i++) {
        const struct pp_window_first *first = &firsts[i];
        const int64_t less_ns = (int64_t)((double)first->cpu_ns * (part < 1 ? part : 1));
        const int64_t values[2] = {0, -less_ns};
        if (less_ns == 0)
            continue;
        pp_profile_add(profile, first->node, first->labels, first->slice, values);
        *(first->is_remainder ? &profile->quality.unsampled_ns : &profile->quality.sampled_ns) -=
            less_ns;
    }
}

void pp_recording_window_add_rest(const struct pp_recording_window *window, int64_t taken_ns,
                                  bool has_sums, struct pprofc_profile *profile)
{
    const int64_t rest_ns = grown(window->begin.cpu_ns, window->end.cpu_ns) - taken_ns;
    const int64_t values[2] = {0, rest_ns};
    const char *name = has_sums ? "[folded]" : "[unsampled]";
    pp_id location;

    if (rest_ns <= 0)
        return;
    location = pp_profile_named_location(profile, name, strlen(name));
    pp_profile_add(profile, pp_profile_stack(profile, &location, 1), 0, 0, values);
    add_count(&profile->quality.unsampled_ns, rest_ns);
}

static int64_t bounded(const _Atomic uint64_t *counter)
{
    const uint64_t value = load(counter);

    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

void pp_recording_mark_waits(struct pp_recording_reader *reader, struct pp_recording_mark *mark_out)
{
    struct pp_rec_thread_waits sum;

    pp_recording_waits_now(reader, &sum);
    mark_out->waits = (struct pp_wait_thread){
        .n_contentions = bounded(&sum.n_contentions),
        .delay_ns = bounded(&sum.delay_ns),
    };
    if (!pp_recorded_has_wait_times(pp_recording_header(reader)))
        return;
    mark_out->waits = (struct pp_wait_thread){
        .wall_ns = bounded(&sum.wall_ns),
        .cpu_ns = bounded(&sum.cpu_ns),
        .blocked_ns = bounded(&sum.blocked_ns),
        .run_queue_ns = bounded(&sum.run_queue_ns),
        .unattributed_ns = bounded(&sum.unattributed_ns),
        .throttled_ns = bounded(&sum.throttled_ns),
        .n_waits = bounded(&sum.n_waits),
        .n_contentions = bounded(&sum.n_contentions),
        .delay_ns = bounded(&sum.delay_ns),
    };
}

static int64_t risen(int64_t before, int64_t after)
{
    return after > before ? after - before : 0;
}

static struct pp_wait_thread waits_of(const struct pp_recording_window *window)
{
    const struct pp_wait_thread *begin = &window->begin.waits, *end = &window->end.waits;

    return (struct pp_wait_thread){
        .wall_ns = risen(begin->wall_ns, end->wall_ns),
        .cpu_ns = risen(begin->cpu_ns, end->cpu_ns),
        .blocked_ns = risen(begin->blocked_ns, end->blocked_ns),
        .run_queue_ns = risen(begin->run_queue_ns, end->run_queue_ns),
        .unattributed_ns = risen(begin->unattributed_ns, end->unattributed_ns),
        .throttled_ns = risen(begin->throttled_ns, end->throttled_ns),
        .n_waits = risen(begin->n_waits, end->n_waits),
        .n_contentions = risen(begin->n_contentions, end->n_contentions),
        .delay_ns = risen(begin->delay_ns, end->delay_ns),
    };
}

void pp_recording_window_add_waits(const struct pp_recording_window *window, int64_t taken_ns,
                                   struct pprofc_profile *profile)
{
    static const char name[] = "[unattributed]";
    const struct pp_wait_thread waits = waits_of(window);
    const int64_t values[2] = {0, waits.wall_ns - waits.cpu_ns - taken_ns};
    struct pp_label label;
    pp_id location, labels;

    if (values[1] <= 0)
        return;
    label = (struct pp_label){.key = pp_profile_text(profile, PP_LABEL_WAIT_KIND),
                              .text = pp_profile_text(profile, "unattributed")};
    location = pp_profile_named_location(profile, name, strlen(name));
    labels = pp_profile_label_set(profile, &label, 1);
    pp_profile_add(profile, pp_profile_stack(profile, &location, 1), labels, 0, values);
}

void pp_recording_window_quality(const struct pp_recording_window *window,
                                 const struct pp_recorded_shape *shape,
                                 struct pprofc_profile *profile)
{
    const struct pp_recording_mark *begin = &window->begin, *end = &window->end;
    struct pp_quality *quality = &profile->quality;

    quality->cpu_ns = grown(begin->cpu_ns, end->cpu_ns);
    quality->own_cpu_ns = grown(begin->own_cpu_ns, end->own_cpu_ns);
    pp_recorded_budget_add(quality, end->budget_ppm,
                           (uint64_t)grown(begin->n_budget_changes, end->n_budget_changes));
    quality->n_lost = 0;
    quality->n_losses = 0;
    for (int cause = 0; cause < PP_LOSS_COUNT; cause++)
        if (pp_recorded_loss_is_of(cause, shape->families))
            pp_recorded_loss_add(profile, cause,
                                 (uint64_t)grown(begin->losses[cause], end->losses[cause]));
    if (pp_recorded_shape_has_waits(shape) &&
        (end->waits.wall_ns > 0 || end->waits.n_contentions > 0)) {
        profile->waits.is_known = true;
        profile->waits.all = waits_of(window);
    }
    profile->time_ns += (int64_t)begin->time_ns;
    profile->duration_ns = grown(begin->time_ns, end->time_ns);
}
