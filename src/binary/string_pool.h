/* Strings kept once each, for as long as the pool lives: a profile repeats few names many times. */
#ifndef PP_BINARY_STRING_POOL_H
#define PP_BINARY_STRING_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct pp_string_slot {
    uint64_t hash;
    const char *text; /* NULL: an empty slot */
};

struct pp_string_pool {
    struct pp_arena arena;
    struct pp_string_slot *slots; /* open addressing; n_slots is 0 or a power of two */
    size_t n_slots;
    size_t n_strings;
};

#define PP_STRING_POOL_INIT       \
    {                             \
        PP_ARENA_INIT, NULL, 0, 0 \
    }

void pp_string_pool_done(struct pp_string_pool *pool);

/* The pool's only copy of 'text', or NULL when there is no memory. */
const char *pp_string_pool_add(struct pp_string_pool *pool, const char *text);

#endif
