/* What a profile of waits says of all threads. */
#include "views/wait_facts.h"

#include "base/numbers.h"
#include "views/thread_name.h"

enum { MAX_SHOWN_THREADS = 5 };

static void put_shares(struct pp_buffer *out, const struct pp_wait_thread *thread)
{
    const double wall_ns = thread->wall_ns > 0 ? (double)thread->wall_ns : 1;

    pp_buffer_printf(out, "%.1f %% on CPU, %.1f %% blocked, %.1f %% in run queues",
                     100 * (double)thread->cpu_ns / wall_ns,
                     100 * (double)thread->blocked_ns / wall_ns,
                     100 * (double)thread->run_queue_ns / wall_ns);
    if (thread->throttled_ns > 0)
        pp_buffer_printf(out, " (%.1f %% throttled)", 100 * (double)thread->throttled_ns / wall_ns);
    pp_buffer_printf(out, ", %.1f %% unattributed",
                     100 * (double)thread->unattributed_ns / wall_ns);
}

static void put_thread(struct pp_buffer *out, const struct pprofc_profile *profile,
                       const struct pp_wait_thread *thread)
{
    char wall[PP_NUMBER_TEXT_BYTES];

    pp_buffer_text(out, "           ");
    pp_thread_name_append(out, profile, &thread->who);
    pp_buffer_printf(out, " %s: ", pp_duration_text((double)thread->wall_ns, wall));
    put_shares(out, thread);
    pp_buffer_text(out, "\n");
}

static void put_cut_off(struct pp_buffer *out, const struct pp_wait_thread *all)
{
    char count[PP_NUMBER_TEXT_BYTES];

    if (all->n_cut_off > 0)
        pp_buffer_printf(out,
                         "         %s in a recording that was cut off: of what they waited for "
                         "last half, or a second, may be missing\n",
                         pp_count_text(all->n_cut_off, count));
}

/* Of locks alone: who waited for them most. */
static void put_contentions(struct pp_buffer *out, const struct pprofc_profile *profile)
{
    char count[PP_NUMBER_TEXT_BYTES], delay[PP_NUMBER_TEXT_BYTES];

    for (uint32_t i = 0; i < profile->waits.n_threads && i < MAX_SHOWN_THREADS; i++) {
        const struct pp_wait_thread *thread = &profile->waits.threads[i];
        pp_buffer_text(out, i == 0 ? "Threads  " : "         ");
        pp_thread_name_append(out, profile, &thread->who);
        pp_buffer_printf(
            out, ": %s in %s wait%s for locks\n", pp_duration_text((double)thread->delay_ns, delay),
            pp_count_text(thread->n_contentions, count), thread->n_contentions == 1 ? "" : "s");
    }
}

void pp_wait_facts_write(const struct pprofc_profile *profile, struct pp_buffer *out)
{
    const struct pp_wait_totals *waits = &profile->waits;
    char count[PP_NUMBER_TEXT_BYTES], wall[PP_NUMBER_TEXT_BYTES];

    if (waits->is_known && waits->all.wall_ns <= 0)
        put_contentions(out, profile);
    if (!waits->is_known || waits->all.wall_ns <= 0)
        return;
    pp_buffer_text(out, "Threads  ");
    if (waits->all.who.n_threads > 0) /* of a window nobody counts them */
        pp_buffer_printf(out, "%s for ", pp_count_text(waits->all.who.n_threads, count));
    pp_buffer_printf(out, "%s in all: ", pp_duration_text((double)waits->all.wall_ns, wall));
    put_shares(out, &waits->all);
    pp_buffer_text(out, "\n");
    put_cut_off(out, &waits->all);
    for (uint32_t i = 0; i < waits->n_threads && i < MAX_SHOWN_THREADS && waits->n_threads > 1; i++)
        put_thread(out, profile, &waits->threads[i]);
}
