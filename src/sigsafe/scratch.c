/* What handlers borrow while they walk. */
#include "sigsafe/scratch.h"

#include <stddef.h>

struct pp_sig_scratch *pp_sig_scratches;

enum { WORD_BITS = 64, N_WORDS = PP_N_SCRATCH / WORD_BITS };

static _Atomic uint64_t taken[N_WORDS]; /* a bit each */

static struct pp_sig_scratch *take_in(uint32_t word)
{
    uint64_t bits = atomic_load_explicit(&taken[word], memory_order_relaxed);

    while (~bits != 0) {
        const uint32_t i = (uint32_t)__builtin_ctzll(~bits);

        if (atomic_compare_exchange_weak_explicit(&taken[word], &bits, bits | (UINT64_C(1) << i),
                                                  memory_order_acquire, memory_order_relaxed))
            return &pp_sig_scratches[word * WORD_BITS + i];
    }
    return NULL;
}

struct pp_sig_scratch *pp_sig_scratch_take(void)
{
    struct pp_sig_scratch *scratch = NULL;

    for (uint32_t word = 0; word < N_WORDS && scratch == NULL && pp_sig_scratches != NULL; word++)
        scratch = take_in(word);
    return scratch;
}

void pp_sig_scratch_give(struct pp_sig_scratch *scratch)
{
    const uint32_t i = (uint32_t)(scratch - pp_sig_scratches);

    atomic_fetch_and_explicit(&taken[i / WORD_BITS], ~(UINT64_C(1) << i % WORD_BITS),
                              memory_order_release);
}

void pp_sig_scratch_reset(void)
{
    for (uint32_t word = 0; word < N_WORDS; word++)
        atomic_store_explicit(&taken[word], 0, memory_order_relaxed);
}
