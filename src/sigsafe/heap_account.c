/* The sums of heap_account.h. */
#include "sigsafe/heap_account.h"

#include <stddef.h>

#include "sigsafe/clock.h"
#include "sigsafe/handler.h"
#include "sigsafe/heap_draw.h"
#include "sigsafe/heap_sites.h"
#include "sigsafe/heap_text.h"
#include "sigsafe/scratch.h"
#include "sigsafe/store.h"

enum { MILLISECOND_NS = 1000 * 1000 };

/* ---- the recording ---- */

void pp_sig_heap_leave(struct pp_sig_thread *thread)
{
    atomic_store_explicit(&thread->n_heap_exits,
                          atomic_load_explicit(&thread->n_heap_exits, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    /* 0: the helper took us for gone. */
    if (atomic_load_explicit(&thread->heap_busy, memory_order_relaxed) > 0)
        atomic_store_explicit(&thread->heap_busy,
                              atomic_load_explicit(&thread->heap_busy, memory_order_relaxed) - 1,
                              memory_order_release);
}

struct pp_rec_header *pp_sig_heap_enter(struct pp_sig_heap_thread *self,
                                        struct pp_sig_thread **thread_out)
{
    struct pp_sig_thread *thread = self->thread;
    struct pp_rec_header *header;

    /* It may have been given back, and taken by another thread, since. */
    if (thread == NULL || atomic_load_explicit(&thread->tid, memory_order_relaxed) !=
                              atomic_load_explicit(&self->tid, memory_order_relaxed))
        self->thread = thread = pp_sig_thread_running();

    if (thread == NULL)
        return NULL;
    atomic_store_explicit(&thread->heap_busy,
                          atomic_load_explicit(&thread->heap_busy, memory_order_relaxed) + 1,
                          memory_order_seq_cst);
    header = pp_sig_gate == NULL ? NULL
                                 : atomic_load_explicit(&pp_sig_gate->header, memory_order_acquire);
    if (header == NULL)
        pp_sig_heap_leave(thread);
    *thread_out = thread;
    return header;
}

static int keeps_lifetimes(void)
{
    return atomic_load_explicit(&pp_sig_heap.keeps_lifetimes, memory_order_relaxed) != 0;
}

/* Since the session's start. */
static uint64_t now_ns(clockid_t clock)
{
    const uint64_t at_ns = pp_sig_clock_ns(clock);

    return at_ns <= pp_sig_gate->start_monotonic_ns ? 0 : at_ns - pp_sig_gate->start_monotonic_ns;
}

/* The coarse clock: a tick is exact enough for an age, and a quarter of the cost. */
static void set_birth(struct pp_sig_heap_object *known)
{
    const int is_exact = keeps_lifetimes();
    const uint64_t birth_ns = now_ns(is_exact ? CLOCK_MONOTONIC : CLOCK_MONOTONIC_COARSE);

    known->birth_ms = (uint32_t)(birth_ns / MILLISECOND_NS);
    known->birth_rest_ns = is_exact ? birth_ns % MILLISECOND_NS & 0xffffff : 0;
}

uint64_t pp_sig_heap_death_ns(void)
{
    return keeps_lifetimes() && pp_sig_gate != NULL ? now_ns(CLOCK_MONOTONIC) : 0;
}

void pp_sig_heap_count_lifetime(struct pp_rec_header *header,
                                const struct pp_sig_heap_object *object, uint64_t death_ns)
{
    const uint64_t birth_ns = object->birth_ms * UINT64_C(1000000) + object->birth_rest_ns;
    struct pp_sig_heap_weight weight;

    if (death_ns == 0)
        return;
    weight = pp_sig_heap_weigh(object->size_bytes, object->interval_bytes);
    pp_sig_heap_lived(header, object->site, death_ns > birth_ns ? death_ns - birth_ns : 0, &weight);
}

/* All of the heap is 'more' larger: a new peak is wherever it has never been so large. */
static void follow_peak(struct pp_rec_header *header, uint64_t more)
{
    uint64_t live, peak;

    if (atomic_load_explicit(&pp_sig_heap.follows_peak, memory_order_relaxed) == 0)
        return;
    live = atomic_fetch_add_explicit(&pp_sig_heap.live_bytes, more, memory_order_relaxed) + more;
    peak = atomic_load_explicit(&pp_sig_heap.peak_bytes, memory_order_relaxed);
    if ((int64_t)more <= 0 || live <= peak)
        return;
    /* Every site's memory of an earlier peak is void: what it has now counts, until it changes. */
    atomic_store_explicit(&pp_sig_heap.peak_bytes, live, memory_order_relaxed);
    atomic_store_explicit(&header->heap.peak_bytes, live, memory_order_relaxed);
    atomic_store_explicit(&header->heap.peak_time_ns,
                          pp_sig_clock_ns(CLOCK_MONOTONIC) - pp_sig_gate->start_monotonic_ns,
                          memory_order_relaxed);
    atomic_fetch_add_explicit(&header->heap.peak_mark, 1, memory_order_relaxed);
}

PP_HEAP_TEXT uint32_t pp_sig_heap_site_here(struct pp_rec_header *header,
                                            struct pp_sig_thread *thread,
                                            const struct pp_sig_arch_registers *registers,
                                            uint32_t kind)
{
    struct pp_sig_scratch *scratch = pp_sig_scratch_take();
    struct pp_sig_bounds bounds;
    struct pp_sig_walk walk;
    uint32_t site;

    if (scratch == NULL) {
        pp_sig_count_loss(header, PP_LOSS_HEAP_STACK);
        return PP_SITE_FOLDED;
    }
    bounds.lo = atomic_load_explicit(&thread->stack_lo, memory_order_relaxed);
    bounds.hi = atomic_load_explicit(&thread->stack_hi, memory_order_acquire);
    if (registers != NULL)
        pp_sig_unwind_registers(registers, bounds, scratch->pcs, &walk);
    else
        pp_sig_unwind_call(bounds, pp_heap_text_start, pp_heap_text_limit, scratch->pcs, &walk);
    if ((walk.flags & PP_WALK_NEW_CODE) != 0)
        pp_sig_tell_new_code(header, walk.flags);
    walk.flags |= kind;
    site = pp_sig_heap_site(header, scratch->pcs, &walk,
                            atomic_load_explicit(&thread->label_set, memory_order_relaxed));
    pp_sig_scratch_give(scratch);
    return site;
}

int pp_sig_heap_count_allocated(struct pp_rec_header *header,
                                const struct pp_sig_heap_object *object)
{
    const struct pp_sig_heap_weight weight =
        pp_sig_heap_weigh(object->size_bytes, object->interval_bytes);
    struct pp_rec_site *site = pp_sig_heap_site_at(header, object->site);

    if (site == NULL)
        return 0;
    pp_sig_heap_keep_peak(header, site);
    pp_sig_heap_add(&site->allocated, 1, &weight);
    follow_peak(header, weight.bytes);
    pp_sig_wake_dozing(header);
    return 1;
}

void pp_sig_heap_count_freed(struct pp_rec_header *header, const struct pp_sig_heap_object *known)
{
    const struct pp_sig_heap_weight weight =
        pp_sig_heap_weigh(known->size_bytes, known->interval_bytes);
    struct pp_rec_site *site = pp_sig_heap_site_at(header, known->site);

    if (site == NULL)
        return;
    pp_sig_heap_keep_peak(header, site);
    pp_sig_heap_add(&site->freed, 1, &weight);
    follow_peak(header, -weight.bytes);
}

static uint8_t log2_of(uint64_t n)
{
    return n == 0 ? 0 : (uint8_t)(63 - __builtin_clzll(n));
}

struct pp_sig_heap_object pp_sig_heap_describe(uint64_t size_bytes, uint32_t interval_bytes,
                                               uint32_t site)
{
    struct pp_sig_heap_object object;

    object.size_bytes = size_bytes;
    object.site = site;
    object.site_log2 = log2_of(size_bytes);
    object.interval_bytes = interval_bytes;
    set_birth(&object); /* the walk to its site is none of its life */
    return object;
}

/* ---- objects that grow and shrink ---- */

static uint32_t kind_of(const struct pp_rec_site *site)
{
    return site != NULL && (site->flags & PP_EVENT_MAPPED) != 0 ? PP_WALK_MAPPED : 0;
}

PP_HEAP_TEXT void pp_sig_heap_grow(struct pp_rec_header *header, struct pp_sig_thread *thread,
                                   struct pp_sig_heap_object *known, size_t size_bytes,
                                   const struct pp_sig_arch_registers *registers)
{
    const struct pp_sig_heap_weight before =
        pp_sig_heap_weigh(known->size_bytes, known->interval_bytes);
    const struct pp_sig_heap_weight after = pp_sig_heap_weigh(size_bytes, known->interval_bytes);
    struct pp_rec_site *site = pp_sig_heap_site_at(header, known->site), *next = site;

    if (log2_of(size_bytes) > known->site_log2) {
        known->site = pp_sig_heap_site_here(header, thread, registers, kind_of(site));
        known->site_log2 = log2_of(size_bytes);
        next = pp_sig_heap_site_at(header, known->site);
    }
    known->size_bytes = size_bytes;
    if (site == NULL || next == NULL)
        return;
    pp_sig_heap_keep_peak(header, site);
    pp_sig_heap_keep_peak(header, next);
    pp_sig_heap_subtract(&site->allocated, 1, &before);
    pp_sig_heap_add(&next->allocated, 1, &after);
    follow_peak(header, after.bytes - before.bytes);
}

int pp_sig_heap_shrink(struct pp_rec_header *header, struct pp_sig_heap_thread *self,
                       struct pp_sig_heap_object *known, size_t size_bytes)
{
    const struct pp_sig_heap_weight before =
        pp_sig_heap_weigh(known->size_bytes, known->interval_bytes);
    const struct pp_sig_heap_weight after = pp_sig_heap_weigh(size_bytes, known->interval_bytes);
    const double keep = pp_sig_heap_probability(size_bytes, known->interval_bytes) /
                        pp_sig_heap_probability(known->size_bytes, known->interval_bytes);
    const double uniform = (double)(pp_sig_heap_random(&self->random) >> 11) * 0x1p-53;
    struct pp_rec_site *site = pp_sig_heap_site_at(header, known->site);

    if (uniform >= keep) {
        pp_sig_heap_count_freed(header, known);
        return 0;
    }
    known->size_bytes = size_bytes;
    if (known->site_log2 > log2_of(size_bytes))
        known->site_log2 = log2_of(size_bytes);
    if (site != NULL) {
        pp_sig_heap_keep_peak(header, site);
        pp_sig_heap_add(&site->freed, 1, &before);
        pp_sig_heap_subtract(&site->freed, 1, &after);
        follow_peak(header, after.bytes - before.bytes);
    }
    return 1;
}
