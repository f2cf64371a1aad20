/* What a site of a recording's heap holds.  The counters of a living process are not read at one
 * moment, and a recording may hold any numbers: nothing is less than nothing. */
#ifndef PP_FORMATS_RECORDING_SITES_H
#define PP_FORMATS_RECORDING_SITES_H

#include "profile/tables.h"
#include "recording/layout.h"

struct pp_site_amount {
    int64_t objects, bytes;
};

static inline uint64_t pp_site_load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static inline int64_t pp_site_bounded(uint64_t number)
{
    return number > INT64_MAX ? INT64_MAX : (int64_t)number;
}

/* Objects that those sampled stand for beyond themselves: capture counts them in 1024ths. */
static inline int64_t pp_site_excess(uint64_t excess)
{
    return (int64_t)(excess / 1024 + (excess % 1024 + 512) / 1024);
}

/* Of two counters that only grow. */
static inline int64_t pp_site_left(const _Atomic uint64_t *allocated, const _Atomic uint64_t *freed)
{
    const uint64_t all = pp_site_load(allocated), gone = pp_site_load(freed);

    return all > gone ? pp_site_bounded(all - gone) : 0;
}

static inline struct pp_site_amount pp_site_in_use(const struct pp_rec_site *site)
{
    const struct pp_rec_heap_sums *all = &site->allocated, *gone = &site->freed;

    return (struct pp_site_amount){
        pp_add_values(pp_site_left(&all->n_samples, &gone->n_samples),
                      pp_site_excess((uint64_t)pp_site_left(&all->excess, &gone->excess))),
        pp_site_left(&all->bytes, &gone->bytes)};
}

/* By the last look for what nothing leads to. */
static inline struct pp_site_amount pp_site_suspects(const struct pp_rec_site *site)
{
    const uint32_t n_samples = atomic_load(&site->unreached_samples);

    if (n_samples == 0)
        return (struct pp_site_amount){0, 0};
    return (struct pp_site_amount){
        pp_add_values(n_samples, pp_site_excess(pp_site_load(&site->unreached_excess))),
        pp_site_bounded(pp_site_load(&site->unreached_bytes))};
}

#endif
