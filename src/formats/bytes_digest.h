/* 128 bits that stand for a run of bytes.  Whoever has met the bytes before knows them by these
 * alone, without keeping them: the chance that two different runs have the same is some 2^-120 a
 * pair.  The key is the process's own, so that no file can be made in which they are more. */
#ifndef PP_FORMATS_BYTES_DIGEST_H
#define PP_FORMATS_BYTES_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/text_memo.h"

struct pp_digest {
    uint64_t place, proof;
};

/* Two keys of 128 bits. */
struct pp_digest_key {
    uint64_t place[2], proof[2];
};

/* The process's, from what the kernel has drawn for it. */
struct pp_digest_key pp_digest_key(void);

static inline uint64_t pp_digest_fold(uint64_t a, uint64_t b)
{
    const unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Two sums side by side, a multiplication each for sixteen bytes: they take as long as one, which
 * waits for its products.  The last bytes may be looked at twice. */
static inline struct pp_digest pp_digest_of(const struct pp_digest_key *key, const uint8_t *bytes,
                                            size_t n_bytes)
{
    const char *at = (const char *)bytes, *end;
    uint64_t place = key->place[1] ^ n_bytes, proof = key->proof[1] ^ n_bytes, first = 0, last = 0;

    if (n_bytes == 0) /* 'bytes' may be NULL */
        return (struct pp_digest){place, proof};
    end = at + n_bytes;
    for (; end - at > 16; at += 16) {
        first = pp_text_load8(at);
        last = pp_text_load8(at + 8);
        place = pp_digest_fold(first ^ key->place[0], last ^ place);
        proof = pp_digest_fold(first ^ key->proof[0], last ^ proof);
    }
    if (n_bytes >= 8) {
        first = pp_text_load8(n_bytes >= 16 ? end - 16 : at);
        last = pp_text_load8(end - 8);
    } else {
        for (first = 0; at < end; at++)
            first = first << 8 | (unsigned char)*at;
    }
    return (struct pp_digest){pp_digest_fold(first ^ key->place[0], last ^ place),
                              pp_digest_fold(first ^ key->proof[0], last ^ proof)};
}

static inline bool pp_digest_is(struct pp_digest a, struct pp_digest b)
{
    return a.place == b.place && a.proof == b.proof;
}

#endif
