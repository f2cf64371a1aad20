/* From a piece of text to a number given to it when it was first met: what stands in a file a
 * million times is looked at once. */
#ifndef PP_FORMATS_TEXT_MEMO_H
#define PP_FORMATS_TEXT_MEMO_H

#include <stddef.h>
#include <string.h>

#include "profile/id_table.h"

/* One after the other, so that a look at the number is one at the bytes too. */
struct pp_text_memo_entry {
    uint32_t id, n_bytes;
    char bytes[];
};

struct pp_text_memo {
    struct pp_id_table table; /* by hash: where the entry begins, in words of 8 bytes */
    uint64_t *words;          /* the entries; the first word is none's */
    size_t n_words, capacity;
};

#define PP_TEXT_MEMO_INIT        \
    {                            \
        {NULL, 0, 0}, NULL, 0, 0 \
    }

void pp_text_memo_done(struct pp_text_memo *memo);

/* Remember 'id' for bytes that are not there yet.  Returns 0 or -ENOMEM; -E2BIG for more than 4 GiB
 * of bytes, or 32 GiB of all together. */
int pp_text_memo_put(struct pp_text_memo *memo, const char *bytes, size_t n_bytes, uint64_t hash,
                     uint32_t id);

static inline uint64_t pp_text_load8(const char *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof word);
    return word;
}

/* Sixteen bytes a multiplication; the last ones may be looked at twice. */
static inline uint64_t pp_text_hash(const char *bytes, size_t n_bytes)
{
    const uint64_t odd = 0x9e3779b97f4a7c15ULL, other = 0xd6e8feb86659fd93ULL;
    uint64_t hash = n_bytes * odd;
    unsigned __int128 product;
    size_t at = 0;

    for (; n_bytes - at > 16; at += 16) {
        product = (unsigned __int128)(pp_text_load8(bytes + at) ^ hash ^ odd) *
                  (pp_text_load8(bytes + at + 8) ^ other);
        hash = (uint64_t)product ^ (uint64_t)(product >> 64);
    }
    if (n_bytes >= 8) {
        product = (unsigned __int128)(pp_text_load8(bytes + n_bytes - 8) ^ hash ^ odd) *
                  (pp_text_load8(bytes + (n_bytes >= 16 ? n_bytes - 16 : 0)) ^ other);
    } else {
        uint64_t word = 0;
        for (size_t i = 0; i < n_bytes; i++)
            word = word << 8 | (unsigned char)bytes[i];
        product = (unsigned __int128)(word ^ hash ^ odd) * other;
    }
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Names have some twenty bytes: a call takes longer than to compare them. */
static inline bool pp_text_equal(const char *a, const char *b, size_t n_bytes)
{
    size_t at = 0;

    if (n_bytes < 8) {
        while (at < n_bytes && a[at] == b[at])
            at++;
        return at == n_bytes;
    }
    for (; n_bytes - at > 8; at += 8)
        if (pp_text_load8(a + at) != pp_text_load8(b + at))
            return false;
    return pp_text_load8(a + n_bytes - 8) == pp_text_load8(b + n_bytes - 8);
}

/* The id of these bytes, in 'id_out'; false when they are new. */
static inline bool pp_text_memo_find(const struct pp_text_memo *memo, const char *bytes,
                                     size_t n_bytes, uint64_t hash, uint32_t *id_out)
{
    struct pp_id_probe probe = pp_id_table_first(&memo->table, hash);

    for (; probe.id != 0; probe = pp_id_table_after(&memo->table, hash, probe)) {
        const struct pp_text_memo_entry *entry =
            (const struct pp_text_memo_entry *)&memo->words[probe.id];
        if (entry->n_bytes == n_bytes && pp_text_equal(entry->bytes, bytes, n_bytes)) {
            *id_out = entry->id;
            return true;
        }
    }
    return false;
}

#endif
