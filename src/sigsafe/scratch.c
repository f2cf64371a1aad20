/* What handlers borrow while they walk. */
#include "sigsafe/scratch.h"

#include <stddef.h>

struct pp_sig_scratch *pp_sig_scratches;

static _Atomic uint64_t taken; /* a bit each */

struct pp_sig_scratch *pp_sig_scratch_take(void)
{
    uint64_t bits = atomic_load_explicit(&taken, memory_order_relaxed);

    while (~bits != 0) {
        const uint32_t i = (uint32_t)__builtin_ctzll(~bits);

        if (atomic_compare_exchange_weak_explicit(&taken, &bits, bits | (UINT64_C(1) << i),
                                                  memory_order_acquire, memory_order_relaxed))
            return pp_sig_scratches == NULL ? NULL : &pp_sig_scratches[i];
    }
    return NULL;
}

void pp_sig_scratch_give(struct pp_sig_scratch *scratch)
{
    const uint64_t bit = UINT64_C(1) << (scratch - pp_sig_scratches);

    atomic_fetch_and_explicit(&taken, ~bit, memory_order_release);
}

void pp_sig_scratch_reset(void)
{
    atomic_store_explicit(&taken, 0, memory_order_relaxed);
}
