/* What threads asked of the allocator: the sixteen that asked for most, and the others' sum. */
#include "profile/kept_threads.h"
#include "profile/profile.h"
#include "profile/tables.h"

static void add_figures(void *all, const void *one)
{
    struct pp_heap_thread *sum = all;
    const struct pp_heap_thread *more = one;

    sum->n_allocs = pp_add_values(sum->n_allocs, more->n_allocs);
    sum->n_reallocs = pp_add_values(sum->n_reallocs, more->n_reallocs);
    sum->n_frees = pp_add_values(sum->n_frees, more->n_frees);
    sum->requested_bytes = pp_add_values(sum->requested_bytes, more->requested_bytes);
    sum->usable_allocated_bytes =
        pp_add_values(sum->usable_allocated_bytes, more->usable_allocated_bytes);
    sum->usable_freed_bytes = pp_add_values(sum->usable_freed_bytes, more->usable_freed_bytes);
}

bool pp_heap_thread_is_idle(const struct pp_heap_thread *thread)
{
    return thread->n_allocs == 0 && thread->n_reallocs == 0 && thread->n_frees == 0 &&
           thread->requested_bytes == 0;
}

static int order_threads(const void *left, const void *right)
{
    const struct pp_heap_thread *a = left, *b = right;

    if (a->requested_bytes != b->requested_bytes)
        return a->requested_bytes < b->requested_bytes ? 1 : -1;
    if (a->n_allocs != b->n_allocs)
        return a->n_allocs < b->n_allocs ? 1 : -1;
    return (a->who.id > b->who.id) - (a->who.id < b->who.id);
}

static const struct pp_thread_figures figures = {sizeof(struct pp_heap_thread), order_threads,
                                                 add_figures};

void pp_heap_totals_add_thread(struct pp_heap_totals *totals, const struct pp_heap_thread *thread)
{
    totals->n_threads = pp_kept_threads_add(&figures, totals->threads, totals->n_threads,
                                            &totals->other_threads, thread);
}
