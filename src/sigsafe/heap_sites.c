/* Sites and their sums. */
#include "sigsafe/heap_sites.h"

#include <stddef.h>

#include "sigsafe/heap.h"
#include "sigsafe/heap_draw.h"
#include "sigsafe/heap_text.h"
#include "sigsafe/store.h"
#include "sigsafe/syscall.h"

/* Random bits: a stack that maps memory and takes memory of malloc's, too, has two sites. */
#define MAPPED_HASH UINT64_C(0x6C62272E07BB0142)

_Atomic uint32_t pp_sig_heap_wants_room;

/* ---- room in the recording ---- */

/* The first index behind the block that 'index' lies in. */
static uint32_t block_limit(const struct pp_rec_table *table, uint32_t index)
{
    uint64_t limit = table->n_first, n = table->n_first;

    while (index >= limit) {
        n *= 2;
        limit += n;
    }
    return (uint32_t)limit;
}

/* 'n' items side by side: the index of the first, or UINT32_MAX. */
static uint32_t take_items(struct pp_rec_header *header, struct pp_rec_table *table, uint32_t n)
{
    uint32_t before = atomic_load_explicit(&table->n_items, memory_order_relaxed), first;

    do {
        const uint32_t limit = block_limit(table, before);
        first = limit - before < n ? limit : before;
        if (block_limit(table, first) - first < n ||
            pp_sig_table_item(header, table, first) == NULL)
            return UINT32_MAX;
    } while (!atomic_compare_exchange_weak_explicit(&table->n_items, &before, first + n,
                                                    memory_order_acq_rel, memory_order_relaxed));
    return first;
}

static void look_ahead(struct pp_rec_header *header, const struct pp_rec_table *table, uint32_t n)
{
    const uint32_t used = atomic_load_explicit(&table->n_items, memory_order_relaxed);
    const uint32_t at = used + used / 2 + n;

    if (pp_sig_table_item(header, (struct pp_rec_table *)table, at) != NULL ||
        atomic_exchange_explicit(&pp_sig_heap_wants_room, 1, memory_order_relaxed) != 0)
        return;
    atomic_fetch_add_explicit(&header->command_block.futex, 1, memory_order_release);
    pp_sig_futex_wake((void *)&header->command_block.futex);
}

/* ---- sites ---- */

struct pp_rec_site *pp_sig_heap_site_at(struct pp_rec_header *header, uint32_t index)
{
    return pp_sig_table_item(header, &header->heap.sites, index);
}

/* Ours, between the program's functions: pthread_create's hook, and where threads begin. */
static int is_own(uint64_t pc)
{
    return pc - 1 >= (uint64_t)(uintptr_t)pp_heap_text_start &&
           pc - 1 < (uint64_t)(uintptr_t)pp_heap_text_limit;
}

/* The table of lifetimes, where there is one, is as long as that of sites; the helper makes room in
 * it first. */
