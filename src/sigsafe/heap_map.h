/* A lock-free map from a 64-bit key to a few words, for use within malloc and free: objects that
 * are followed, by address, and sites, by the hash of their stack.
 *
 * It is made of levels, each four times as large as the one before.  Memory is address space only
 * until it is touched.  A level is an array of buckets of eight keys, a cache line each; a key lies
 * in its own bucket or in one of the next few, and each bucket counts the keys that passed it by,
 * so that a search knows where to stop.  When those few are full, the next level is used from then
 * on.  Objects that lie side by side have their keys side by side: programs take and free memory in
 * runs, and the map is larger than a cache.
 *
 * Writers and readers: any threads.  A key's words are written before the key is (release), and
 * read before it is taken away.  The caller sees to it that a key is not looked for before it was
 * put in, as malloc's result is not freed before it was returned. */
#ifndef PP_SIGSAFE_HEAP_MAP_H
#define PP_SIGSAFE_HEAP_MAP_H

#include <stdatomic.h>
#include <stdint.h>

#include "sigsafe/sigsafe.h"

enum { PP_HEAP_MAP_LEVELS = 7, PP_HEAP_BUCKET = 8, PP_HEAP_MAP_LEAST_SLOTS = 8192 };

/* What is known of an object that is followed. */
struct pp_sig_heap_object {
    uint64_t size_bytes;
    uint32_t site;
    uint32_t site_log2 : 8;      /* of its size when it got its site */
    uint32_t birth_rest_ns : 24; /* beyond the milliseconds; 0 where lifetimes are not kept */
    uint32_t interval_bytes;     /* that was in force; 1: exact */
    uint32_t birth_ms;           /* since the session's start */
};

struct pp_sig_heap_level {
    _Atomic uint64_t *keys;             /* NULL: there is no such level */
    struct pp_sig_heap_object *objects; /* one a key */
    _Atomic uint32_t *passed;           /* one a bucket */
    uint32_t bucket_bits;
    uint32_t key_bits; /* a bucket is for 128 << key_bits neighbouring keys */
};

struct pp_sig_heap_map {
    struct pp_sig_heap_level levels[PP_HEAP_MAP_LEVELS];
    _Atomic uint32_t current; /* the level that new keys go to */
    uint32_t first;           /* the lowest in use */
};

struct pp_sig_heap_place {
    uint32_t level, slot;
};

/* Ask the processor for the memory that putting 'key' in will want. */
PP_SIG void pp_sig_heap_map_fetch(const struct pp_sig_heap_map *map, uint64_t key);

/* Put 'key' (above 1) in.  1, or 0 when all levels are full. */
PP_SIG int pp_sig_heap_map_put(struct pp_sig_heap_map *map, uint64_t key,
                               const struct pp_sig_heap_object *object);

/* Where 'key' is: 1, or 0 when it is not there.  The words may be changed in place by whoever owns
 * the key. */
PP_SIG int pp_sig_heap_map_find(const struct pp_sig_heap_map *map, uint64_t key,
                                struct pp_sig_heap_place *place_out);
static inline struct pp_sig_heap_object *pp_sig_heap_map_at(const struct pp_sig_heap_map *map,
                                                            struct pp_sig_heap_place place)
{
    return &map->levels[place.level].objects[place.slot];
}

/* Take 'key' out and hand out its words: 1, or 0 when it is not there (any more). */
PP_SIG int pp_sig_heap_map_take(struct pp_sig_heap_map *map, uint64_t key,
                                struct pp_sig_heap_object *object_out);

#endif
