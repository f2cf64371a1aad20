/* Open-addressing table from a hash to an id, the heart of interning.  It keeps ids only; what they
 * mean, and whether two things are equal, is the caller's business. */
#ifndef PP_PROFILE_ID_TABLE_H
#define PP_PROFILE_ID_TABLE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Of functions that do nothing but fetch: gcc 12 takes calls of them for calls that do nothing. */
#define PP_FETCHES __attribute__((always_inline))

enum { PP_CACHE_LINE_BYTES = 64 };

/* Two slots in three are used at most.  A slot is (32 bits of hash, id); id 0 is a free slot, so
 * that growing needs no look at the things themselves. */
struct pp_id_table {
    uint64_t *slots;
    uint32_t n_slots; /* a power of two, or 0 */
    uint32_t n_used;
};

/* Where a search stands: 'id' is the candidate, 0 when the thing is not there. */
struct pp_id_probe {
    uint32_t id;
    uint32_t slot;
};

static inline uint64_t pp_hash_mix(uint64_t value)
{
    value ^= value >> 32;
    value *= 0xd6e8feb86659fd93ULL;
    value ^= value >> 32;
    value *= 0xd6e8feb86659fd93ULL;
    value ^= value >> 32;
    return value;
}

static inline uint64_t pp_hash_add(uint64_t hash, uint64_t value)
{
    return pp_hash_mix(hash ^ (value + 0x9e3779b97f4a7c15ULL + (hash << 6)));
}

static inline uint64_t pp_hash_bytes(const void *bytes, size_t n_bytes)
{
    const char *at = bytes;
    uint64_t hash = n_bytes * 0x9e3779b97f4a7c15ULL;
    uint64_t word;

    for (; n_bytes >= sizeof word; at += sizeof word, n_bytes -= sizeof word) {
        memcpy(&word, at, sizeof word);
        hash = pp_hash_add(hash, word);
    }
    word = 0;
    if (n_bytes > 0)
        memcpy(&word, at, n_bytes);
    return pp_hash_add(hash, word);
}

/* Where a search begins.  Only the high half of a hash is kept in the table; it says everything, so
 * that growing can place an entry without its owner.  Up to 2^32 slots the top bits serve as the
 * index. */
static inline uint32_t pp_id_table_start(uint64_t high_half, uint32_t n_slots)
{
    return (uint32_t)(high_half * n_slots >> 32);
}

/* The candidate at 'probe' or behind it. */
static inline struct pp_id_probe pp_id_table_next(const struct pp_id_table *table, uint64_t hash,
                                                  struct pp_id_probe probe)
{
    const uint32_t wanted = (uint32_t)(hash >> 32);

    while ((probe.id = (uint32_t)table->slots[probe.slot]) != 0 &&
           (uint32_t)(table->slots[probe.slot] >> 32) != wanted)
        probe.slot = (probe.slot + 1) & (table->n_slots - 1);
    return probe;
}

/* The first candidate for 'hash'; compare it with what you look for, and go on with
 * pp_id_table_after(). */
static inline struct pp_id_probe pp_id_table_first(const struct pp_id_table *table, uint64_t hash)
{
    struct pp_id_probe probe = {0, 0};

    if (table->n_slots == 0)
        return probe;
    probe.slot = pp_id_table_start(hash >> 32, table->n_slots);
    return pp_id_table_next(table, hash, probe);
}

static inline struct pp_id_probe pp_id_table_after(const struct pp_id_table *table, uint64_t hash,
                                                   struct pp_id_probe probe)
{
    probe.slot = (probe.slot + 1) & (table->n_slots - 1);
    return pp_id_table_next(table, hash, probe);
}

/* Room for one more.  Returns 0 or -ENOMEM. */
int pp_id_table_grow(struct pp_id_table *table);

static inline int pp_id_table_reserve(struct pp_id_table *table)
{
    return (uint64_t)table->n_used * 3 < (uint64_t)table->n_slots * 2 ? 0 : pp_id_table_grow(table);
}

/* Put 'id' (not 0) where the search for it has ended without it; room was made before that. */
static inline void pp_id_table_put_at(struct pp_id_table *table, uint64_t hash,
                                      struct pp_id_probe probe, uint32_t id)
{
    table->slots[probe.slot] = hash >> 32 << 32 | id;
    table->n_used++;
}

/* Put 'id' (not 0, not there yet) in.  Returns 0 or -ENOMEM. */
int pp_id_table_put(struct pp_id_table *table, uint64_t hash, uint32_t id);

/* Make an empty table large enough for 'n_ids'.  Returns 0 or -ENOMEM, and then it grows as it
 * fills. */
int pp_id_table_expect(struct pp_id_table *table, uint32_t n_ids);

void pp_id_table_done(struct pp_id_table *table);

#endif