static void count_lifetimes(struct pp_rec_heap *heap, uint32_t n)
{
    uint32_t before = atomic_load_explicit(&heap->lifetimes.n_items, memory_order_relaxed);

    if (heap->lifetimes.item_bytes == 0)
        return;
    while (before < n &&
           !atomic_compare_exchange_weak_explicit(&heap->lifetimes.n_items, &before, n,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

static uint32_t make(struct pp_rec_header *header, const uint64_t *pcs,
                     const struct pp_sig_walk *walk, uint32_t label_set, uint64_t hash)
{
    struct pp_rec_heap *heap = &header->heap;
    uint32_t first, index = UINT32_MAX, n_own = 0;
    struct pp_rec_site *site;

    for (uint32_t i = 0; i < walk->n_frames; i++)
        n_own += (uint32_t)is_own(pcs[i]);
    first = take_items(header, &heap->frames, walk->n_frames - n_own);
    if (first != UINT32_MAX)
        index = take_items(header, &heap->sites, 1);
    if (index != UINT32_MAX) {
        uint64_t *frames = pp_sig_table_item(header, &heap->frames, first);
        count_lifetimes(heap, index + 1);
        site = pp_sig_heap_site_at(header, index);
        for (uint32_t i = 0; i < walk->n_frames; i++)
            if (!is_own(pcs[i]))
                *frames++ = pcs[i];
        site->first_frame = first;
        site->n_frames = walk->n_frames - n_own;
        site->label_set = label_set;
        site->flags = pp_sig_event_flags(walk->flags);
        if ((walk->flags & PP_WALK_MAPPED) != 0)
            site->flags |= PP_EVENT_MAPPED;
        atomic_store_explicit(&site->hash, hash, memory_order_release);
    }
    look_ahead(header, &heap->sites, PP_SITES_AHEAD);
    look_ahead(header, &heap->frames, PP_FRAMES_AHEAD);
    return index;
}

uint32_t pp_sig_heap_site(struct pp_rec_header *header, const uint64_t *pcs,
                          const struct pp_sig_walk *walk, uint32_t label_set)
{
    const uint64_t kind = (walk->flags & PP_WALK_MAPPED) != 0 ? MAPPED_HASH : 0;
    const uint64_t mixed =
        (walk->hash ^ label_set * UINT64_C(0x9E3779B97F4A7C15)) + walk->n_frames + kind;
    const uint64_t hash = mixed > 1 ? mixed : 2;
    struct pp_sig_heap_object entry = {.size_bytes = 0};
    struct pp_sig_heap_place place;

    /* Two threads that come with the same new stack may both make it: readers add up. */
    if (pp_sig_heap_map_find(&pp_sig_heap.sites, hash, &place))
        return pp_sig_heap_map_at(&pp_sig_heap.sites, place)->site;
    entry.site = walk->n_frames == 0 ? UINT32_MAX : make(header, pcs, walk, label_set, hash);
    if (entry.site == UINT32_MAX) {
        pp_sig_count_loss(header, PP_LOSS_HEAP_STACK);
        return PP_SITE_FOLDED;
    }
    (void)pp_sig_heap_map_put(&pp_sig_heap.sites, hash, &entry);
    return entry.site;
}

/* ---- sums ---- */

struct pp_sig_heap_weight pp_sig_heap_weigh(uint64_t size_bytes, uint64_t interval_bytes)
{
    struct pp_sig_heap_weight weight = {size_bytes, 0, 0, 0};
    const double size = (double)size_bytes;
    double w;

    if (interval_bytes <= 1 || size_bytes == 0)
        return weight;
    w = 1 / pp_sig_heap_probability(size_bytes, interval_bytes);
    weight.bytes = (uint64_t)(w * size + 0.5);
    weight.excess = (uint64_t)((w - 1) * 1024 + 0.5);
    weight.count_variance = w * (w - 1);
    weight.bytes_variance = weight.count_variance * size * size;
    return weight;
}

static void add_double(_Atomic uint64_t *bits, double more)
{
    union {
        uint64_t bits;
        double number;
    } now, next;

    if (more == 0)
        return;
    now.bits = atomic_load_explicit(bits, memory_order_relaxed);
    do
        next.number = now.number + more;
    while (!atomic_compare_exchange_weak_explicit(bits, &now.bits, next.bits, memory_order_relaxed,
                                                  memory_order_relaxed));
}

static void add(_Atomic uint64_t *sum, uint64_t more)
{
    if (more != 0)
        atomic_fetch_add_explicit(sum, more, memory_order_relaxed);
}

void pp_sig_heap_add(struct pp_rec_heap_sums *sums, uint64_t n_samples,
                     const struct pp_sig_heap_weight *weight)
{
    add(&sums->n_samples, n_samples);
    add(&sums->bytes, weight->bytes);
    add(&sums->excess, weight->excess);
    add_double(&sums->bytes_variance, weight->bytes_variance);
    add_double(&sums->count_variance, weight->count_variance);
}

void pp_sig_heap_subtract(struct pp_rec_heap_sums *sums, uint64_t n_samples,
                          const struct pp_sig_heap_weight *weight)
{
    add(&sums->n_samples, -n_samples);
    add(&sums->bytes, -weight->bytes);
    add(&sums->excess, -weight->excess);
    add_double(&sums->bytes_variance, -weight->bytes_variance);
    add_double(&sums->count_variance, -weight->count_variance);
}

/* In units of 2^-10 ms: 0 is the first bucket, and each bit one more. */
static uint32_t lifetime_bucket(uint64_t lifetime_ns)
{
    const uint64_t n = lifetime_ns < UINT64_C(1) << 50 ? (lifetime_ns << 10) / 1000000
                                                       : UINT64_C(1) << PP_REC_N_LIFETIMES;
    const uint32_t bucket = n == 0 ? 0 : 64 - (uint32_t)__builtin_clzll(n);

    return bucket < PP_REC_N_LIFETIMES ? bucket : PP_REC_N_LIFETIMES - 1;
}

void pp_sig_heap_lived(struct pp_rec_header *header, uint32_t site, uint64_t lifetime_ns,
                       const struct pp_sig_heap_weight *weight)
{
    struct pp_rec_lifetimes *lifetimes = pp_sig_table_item(header, &header->heap.lifetimes, site);

    if (lifetimes != NULL)
        pp_sig_heap_add(&lifetimes->freed[lifetime_bucket(lifetime_ns)], 1, weight);
}

static uint64_t in_use(_Atomic uint64_t *allocated, _Atomic uint64_t *freed)
{
    return atomic_load_explicit(allocated, memory_order_relaxed) -
           atomic_load_explicit(freed, memory_order_relaxed);
}

void pp_sig_heap_keep_peak(struct pp_rec_header *header, struct pp_rec_site *site)
{
    const uint64_t mark = atomic_load_explicit(&header->heap.peak_mark, memory_order_relaxed);

    if (mark == 0 || atomic_load_explicit(&site->peak_mark, memory_order_relaxed) == mark)
        return;
    atomic_store_explicit(&site->peak_samples,
                          in_use(&site->allocated.n_samples, &site->freed.n_samples),
                          memory_order_relaxed);
    atomic_store_explicit(&site->peak_bytes, in_use(&site->allocated.bytes, &site->freed.bytes),
                          memory_order_relaxed);
    atomic_store_explicit(&site->peak_excess, in_use(&site->allocated.excess, &site->freed.excess),
                          memory_order_relaxed);
    atomic_store_explicit(&site->peak_mark, mark, memory_order_release);
}
