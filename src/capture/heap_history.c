/* The history of sites: a few points each, and ages of what is in use. */
#include "capture/heap_history.h"

#include <stddef.h>
#include <string.h>

#include "capture/heap_mappings.h"
#include "capture/heap_objects.h"
#include "capture/own_memory.h"
#include "capture/session.h"
#include "sigsafe/clock.h"
#include "sigsafe/handler.h"
#include "sigsafe/heap_sites.h"

static const uint64_t FIRST_INTERVAL_NS = 100 * 1000 * 1000;
static const uint64_t AGES_INTERVAL_NS = UINT64_C(10) * 1000 * 1000 * 1000;

static uint32_t float_bits(float number)
{
    uint32_t bits;

    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static float in_use(struct pp_rec_site *site)
{
    const int64_t bytes =
        (int64_t)(atomic_load_explicit(&site->allocated.bytes, memory_order_relaxed) -
                  atomic_load_explicit(&site->freed.bytes, memory_order_relaxed));

    return bytes > 0 ? (float)bytes : 0;
}

/* Every second point goes; readers wait while the generation is odd. */
static void halve(struct pp_rec_header *header, uint32_t n_sites)
{
    struct pp_rec_heap *heap = &header->heap;

    atomic_fetch_add_explicit(&heap->trend_generation, 1, memory_order_acq_rel);
    for (uint32_t k = 0; k < PP_REC_N_TREND / 2; k++)
        heap->trend_time_ns[k] = heap->trend_time_ns[2 * k + 1];
    for (uint32_t i = 0; i < n_sites; i++) {
        struct pp_rec_site *site = pp_sig_heap_site_at(header, i);
        for (uint32_t k = 0; k < PP_REC_N_TREND / 2; k++)
            atomic_store_explicit(
                &site->trend[k],
                atomic_load_explicit(&site->trend[2 * k + 1], memory_order_relaxed),
                memory_order_relaxed);
    }
    atomic_store_explicit(&heap->n_trend, PP_REC_N_TREND / 2, memory_order_relaxed);
    atomic_fetch_add_explicit(&heap->trend_generation, 1, memory_order_acq_rel);
}

static void add_point(struct pp_session *session, uint64_t now_ns)
{
    struct pp_rec_heap *heap = &session->header->heap;
    const uint32_t n_sites = atomic_load_explicit(&heap->sites.n_items, memory_order_acquire);
    uint32_t at = atomic_load_explicit(&heap->n_trend, memory_order_relaxed);

    if (at == PP_REC_N_TREND) {
        halve(session->header, n_sites);
        session->heap_interval_ns *= 2;
        at = PP_REC_N_TREND / 2;
    }
    heap->trend_time_ns[at] = now_ns - pp_sig_gate->start_monotonic_ns;
    for (uint32_t i = 0; i < n_sites; i++) {
        struct pp_rec_site *site = pp_sig_heap_site_at(session->header, i);
        if (site == NULL)
            break;
        atomic_store_explicit(&site->trend[at], float_bits(in_use(site)), memory_order_relaxed);
    }
    atomic_store_explicit(&heap->n_trend, at + 1, memory_order_release);
}

void pp_heap_history_tend(struct pp_session *session, uint64_t now_ns)
{
    if (session->heap_interval_ns == 0) {
        session->heap_interval_ns = FIRST_INTERVAL_NS;
        session->next_heap_point_ns = now_ns + FIRST_INTERVAL_NS;
        session->next_heap_ages_ns = now_ns + AGES_INTERVAL_NS;
    }
    if (now_ns >= session->next_heap_ages_ns) {
        pp_heap_history_ages(session);
        session->next_heap_ages_ns =
            pp_sig_clock_ns(CLOCK_MONOTONIC) +
            AGES_INTERVAL_NS; /* from its end: many objects take their time */
    }
    if (now_ns < session->next_heap_point_ns)
        return;
    add_point(session, now_ns);
    session->next_heap_point_ns = now_ns + session->heap_interval_ns;
}

void pp_heap_history_last(struct pp_session *session)
{
    if (session->heap_interval_ns != 0)
        add_point(session, pp_sig_clock_ns(CLOCK_MONOTONIC));
}

/* ---- ages ---- */

struct age {
    uint64_t n, birth_ms_sum, oldest_ms;
};

struct ages {
    struct age *of_sites;
    uint32_t n_sites;
};

static void add_object(void *context, uint64_t address, const struct pp_sig_heap_object *object)
{
    const struct ages *ages = context;
    struct age *age;

    (void)address;
    if (object->site >= ages->n_sites)
        return;
    age = &ages->of_sites[object->site];
    if (age->n == 0 || object->birth_ms < age->oldest_ms)
        age->oldest_ms = object->birth_ms;
    age->n++;
    age->birth_ms_sum += object->birth_ms;
}

void pp_heap_history_ages(struct pp_session *session)
{
    const uint32_t n_sites =
        atomic_load_explicit(&session->header->heap.sites.n_items, memory_order_acquire);
    const uint64_t n_bytes = n_sites * sizeof(struct age);
    struct ages ages = {pp_map_anonymous(n_bytes), n_sites};

    if (ages.of_sites == NULL)
        return;
    pp_heap_each_object(add_object, &ages);
    pp_heap_mappings_each(add_object, &ages);
    for (uint32_t i = 0; i < n_sites; i++) {
        struct pp_rec_site *site = pp_sig_heap_site_at(session->header, i);
        const struct age *age = &ages.of_sites[i];
        const uint64_t n = age->n == 0 ? 1 : age->n;
        atomic_store_explicit(&site->oldest_birth_ns, age->oldest_ms * 1000000,
                              memory_order_relaxed);
        atomic_store_explicit(&site->mean_birth_ns, age->birth_ms_sum / n * 1000000,
                              memory_order_relaxed);
    }
    pp_unmap(ages.of_sites, n_bytes);
}
