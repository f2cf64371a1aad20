/* Where threads' time went, from the table beside the threads. */
#include "formats/recording_waits.h"

#include <string.h>

enum { MAX_PSEUDO_PC = 15 };

static int64_t load(const _Atomic uint64_t *counter)
{
    const uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);

    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

static uint32_t load32(const _Atomic uint32_t *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

bool pp_recorded_has_waits(const struct pp_rec_header *head)
{
    return load(&head->waits.interval_ns) != 0 || load(&head->waits.lock_interval_ns) != 0;
}

bool pp_recorded_has_wait_times(const struct pp_rec_header *head)
{
    return (load32(&head->kinds) & 1U << (PP_FAMILY_OFFCPU - 1)) != 0;
}

static struct pp_wait_thread thread_of(struct pprofc_profile *profile,
                                       const struct pp_rec_thread *thread,
                                       const struct pp_rec_thread_waits *waits, bool has_times)
{
    struct pp_wait_thread one = {
        .who = {.name = pp_profile_string(profile, thread->name,
                                          strnlen(thread->name, sizeof thread->name)),
                .id = atomic_load_explicit(&thread->tid, memory_order_relaxed),
                .n_threads = 1},
        .n_contentions = load(&waits->n_contentions),
        .delay_ns = load(&waits->delay_ns),
    };

    if (!has_times)
        return one;
    one.wall_ns = load(&waits->wall_ns);
    one.cpu_ns = load(&waits->cpu_ns);
    one.blocked_ns = load(&waits->blocked_ns);
    one.run_queue_ns = load(&waits->run_queue_ns);
    one.unattributed_ns = load(&waits->unattributed_ns);
    one.throttled_ns = load(&waits->throttled_ns);
    one.n_waits = load(&waits->n_waits);
    return one;
}

/* All threads' contentions stand in the header too: those of threads that have no place in the
 * table are in it alone. */
static void take_all_contentions(struct pp_wait_thread *all, const struct pp_rec_waits *waits)
{
    if (load(&waits->n_contentions) > all->n_contentions)
        all->n_contentions = load(&waits->n_contentions);
    if (load(&waits->delay_ns) > all->delay_ns)
        all->delay_ns = load(&waits->delay_ns);
}

void pp_recorded_waits_add(struct pprofc_profile *profile, const struct pp_recording_reader *reader)
{
    const struct pp_rec_header *head = pp_recording_header(reader);
    struct pp_wait_thread all = {.wall_ns = 0};
    const bool has_times = pp_recorded_has_wait_times(head);
    const struct pp_rec_thread_waits *waits;

    if (!pp_recorded_has_waits(head))
        return;
    profile->waits.is_known = true;
    for (uint32_t i = 0; (waits = pp_recording_thread_waits(reader, i)) != NULL; i++) {
        const struct pp_rec_thread *thread = pp_recording_thread(reader, i);
        struct pp_wait_thread one;
        if (thread == NULL ||
            ((!has_times || load(&waits->wall_ns) == 0) && load(&waits->n_contentions) == 0))
            continue;
        one = thread_of(profile, thread, waits, has_times);
        one.n_cut_off = load32(&head->state) != PP_REC_ENDED;
        pp_wait_thread_add(&all, &one);
        all.who.n_threads++;
        pp_wait_totals_add_thread(&profile->waits, &one);
    }
    take_all_contentions(&all, &head->waits);
    pp_wait_thread_add(&profile->waits.all, &all);
    profile->waits.all.who.n_threads += all.who.n_threads;
}

const char *pp_recorded_wait_frame(const struct pp_recording_event *event)
{
    if (event->family != PP_FAMILY_OFFCPU)
        return NULL;
    if ((event->flags & PP_EVENT_REMAINDER) != 0)
        return "[unattributed]";
    if (event->n_frames != 1 || event->pcs[0] > MAX_PSEUDO_PC)
        return NULL;
    switch (pp_rec_wait_of(event->flags)) {
    case PP_WAIT_RUN_QUEUE:
        return "[run queue]";
    case PP_WAIT_THROTTLED:
        return "[throttled]";
    default:
        return NULL;
    }
}
