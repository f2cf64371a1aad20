/* The counters at a window's ends, and what of the events lies between. */
#include "formats/recording_window.h"

#include <string.h>
#include <time.h>

#include "formats/recording_facts.h"

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

void pp_recording_window_quality(const struct pp_recording_window *window,
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
        if (!pp_rec_loss_is_of_heap(cause))
            pp_recorded_loss_add(profile, cause,
                                 (uint64_t)grown(begin->losses[cause], end->losses[cause]));
    profile->time_ns += (int64_t)begin->time_ns;
    profile->duration_ns = grown(begin->time_ns, end->time_ns);
}
