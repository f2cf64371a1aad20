/* What threads asked of the allocator: the sixteen that asked for most, and the others' sum. */
#include <stdlib.h>

#include "profile/profile.h"
#include "profile/tables.h"

static void add(struct pp_heap_thread *sum, const struct pp_heap_thread *more)
{
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
    return (a->id > b->id) - (a->id < b->id);
}

static struct pp_heap_thread *find(struct pp_heap_totals *totals,
                                   const struct pp_heap_thread *thread)
{
    for (uint32_t i = 0; i < totals->n_threads; i++)
        if (totals->threads[i].id == thread->id && totals->threads[i].name == thread->name)
            return &totals->threads[i];
    return NULL;
}

void pp_heap_totals_add_thread(struct pp_heap_totals *totals, const struct pp_heap_thread *thread)
{
    struct pp_heap_thread *known = thread->id == 0 ? &totals->other_threads : find(totals, thread);
    struct pp_heap_thread *least = &totals->threads[PP_MAX_HEAP_THREADS - 1], one = *thread;

    if (known == NULL && totals->n_threads < PP_MAX_HEAP_THREADS) {
        totals->threads[totals->n_threads++] = one;
    } else {
        if (known == NULL && order_threads(&one, least) < 0) {
            one = *least;
            *least = *thread;
        }
        if (known == NULL)
            known = &totals->other_threads;
        add(known, &one);
        if (known == &totals->other_threads)
            known->n_threads = pp_add_values(known->n_threads, one.n_threads);
    }
    qsort(totals->threads, totals->n_threads, sizeof totals->threads[0], order_threads);
}
