/* Where threads' time went: the sixteen that were there for longest, and the others' sum. */
#include "profile/kept_threads.h"
#include "profile/profile.h"
#include "profile/tables.h"

void pp_wait_thread_add(struct pp_wait_thread *sum, const struct pp_wait_thread *more)
{
    sum->wall_ns = pp_add_values(sum->wall_ns, more->wall_ns);
    sum->cpu_ns = pp_add_values(sum->cpu_ns, more->cpu_ns);
    sum->blocked_ns = pp_add_values(sum->blocked_ns, more->blocked_ns);
    sum->run_queue_ns = pp_add_values(sum->run_queue_ns, more->run_queue_ns);
    sum->unattributed_ns = pp_add_values(sum->unattributed_ns, more->unattributed_ns);
    sum->throttled_ns = pp_add_values(sum->throttled_ns, more->throttled_ns);
    sum->n_waits = pp_add_values(sum->n_waits, more->n_waits);
    sum->n_contentions = pp_add_values(sum->n_contentions, more->n_contentions);
    sum->delay_ns = pp_add_values(sum->delay_ns, more->delay_ns);
    sum->n_cut_off = pp_add_values(sum->n_cut_off, more->n_cut_off);
}

void pp_wait_totals_are_whole(struct pp_wait_totals *totals)
{
    totals->all.n_cut_off = totals->other_threads.n_cut_off = 0;
    for (uint32_t i = 0; i < totals->n_threads; i++)
        totals->threads[i].n_cut_off = 0;
}

static void add_figures(void *all, const void *one)
{
    pp_wait_thread_add(all, one);
}

static int order_threads(const void *left, const void *right)
{
    const struct pp_wait_thread *a = left, *b = right;

    if (a->wall_ns != b->wall_ns)
        return a->wall_ns < b->wall_ns ? 1 : -1;
    if (a->delay_ns != b->delay_ns)
        return a->delay_ns < b->delay_ns ? 1 : -1;
    return (a->who.id > b->who.id) - (a->who.id < b->who.id);
}

static const struct pp_thread_figures figures = {sizeof(struct pp_wait_thread), order_threads,
                                                 add_figures};

void pp_wait_totals_add_thread(struct pp_wait_totals *totals, const struct pp_wait_thread *thread)
{
    totals->n_threads = pp_kept_threads_add(&figures, totals->threads, totals->n_threads,
                                            &totals->other_threads, thread);
}

void pp_wait_totals_add(struct pp_wait_totals *totals, const struct pp_wait_totals *source)
{
    totals->is_known = totals->is_known && source->is_known;
    pp_wait_thread_add(&totals->all, &source->all);
    totals->all.who.n_threads = pp_add_values(totals->all.who.n_threads, source->all.who.n_threads);
    for (uint32_t i = 0; i < source->n_threads; i++)
        pp_wait_totals_add_thread(totals, &source->threads[i]);
    if (source->other_threads.who.n_threads > 0)
        pp_wait_totals_add_thread(totals, &source->other_threads);
}
