/* The public calls about memory; include/pprofc/pprofc.h says what each does. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "capture/api.h"
#include "capture/heap.h"
#include "capture/heap_mappings.h"
#include "capture/snapshot.h"

enum {
    KIB = 1024,
    FIRST_TOTALS_BYTES = offsetof(struct pprofc_alloc_totals, counts_usable),
};

/* With the lock held. */
static int refuse_without_heap(struct pprofc_error *err)
{
    if (!pp_session_runs())
        return pp_api_not_running(err);
    if ((pp_session.settings.kinds & PPROFC_KIND_HEAP) == 0)
        return pp_fail(err, -ESRCH, 0,
                       "the session does not measure the heap; begin one with PPROFC_KIND_HEAP");
    return 0;
}

/* As many fields as the caller's header has.  One that was built with the first, which wanted no
 * initialiser, may hold any number there. */
static void hand_out(const struct pprofc_alloc_totals *totals, struct pprofc_alloc_totals *to)
{
    const size_t n_bytes = to->struct_bytes == sizeof *to ? sizeof *to : FIRST_TOTALS_BYTES;

    memcpy(to, totals, n_bytes);
    to->struct_bytes = n_bytes;
}

int pprofc_alloc_totals(struct pprofc_alloc_totals *totals_out, struct pprofc_error *err)
{
    struct pp_heap_counts all, own;
    struct pprofc_alloc_totals totals;
    int result;

    pp_session_lock();
    result = refuse_without_heap(err);
    if (result == 0) {
        pp_heap_count(&all, &own);
        totals = (struct pprofc_alloc_totals){
            .n_allocs = all.n_allocs,
            .n_reallocs = all.n_reallocs,
            .n_frees = all.n_frees,
            .requested_bytes = all.requested_bytes,
            .own_allocs = own.n_allocs,
            .own_reallocs = own.n_reallocs,
            .own_frees = own.n_frees,
            .own_requested_bytes = own.requested_bytes,
            .counts_usable = pp_session.settings.heap_usable,
            .usable_allocated_bytes = all.usable_allocated_bytes,
            .usable_freed_bytes = all.usable_freed_bytes,
            .usable_net_bytes = (int64_t)(all.usable_allocated_bytes - all.usable_freed_bytes),
            .own_usable_allocated_bytes = own.usable_allocated_bytes,
            .own_usable_freed_bytes = own.usable_freed_bytes,
            .own_usable_net_bytes = (int64_t)(own.usable_allocated_bytes - own.usable_freed_bytes),
        };
        hand_out(&totals, totals_out);
    }
    pp_session_unlock();
    return result;
}

int pprofc_map_totals(struct pprofc_map_totals *totals_out, struct pprofc_error *err)
{
    struct pp_heap_mapping_counts counts;
    int result;

    if (totals_out == NULL || totals_out->struct_bytes != sizeof *totals_out)
        return pp_fail(err, -EINVAL, 0,
                       "no struct pprofc_map_totals that PPROFC_MAP_TOTALS_INIT has filled");
    pp_session_lock();
    result = refuse_without_heap(err);
    if (result == 0 && atomic_load(&pp_session.header->heap.mappings.are_followed) == 0)
        result = pp_fail(err, -ESRCH, 0,
                         "the session does not follow mappings; begin one with heap_mmap");
    if (result == 0) {
        pp_heap_mappings_count(&counts);
        *totals_out = (struct pprofc_map_totals){
            .struct_bytes = sizeof *totals_out,
            .n_maps = counts.n_maps,
            .mapped_bytes = counts.mapped_bytes,
            .n_others = counts.n_others,
            .other_bytes = counts.other_bytes,
            .n_unmaps = counts.n_unmaps,
            .unmapped_bytes = counts.unmapped_bytes,
        };
    }
    pp_session_unlock();
    return result;
}

int pprofc_heap_snapshot(struct pprofc_recording **recording_out, struct pprofc_error *err)
{
    int result;

    if (recording_out == NULL)
        return pp_fail(err, -EINVAL, 0, "a snapshot that nobody takes: recording_out is NULL");
    pp_session_lock();
    result = refuse_without_heap(err);
    if (result == 0)
        pp_heap_measure(&pp_session);
    if (result == 0)
        result = pp_session_request(PP_REQUEST_FLUSH, 0, err);
    if (result == 0)
        result = pp_snapshot_take(pp_session.header, pp_session.number, NULL, recording_out, err);
    pp_session_unlock();
    return result;
}

int pprofc_set_heap_interval(uint64_t interval_bytes, struct pprofc_error *err)
{
    int result;

    if (interval_bytes == 0 || interval_bytes > UINT32_MAX)
        return pp_fail(err, -ERANGE, 0, "an interval of %llu bytes: give 1 to 4 GiB",
                       (unsigned long long)interval_bytes);
    pp_session_lock();
    result = refuse_without_heap(err);
    if (result == 0) {
        result = pp_session_request(PP_REQUEST_HEAP_INTERVAL, interval_bytes, NULL);
        if (result == -ENOTSUP)
            (void)pp_fail(
                err, result, 0,
                "an interval of %llu KiB while it runs: objects would have to be followed "
                "in another way; begin another session",
                (unsigned long long)(interval_bytes / KIB));
    }
    pp_session_unlock();
    return result;
}
