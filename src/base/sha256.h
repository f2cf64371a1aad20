/* SHA-256 (FIPS 180-4), for names of files; nothing here keeps a secret. */
#ifndef PP_BASE_SHA256_H
#define PP_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { PP_SHA256_BYTES = 32, PP_SHA256_BLOCK_BYTES = 64 };

struct pp_sha256 {
    uint32_t state[8];
    uint64_t n_bytes;
    uint8_t block[PP_SHA256_BLOCK_BYTES]; /* the last n_bytes % 64 of them */
};

void pp_sha256_init(struct pp_sha256 *hash);
void pp_sha256_add(struct pp_sha256 *hash, const void *bytes, size_t n_bytes);
void pp_sha256_end(struct pp_sha256 *hash, uint8_t digest_out[PP_SHA256_BYTES]);

#endif
