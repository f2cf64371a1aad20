/* A set of some of many numbered things, with the place of each in it: a bit and a sixteenth of a
 * number a thing, where a column of places would take a number. */
#ifndef PP_VIEWS_FLAMEGRAPH_SET_H
#define PP_VIEWS_FLAMEGRAPH_SET_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

enum { PP_FLAME_WORD_BITS = 64 };

/* Which of so many things are in a set, and how many of these come before each. */
struct pp_flame_set {
    uint64_t *bits;
    uint32_t *n_before; /* by word of 'bits' */
    uint32_t n;         /* in the set */
};

/* Not the builtin, which calls a function on processors of any age. */
static inline uint32_t pp_flame_count_bits(uint64_t bits)
{
    bits -= bits >> 1 & UINT64_C(0x5555555555555555);
    bits = (bits & UINT64_C(0x3333333333333333)) + (bits >> 2 & UINT64_C(0x3333333333333333));
    bits = (bits + (bits >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (uint32_t)(bits * UINT64_C(0x0101010101010101) >> 56);
}

static inline int pp_flame_set_init(struct pp_flame_set *set, uint32_t n_things)
{
    const uint32_t n_words = n_things / PP_FLAME_WORD_BITS + 1;

    set->bits = calloc(n_words, sizeof *set->bits);
    set->n_before = calloc(n_words, sizeof *set->n_before);
    return set->bits == NULL || set->n_before == NULL ? -ENOMEM : 0;
}

static inline void pp_flame_set_done(struct pp_flame_set *set)
{
    free(set->bits);
    free(set->n_before);
}

static inline void pp_flame_set_add(struct pp_flame_set *set, uint32_t thing)
{
    set->bits[thing / PP_FLAME_WORD_BITS] |= UINT64_C(1) << thing % PP_FLAME_WORD_BITS;
}

/* Count them, once all are in. */
static inline void pp_flame_set_count(struct pp_flame_set *set, uint32_t n_things)
{
    for (uint32_t word = 0; word <= n_things / PP_FLAME_WORD_BITS; word++) {
        set->n_before[word] = set->n;
        set->n += pp_flame_count_bits(set->bits[word]);
    }
}

static inline bool pp_flame_set_has(const struct pp_flame_set *set, uint32_t thing)
{
    return set->bits[thing / PP_FLAME_WORD_BITS] >> thing % PP_FLAME_WORD_BITS & 1;
}

/* The place of a thing that is in it. */
static inline uint32_t pp_flame_set_place(const struct pp_flame_set *set, uint32_t thing)
{
    const uint64_t before =
        set->bits[thing / PP_FLAME_WORD_BITS] & ((UINT64_C(1) << thing % PP_FLAME_WORD_BITS) - 1);

    return set->n_before[thing / PP_FLAME_WORD_BITS] + pp_flame_count_bits(before);
}

#endif
