/* Strings kept once each, for as long as the pool lives. */
#include "binary/string_pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 256 };

void pp_string_pool_done(struct pp_string_pool *pool)
{
    free(pool->slots);
    pp_arena_done(&pool->arena);
    *pool = (struct pp_string_pool)PP_STRING_POOL_INIT;
}

/* FNV-1a: names are short, and a hostile file gains nothing but its own slowness. */
static uint64_t hash_of(const char *text, size_t n_bytes)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < n_bytes; i++)
        hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
    return hash ^ (hash >> 29);
}

static struct pp_string_slot *find_slot(struct pp_string_slot *slots, size_t n_slots, uint64_t hash,
                                        const char *text)
{
    size_t i = (size_t)hash & (n_slots - 1);

    while (slots[i].text != NULL && (slots[i].hash != hash || strcmp(slots[i].text, text) != 0))
        i = (i + 1) & (n_slots - 1);
    return &slots[i];
}

static int grow(struct pp_string_pool *pool)
{
    const size_t n_slots = pool->n_slots == 0 ? FIRST_SLOTS : 2 * pool->n_slots;
    struct pp_string_slot *slots = calloc(n_slots, sizeof *slots);

    if (slots == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < pool->n_slots; i++)
        if (pool->slots[i].text != NULL)
            *find_slot(slots, n_slots, pool->slots[i].hash, pool->slots[i].text) = pool->slots[i];
    free(pool->slots);
    pool->slots = slots;
    pool->n_slots = n_slots;
    return 0;
}

const char *pp_string_pool_add(struct pp_string_pool *pool, const char *text)
{
    const size_t n_bytes = strlen(text);
    const uint64_t hash = hash_of(text, n_bytes);
    struct pp_string_slot *slot;

    if (2 * pool->n_strings >= pool->n_slots && grow(pool) != 0)
        return NULL;
    slot = find_slot(pool->slots, pool->n_slots, hash, text);
    if (slot->text == NULL) {
        slot->text = pp_arena_copy(&pool->arena, text, n_bytes);
        if (slot->text == NULL)
            return NULL;
        slot->hash = hash;
        pool->n_strings++;
    }
    return slot->text;
}
