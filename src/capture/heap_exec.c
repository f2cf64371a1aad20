/* exec() leaves a recording that nobody ends: what was counted since the helper's last turn would
 * be missing, and all of it be 'at least' so much.  The thread that calls exec() writes it down;
 * the helper, which may be about to write sums of a moment before, looks for that first. */
#include "capture/heap_exec.h"

#include "capture/heap.h"
#include "capture/heap_mappings.h"
#include "capture/session.h"
#include "sigsafe/heap.h"
#include "sigsafe/store.h"

/* The others go on allocating until the kernel ends them: how much, nobody knows. */
static bool is_alone(void)
{
    const struct pp_sig_heap_thread *thread;
    uint32_t n = 0;

    for (uint32_t i = 0; (thread = pp_sig_heap_thread_at(i)) != NULL; i++)
        n += atomic_load_explicit(&thread->tid, memory_order_acquire) != 0;
    return n <= 1;
}

static void tell_own(struct pp_rec_header *header, const struct pp_heap_counts *own)
{
    const uint32_t record =
        pp_sig_heap_self == NULL
            ? 0
            : atomic_load_explicit(&pp_sig_heap_self->record, memory_order_relaxed);
    struct pp_rec_thread *slot =
        record > 1 ? pp_sig_table_item(header, &header->threads, record - 1) : NULL;

    if (slot == NULL)
        return;
    atomic_store(&slot->n_allocs, own->n_allocs);
    atomic_store(&slot->n_reallocs, own->n_reallocs);
    atomic_store(&slot->n_frees, own->n_frees);
    atomic_store(&slot->requested_bytes, own->requested_bytes);
    atomic_store(&slot->usable_allocated_bytes, own->usable_allocated_bytes);
    atomic_store(&slot->usable_freed_bytes, own->usable_freed_bytes);
}

void pp_heap_before_exec(struct pp_session *session)
{
    struct pp_rec_header *header = session->header;
    struct pp_rec_heap *heap = &header->heap;
    struct pp_heap_counts all, own;

    if (atomic_load(&heap->mode) == PP_HEAP_OFF || !is_alone())
        return;
    atomic_fetch_or(&heap->options, PP_HEAP_IS_SETTLED);
    pp_heap_count(&all, &own);
    tell_own(header, &own);
    pp_heap_mappings_sum_up(session);
    atomic_store(&heap->n_allocs, all.n_allocs);
    atomic_store(&heap->n_frees, all.n_frees);
    atomic_store(&heap->n_reallocs, all.n_reallocs);
    atomic_store(&heap->requested_bytes, all.requested_bytes);
    atomic_store(&heap->usable_allocated_bytes, all.usable_allocated_bytes);
    atomic_store(&heap->usable_freed_bytes, all.usable_freed_bytes);
}

void pp_heap_after_exec(struct pp_session *session)
{
    atomic_fetch_and(&session->header->heap.options, ~(uint32_t)PP_HEAP_IS_SETTLED);
}

bool pp_heap_is_settled(const struct pp_rec_header *header)
{
    return (atomic_load(&header->heap.options) & PP_HEAP_IS_SETTLED) != 0;
}
