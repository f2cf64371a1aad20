/* SHA-256 of FIPS 180-4's examples, and of every length around a block, in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/sha256.h"

static void assert_digest(struct pp_sha256 *hash, const char *expected)
{
    uint8_t digest[PP_SHA256_BYTES];
    char text[2 * PP_SHA256_BYTES + 1];

    pp_sha256_end(hash, digest);
    for (size_t i = 0; i < PP_SHA256_BYTES; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(text, expected);
}

static void known_digests(void **state)
{
    static const struct {
        const char *piece;
        uint32_t n_times;
        const char *digest;
    } known[] = {
        {"", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"aaaaaaaaaa", 100000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct pp_sha256 hash;
        pp_sha256_init(&hash);
        for (uint32_t k = 0; k < known[i].n_times; k++)
            pp_sha256_add(&hash, known[i].piece, strlen(known[i].piece));
        assert_digest(&hash, known[i].digest);
    }
}

/* However it is cut up, the same bytes have the same digest. */
static void pieces_do_not_matter(void **state)
{
    uint8_t bytes[200], whole_digest[PP_SHA256_BYTES], digest[PP_SHA256_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    for (size_t n = 0; n <= sizeof bytes; n++) {
        struct pp_sha256 whole, parts;
        pp_sha256_init(&whole);
        pp_sha256_add(&whole, bytes, n);
        pp_sha256_end(&whole, whole_digest);
        pp_sha256_init(&parts);
        for (size_t at = 0; at < n; at += 1 + at % 3)
            pp_sha256_add(&parts, bytes + at, at + 1 + at % 3 <= n ? 1 + at % 3 : n - at);
        pp_sha256_end(&parts, digest);
        assert_memory_equal(digest, whole_digest, sizeof digest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_digests),
                                       cmocka_unit_test(pieces_do_not_matter)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
