/* What JSON says of a heap. */
#include "formats/json_heap.h"

#include <math.h>

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

static void put_known_integer(struct pp_json *json, const char *key, int64_t number)
{
    if (number < 0)
        pp_json_null(json, key);
    else
        pp_json_integer(json, key, number);
}

static void put_memory(struct pp_json *json, const struct pprofc_profile *profile)
{
    const struct pp_heap_memory *memory = &profile->memory;
    struct pp_fragmentation found;

    if (memory->allocator == 0 || !pp_fragmentation_make(memory, &found)) {
        pp_json_null(json, "memory");
        return;
    }
    pp_json_begin_object(json, "memory");
    pp_json_text(json, "allocator", pp_profile_chars(profile, memory->allocator));
    pp_json_integer(json, "object_bytes", found.in_objects);
    pp_json_integer(json, "held_bytes", memory->held_bytes);
    pp_json_integer(json, "resident_bytes", memory->resident_bytes);
    pp_json_integer(json, "external_bytes", found.external);
    put_known_integer(json, "internal_bytes", found.internal);
    put_known_integer(json, "internal_error_bytes", found.internal_error);
    pp_json_integer(json, "retained_bytes", found.retained);
    pp_json_fraction(json, "fragmentation", found.ratio);
    pp_json_integer(json, "tables_bytes", memory->tables_bytes);
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

/* ---- lifetimes ---- */

static void put_known(struct pp_json *json, const char *key, double figure)
{
    if (figure < 0)
        pp_json_null(json, key);
    else
        pp_json_fraction(json, key, figure);
}

static void put_lifetime(struct pp_json *json, const char *key,
                         const struct pp_lifetimes *lifetimes)
{
    pp_json_begin_object(json, key);
    put_known(json, "median_ns", pp_lifetimes_quantile_ns(lifetimes, 0.5));
    put_known(json, "p99_ns", pp_lifetimes_quantile_ns(lifetimes, 0.99));
    put_known(json, "within_1ms_share", pp_lifetimes_temporary(lifetimes));
    pp_json_end_object(json);
}

void pp_json_lifetime(struct pp_json *json, const struct pp_lifetimes *lifetimes)
{
    if (lifetimes != NULL)
        put_lifetime(json, "lifetime", lifetimes);
}

static void put_lifetimes(struct pp_json *json, const struct pprofc_profile *profile)
{
    const int objects_type = pp_lifetimes_type(profile, 0);
    const int bytes_type = pp_profile_find_type(profile, "alloc_space", NULL);
    struct pp_lifetimes objects, bytes;

    if (objects_type < 0 || bytes_type < 0) {
        pp_json_null(json, "lifetimes");
        return;
    }
    objects = pp_lifetimes_total(profile, (uint32_t)objects_type);
    bytes = pp_lifetimes_total(profile, (uint32_t)bytes_type);
    pp_json_begin_object(json, "lifetimes");
    put_lifetime(json, "objects", &objects);
    put_lifetime(json, "bytes", &bytes);
    pp_json_begin_array(json, "buckets");
    for (uint32_t bucket = 0; bucket < PP_N_LIFETIMES; bucket++) {
        if (objects.freed[bucket] <= 0 && bytes.freed[bucket] <= 0)
            continue;
        pp_json_begin_object(json, NULL);
        pp_json_integer(json, "below_ns", pp_lifetime_bound_ns(bucket));
        pp_json_integer(json, "objects", (int64_t)fmin(objects.freed[bucket], 0x1p62));
        pp_json_integer(json, "bytes", (int64_t)fmin(bytes.freed[bucket], 0x1p62));
        pp_json_end_object(json);
    }
    pp_json_end_array(json);
    pp_json_end_object(json);
}

/* ---- exact totals ---- */

static void put_usable(struct pp_json *json, bool is_known, int64_t allocated, int64_t freed)
{
    if (!is_known) {
        pp_json_null(json, "usable_allocated_bytes");
        pp_json_null(json, "usable_freed_bytes");
        pp_json_null(json, "usable_net_bytes");
        return;
    }
    pp_json_integer(json, "usable_allocated_bytes", allocated);
    pp_json_integer(json, "usable_freed_bytes", freed);
    pp_json_integer(json, "usable_net_bytes", allocated - freed);
}

static void put_thread(struct pp_json *json, const char *key, const struct pprofc_profile *profile,
                       const struct pp_heap_thread *thread)
{
    pp_json_begin_object(json, key);
    if (key == NULL) {
        pp_json_bytes(json, "name", profile->strings[thread->who.name],
                      profile->string_bytes[thread->who.name]);
        pp_json_integer(json, "id", thread->who.id);
    } else {
        pp_json_integer(json, "n_threads", thread->who.n_threads);
    }
    pp_json_integer(json, "n_allocs", thread->n_allocs);
    pp_json_integer(json, "n_reallocs", thread->n_reallocs);
    pp_json_integer(json, "n_frees", thread->n_frees);
    pp_json_integer(json, "requested_bytes", thread->requested_bytes);
    put_usable(json, profile->heap.counts_usable, thread->usable_allocated_bytes,
               thread->usable_freed_bytes);
    pp_json_end_object(json);
}

static void put_threads(struct pp_json *json, const struct pprofc_profile *profile)
{
    pp_json_begin_array(json, "threads");
    for (uint32_t i = 0; i < profile->heap.n_threads; i++)
        put_thread(json, NULL, profile, &profile->heap.threads[i]);
    pp_json_end_array(json);
    put_thread(json, "other_threads", profile, &profile->heap.other_threads);
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
    put_usable(json, totals->counts_usable, totals->usable_allocated_bytes,
               totals->usable_freed_bytes);
    put_threads(json, profile);
    put_lifetimes(json, profile);
    put_memory(json, profile);
    pp_json_end_object(json);
}
