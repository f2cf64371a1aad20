/* The public call that looks for leaks. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "capture/api.h"
#include "sigsafe/store.h"

static uint32_t limit_of(const struct pprofc_leak_options *options)
{
    if (options == NULL || (options->max_pause_ms == 0 && options->force == 0))
        return 0;
    if (options->force != 0 || options->max_pause_ms >= UINT32_MAX)
        return UINT32_MAX;
    return options->max_pause_ms < 1 ? 1 : (uint32_t)options->max_pause_ms;
}

static void sum_up(struct pp_rec_header *header, struct pprofc_leak_result *result)
{
    struct pp_rec_leak_scan *scan = &header->heap.leaks;
    const uint32_t n = atomic_load(&header->heap.sites.n_items);

    for (uint32_t i = 0; i < n; i++) {
        const struct pp_rec_site *site = pp_sig_table_item(header, &header->heap.sites, i);
        if (site == NULL)
            break;
        result->n_suspects += atomic_load(&site->unreached_samples) +
                              (atomic_load(&site->unreached_excess) + 512) / 1024;
        result->suspect_bytes += atomic_load(&site->unreached_bytes);
    }
    result->pause_ns = atomic_load(&scan->pause_ns);
    result->scan_ns = atomic_load(&scan->scan_ns);
    result->scanned_bytes = atomic_load(&scan->scanned_bytes);
    result->n_objects = atomic_load(&scan->n_objects);
}

static int explain(int status, const struct pp_rec_header *header, struct pprofc_error *err)
{
    const double ms =
        header == NULL ? 0 : (double)atomic_load(&header->heap.leaks.predicted_ns) / 1e6;

    switch (status) {
    case -ENODATA:
        return pp_fail(err, status, 0,
                       "the heap is not profiled: start with PPROFC_KIND_HEAP, or PPROFC=heap");
    case -E2BIG:
        return pp_fail(err, status, 0,
                       "the program would be paused for about %.0f ms: allow more by max_pause_ms, "
                       "or force it",
                       ms);
    case -ESRCH:
        return pp_api_not_running(err);
    default:
        return pp_fail(err, status, 0, "no copy of the process could be made and read: %s",
                       strerror(-status));
    }
}

int pprofc_leak_scan(const struct pprofc_leak_options *options,
                     struct pprofc_leak_result *result_out, struct pprofc_error *err)
{
    struct pprofc_leak_result result = {.struct_bytes = sizeof result};
    struct pp_rec_header *header;
    int status;

    if (options != NULL && options->struct_bytes != sizeof *options)
        return pp_fail(err, -EINVAL, 0,
                       "options.struct_bytes is %zu, not %zu: begin with PPROFC_LEAK_OPTIONS_INIT",
                       options->struct_bytes, sizeof *options);
    pp_session_lock();
    status = pp_session_request(PP_REQUEST_LEAKS, limit_of(options), NULL);
    header = pp_session.header;
    if (status == 0)
        sum_up(header, &result);
    if (header != NULL)
        result.predicted_pause_ns = atomic_load(&header->heap.leaks.predicted_ns);
    if (status != 0)
        (void)explain(status, header, err);
    pp_session_unlock();
    if (result_out != NULL && (status == 0 || status == -E2BIG))
        *result_out = result;
    return status;
}
