/* Where threads' time went in a part of a recording: the table says it of the whole, so that of the
 * part is added up from its events.  The numbers of waits are as unbiased as those are, no longer
 * exact. */
#include "capture/snapshot.h"

#include <string.h>

#include "sigsafe/store.h"

void pp_snapshot_clear_waits(struct pp_rec_header *header)
{
    const uint32_t n = atomic_load(&header->waits.threads.n_items);

    for (uint32_t i = 0; i < n; i++) {
        struct pp_rec_thread_waits *row = pp_sig_table_item(header, &header->waits.threads, i);
        if (row != NULL)
            memset((void *)row, 0, sizeof *row); /* nobody else has the copy */
    }
    atomic_store(&header->waits.n_contentions, 0);
    atomic_store(&header->waits.delay_ns, 0);
}

static void count_wait(struct pp_rec_thread_waits *row, const struct pp_rec_event *event,
                       uint64_t ns)
{
    const enum pp_rec_wait kind = pp_rec_wait_of(event->flags);

    atomic_fetch_add(&row->wall_ns, ns);
    if ((event->flags & PP_EVENT_REMAINDER) != 0) {
        atomic_fetch_add(&row->unattributed_ns, ns);
    } else if (kind == PP_WAIT_RUN_QUEUE || kind == PP_WAIT_THROTTLED) {
        atomic_fetch_add(&row->run_queue_ns, ns);
        if (kind == PP_WAIT_THROTTLED)
            atomic_fetch_add(&row->throttled_ns, ns);
    } else {
        atomic_fetch_add(&row->blocked_ns, ns);
        atomic_fetch_add(&row->n_waits, (uint64_t)event->values[PP_WAIT_COUNT]);
    }
}

static void count_contention(struct pp_rec_waits *all, struct pp_rec_thread_waits *row,
                             const struct pp_rec_event *event, uint64_t ns)
{
    const uint64_t n = (uint64_t)event->values[PP_WAIT_COUNT];

    atomic_fetch_add(&row->n_contentions, n);
    atomic_fetch_add(&row->delay_ns, ns);
    atomic_fetch_add(&all->n_contentions, n);
    atomic_fetch_add(&all->delay_ns, ns);
}

void pp_snapshot_count_wait(struct pp_rec_header *header, const struct pp_rec_event *event)
{
    const uint64_t ns = (uint64_t)event->values[PP_WAIT_NS];
    struct pp_rec_thread_waits *row =
        event->thread < atomic_load(&header->waits.threads.n_items)
            ? pp_sig_table_item(header, &header->waits.threads, event->thread)
            : NULL;

    if (row == NULL || event->n_values < PP_WAIT_N_VALUES)
        return;
    if (event->family == PP_FAMILY_CPU) {
        atomic_fetch_add(&row->cpu_ns, ns);
        atomic_fetch_add(&row->wall_ns, ns);
    } else if (event->family == PP_FAMILY_OFFCPU) {
        count_wait(row, event, ns);
    } else if (event->family == PP_FAMILY_LOCK) {
        count_contention(&header->waits, row, event, ns);
    }
}
