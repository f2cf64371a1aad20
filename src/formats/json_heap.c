/* What JSON says of a heap. */
#include "formats/json_heap.h"

#include "profile/top.h"

void pp_json_error(struct pp_json *json, const char *key, const struct pp_estimate *estimate)
{
    const double error = pp_top_error(estimate);

    if (estimate->n_sampled > 0 && error < 0)
        pp_json_null(json, key);
    else
        pp_json_fraction(json, key, error < 0 ? 0 : error);
}

void pp_json_heap(struct pp_json *json, const struct pprofc_profile *profile)
{
    const struct pp_heap_totals *totals = &profile->heap;

    if (!totals->is_known) {
        pp_json_null(json, "heap");
        return;
    }
    pp_json_begin_object(json, "heap");
    pp_json_integer(json, "interval_bytes", profile->period);
    pp_json_integer(json, "n_allocs", totals->n_allocs);
    pp_json_integer(json, "n_reallocs", totals->n_reallocs);
    pp_json_integer(json, "n_frees", totals->n_frees);
    pp_json_integer(json, "requested_bytes", totals->requested_bytes);
    pp_json_bool(json, "is_behind", totals->is_behind);
    pp_json_end_object(json);
}
