/* Bytes as text. */
#include "base/base64.h"

#include <stdint.h>

void pp_base64_append(struct pp_buffer *out, const void *bytes, size_t n_bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *from = bytes;

    for (size_t i = 0; i < n_bytes; i += 3) {
        const size_t n = n_bytes - i < 3 ? n_bytes - i : 3;
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (k < n ? from[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            pp_buffer_append(out, k <= n ? &digits[bits >> (18 - 6 * k) & 63] : "=", 1);
    }
}
