/* What JSON says of a heap. */
#include "formats/json_heap.h"

#include "profile/fragmentation.h"
#include "profile/top.h"

void pp_json_error(struct pp_json *json, const char *key, const struct pp_estimate *estimate)
{
    const double error = pp_top_error(estimate);

    if (estimate->n_sampled > 0 && error < 0)
        pp_json_null(json, key);
    else
        pp_json_fraction(json, key, error < 0 ? 0 : error);
}

static int64_t in_use_bytes(const struct pprofc_profile *profile)
{
    const int type = pp_profile_find_type(profile, "inuse_space", NULL);

    return type < 0 ? -1 : pp_profile_total(profile, (uint32_t)type);
}

static void put_memory(struct pp_json *json, const struct pprofc_profile *profile)
{
    const struct pp_heap_memory *memory = &profile->memory;
    struct pp_fragmentation found;

    if (!pp_fragmentation_make(memory, in_use_bytes(profile), &found)) {
        pp_json_null(json, "memory");
        return;
    }
    pp_json_begin_object(json, "memory");
    pp_json_text(json, "allocator", pp_profile_chars(profile, memory->allocator));
    pp_json_integer(json, "object_bytes", found.in_objects);
    pp_json_integer(json, "held_bytes", memory->held_bytes);
    pp_json_integer(json, "resident_bytes", memory->resident_bytes);
    pp_json_integer(json, "external_bytes", found.external);
    if (found.internal >= 0)
        pp_json_integer(json, "internal_bytes", found.internal);
    else
        pp_json_null(json, "internal_bytes");
    pp_json_integer(json, "retained_bytes", found.retained);
    pp_json_fraction(json, "fragmentation", found.ratio);
    pp_json_integer(json, "tables_bytes", memory->tables_bytes);
    pp_json_integer(json, "alignment_bytes", memory->alignment_bytes);
    pp_json_end_object(json);
}

static void put_mappings(struct pp_json *json, const struct pp_heap_totals *totals)
{
    if (!totals->follows_mappings) {
        pp_json_null(json, "mappings");
        return;
    }
    pp_json_begin_object(json, "mappings");
    pp_json_integer(json, "n_maps", totals->n_maps);
    pp_json_integer(json, "mapped_bytes", totals->mapped_bytes);
    pp_json_integer(json, "n_other_maps", totals->n_other_maps);
    pp_json_integer(json, "other_mapped_bytes", totals->other_mapped_bytes);
    pp_json_integer(json, "n_unmaps", totals->n_unmaps);
    pp_json_integer(json, "unmapped_bytes", totals->unmapped_bytes);
    pp_json_end_object(json);
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
    put_mappings(json, totals);
    put_memory(json, profile);
    pp_json_end_object(json);
}
