/* The filter of heap_filter.h. */
#include "sigsafe/heap_filter.h"

/* The helper sets the mask back when there has been no stray for a while. */
static void count_stray(int more)
{
    atomic_fetch_add_explicit(&pp_sig_heap.n_strays, (uint32_t)more, memory_order_seq_cst);
    if (more > 0)
        __atomic_store_n(&pp_sig_heap.tag_mask, 0, __ATOMIC_SEQ_CST);
}

/* Followed, but not where sampled objects begin when free() looks for that. */
static int is_stray(const void *object)
{
    return ((uintptr_t)object & PP_HEAP_TAG_MASK) != 0 &&
           atomic_load_explicit(&pp_sig_heap.is_aligned, memory_order_relaxed) != 0;
}

/* The bit says whether the count is above 0.  Whoever clears it looks again, for another object may
 * have come that shares it; one that is freed in between, by a thread that ran on meanwhile, is
 * found when its address is given again. */
static void set_bit(uint32_t bit, int is_set)
{
    _Atomic uint8_t *byte = &pp_sig_heap.filter[bit / 8];
    const uint8_t mask = (uint8_t)(1u << bit % 8);

    if (is_set)
        atomic_fetch_or_explicit(byte, mask, memory_order_seq_cst);
    else
        atomic_fetch_and_explicit(byte, (uint8_t)~mask, memory_order_seq_cst);
}

static void count(const void *object, int more)
{
    const uint32_t bit = pp_sig_heap_bit_of(object);
    _Atomic uint8_t *n;
    uint8_t now;

    if (pp_sig_heap.filter == NULL)
        return;
    if (is_stray(object))
        count_stray(more);
    n = &pp_sig_heap.filter_counts[bit];
    now = atomic_load_explicit(n, memory_order_relaxed);
    do
        if (now == 255)
            return;
    while (!atomic_compare_exchange_weak_explicit(n, &now, (uint8_t)(now + more),
                                                  memory_order_seq_cst, memory_order_relaxed));
    if (more > 0 && now == 0)
        set_bit(bit, 1);
    if (more < 0 && now == 1) {
        set_bit(bit, 0);
        if (atomic_load_explicit(n, memory_order_seq_cst) != 0)
            set_bit(bit, 1);
    }
}

void pp_sig_heap_filter_put(const void *object)
{
    count(object, 1);
}

void pp_sig_heap_filter_take(const void *object)
{
    count(object, -1);
}
