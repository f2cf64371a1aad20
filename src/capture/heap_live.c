/* The sum over all sites of what malloc's objects in use stand for.  Readers cannot make it later:
 * the sites go on, and the allocator's figures are of one moment. */
#include "capture/heap_live.h"

#include <stddef.h>
#include <string.h>

#include "sigsafe/heap_sites.h"

struct live {
    uint64_t n_samples, n_bytes;
    double variance;
};

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* Threads add to both counters meanwhile: less than nothing is nothing. */
static uint64_t left(const _Atomic uint64_t *allocated, const _Atomic uint64_t *freed)
{
    const uint64_t n_freed = load(freed), n_allocated = load(allocated);

    return n_allocated > n_freed ? n_allocated - n_freed : 0;
}

static double number_of(const _Atomic uint64_t *bits)
{
    const uint64_t loaded = load(bits);
    double number;

    memcpy(&number, &loaded, sizeof number);
    return number;
}

static void add_site(struct live *live, const struct pp_rec_site *site)
{
    const double variance =
        number_of(&site->allocated.bytes_variance) - number_of(&site->freed.bytes_variance);

    live->n_samples += left(&site->allocated.n_samples, &site->freed.n_samples);
    live->n_bytes += left(&site->allocated.bytes, &site->freed.bytes);
    live->variance += variance > 0 ? variance : 0;
}

void pp_heap_live_measure(struct pp_rec_header *header)
{
    struct pp_rec_heap *heap = &header->heap;
    const uint32_t n_sites = atomic_load_explicit(&heap->sites.n_items, memory_order_acquire);
    struct live live = {0, 0, 0};
    uint64_t bits;

    for (uint32_t i = 0; i < n_sites; i++) {
        const struct pp_rec_site *site = pp_sig_heap_site_at(header, i);
        if (site != NULL && atomic_load_explicit(&site->hash, memory_order_acquire) != 0 &&
            (site->flags & PP_EVENT_MAPPED) == 0)
            add_site(&live, site);
    }
    memcpy(&bits, &live.variance, sizeof bits);
    atomic_store(&heap->live_bytes, live.n_bytes);
    atomic_store(&heap->live_variance, bits);
    atomic_store(&heap->live_samples,
                 live.n_samples < UINT32_MAX ? (uint32_t)live.n_samples + 1 : UINT32_MAX);
}
