/* The map of heap_map.h. */
#include "sigsafe/heap_map.h"

#include <stddef.h>

enum {
    FREE_KEY = 0,
    BUSY_KEY = 1, /* being filled in, or taken out */
    MAX_BUCKETS = 6,
};

/* The same bucket for 128 bytes of addresses (more where few objects are followed: the buckets in
 * use lie close together then), the next for the next, for 8192 of them; where such a region begins
 * is scrambled, so that objects far apart that are alike in their low bits are not in each other's
 * way. */
static uint32_t bucket_of(const struct pp_sig_heap_level *level, uint64_t key)
{
    const uint64_t near = key >> (7 + level->key_bits);
    const uint64_t region = (near >> 13) * UINT64_C(0x9E3779B97F4A7C15) >> 32;

    return (uint32_t)(near ^ region) & ((1u << level->bucket_bits) - 1);
}

static uint32_t after(const struct pp_sig_heap_level *level, uint32_t bucket)
{
    return (bucket + 1) & ((1u << level->bucket_bits) - 1);
}

void pp_sig_heap_map_fetch(const struct pp_sig_heap_map *map, uint64_t key)
{
    const struct pp_sig_heap_level *level =
        &map->levels[atomic_load_explicit(&map->current, memory_order_relaxed)];
    uint64_t slot;

    if (level->keys == NULL)
        return;
    slot = (uint64_t)bucket_of(level, key) * PP_HEAP_BUCKET;
    __builtin_prefetch((const void *)&level->keys[slot], 1);
    __builtin_prefetch(&level->objects[slot], 1);
}

/* 'n' buckets from 'bucket' on are passed by one key more, or less. */
static void count_passing(const struct pp_sig_heap_level *level, uint32_t bucket, uint32_t n,
                          uint32_t more)
{
    for (; n > 0; n--, bucket = after(level, bucket))
        atomic_fetch_add_explicit(&level->passed[bucket], more, memory_order_relaxed);
}

/* A free slot of the bucket, which is ours then; -1 when there is none. */
static int claim(const struct pp_sig_heap_level *level, uint32_t bucket)
{
    _Atomic uint64_t *keys = &level->keys[(uint64_t)bucket * PP_HEAP_BUCKET];

    for (int i = 0; i < PP_HEAP_BUCKET; i++) {
        uint64_t expected = FREE_KEY;
        if (atomic_load_explicit(&keys[i], memory_order_relaxed) == FREE_KEY &&
            atomic_compare_exchange_strong_explicit(&keys[i], &expected, BUSY_KEY,
                                                    memory_order_acquire, memory_order_relaxed))
            return i;
    }
    return -1;
}

static int put_in_level(const struct pp_sig_heap_level *level, uint64_t key,
                        const struct pp_sig_heap_object *object)
{
    const uint32_t home = bucket_of(level, key);
    uint32_t bucket = home;

    for (uint32_t n = 0; n < MAX_BUCKETS; n++, bucket = after(level, bucket)) {
        const int i = claim(level, bucket);
        if (i >= 0) {
            const uint64_t slot = (uint64_t)bucket * PP_HEAP_BUCKET + (uint32_t)i;
            level->objects[slot] = *object;
            count_passing(level, home, n, 1); /* before the key can be looked for */
            atomic_store_explicit(&level->keys[slot], key, memory_order_release);
            return 1;
        }
    }
    return 0;
}

int pp_sig_heap_map_put(struct pp_sig_heap_map *map, uint64_t key,
                        const struct pp_sig_heap_object *object)
{
    uint32_t at = atomic_load_explicit(&map->current, memory_order_acquire);

    while (at < PP_HEAP_MAP_LEVELS && map->levels[at].keys != NULL) {
        if (put_in_level(&map->levels[at], key, object))
            return 1;
        /* Whoever finds it full first moves on for all. */
        if (at + 1 == PP_HEAP_MAP_LEVELS || map->levels[at + 1].keys == NULL)
            return 0;
        if (atomic_compare_exchange_strong_explicit(&map->current, &at, at + 1,
                                                    memory_order_acq_rel, memory_order_acquire))
            at++;
    }
    return 0;
}

/* The slot of 'key', or -1; '*n_passed_out' buckets lie before its own. */
static int64_t find_in_level(const struct pp_sig_heap_level *level, uint64_t key,
                             uint32_t *n_passed_out)
{
    uint32_t bucket = bucket_of(level, key);

    for (uint32_t n = 0; n < MAX_BUCKETS; n++, bucket = after(level, bucket)) {
        const _Atomic uint64_t *keys = &level->keys[(uint64_t)bucket * PP_HEAP_BUCKET];
        for (int i = 0; i < PP_HEAP_BUCKET; i++) {
            if (atomic_load_explicit(&keys[i], memory_order_acquire) == key) {
                *n_passed_out = n;
                return (int64_t)bucket * PP_HEAP_BUCKET + i;
            }
        }
        if (atomic_load_explicit(&level->passed[bucket], memory_order_relaxed) == 0)
            break;
    }
    return -1;
}

/* The newest level first: most objects die young. */
static int find(const struct pp_sig_heap_map *map, uint64_t key,
                struct pp_sig_heap_place *place_out, uint32_t *n_passed_out)
{
    uint32_t at = atomic_load_explicit(&map->current, memory_order_acquire) + 1;

    while (at-- > map->first) {
        const int64_t slot =
            map->levels[at].keys == NULL ? -1 : find_in_level(&map->levels[at], key, n_passed_out);
        if (slot >= 0) {
            *place_out = (struct pp_sig_heap_place){at, (uint32_t)slot};
            return 1;
        }
    }
    return 0;
}

int pp_sig_heap_map_find(const struct pp_sig_heap_map *map, uint64_t key,
                         struct pp_sig_heap_place *place_out)
{
    uint32_t n_passed;

    return find(map, key, place_out, &n_passed);
}

int pp_sig_heap_map_take(struct pp_sig_heap_map *map, uint64_t key,
                         struct pp_sig_heap_object *object_out)
{
    const struct pp_sig_heap_level *level;
    struct pp_sig_heap_place place;
    uint64_t expected = key;
    uint32_t n_passed;

    if (!find(map, key, &place, &n_passed))
        return 0;
    level = &map->levels[place.level];
    if (!atomic_compare_exchange_strong_explicit(&level->keys[place.slot], &expected, BUSY_KEY,
                                                 memory_order_acquire, memory_order_relaxed))
        return 0; /* freed twice, and the other one was first */
    *object_out = level->objects[place.slot];
    atomic_store_explicit(&level->keys[place.slot], FREE_KEY, memory_order_release);
    count_passing(level, bucket_of(level, key), n_passed, UINT32_MAX);
    return 1;
}
