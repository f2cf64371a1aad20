/* Names without what a terminal would obey. */
#include "views/clean_text.h"

#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"

void pp_clean_text_append(struct pp_buffer *out, const char *text)
{
    const size_t begin = out->n_bytes;

    pp_utf8_append(out, text, strlen(text));
    for (size_t i = begin; i < out->n_bytes; i++) {
        const unsigned char byte = (unsigned char)out->bytes[i];
        const bool is_c1 =
            byte == 0xc2 && i + 1 < out->n_bytes && (unsigned char)out->bytes[i + 1] < 0xa0;
        if (byte < 0x20 || byte == 0x7f) {
            out->bytes[i] = '?';
        } else if (is_c1) { /* U+0080 to U+009F, two bytes */
            out->bytes[i] = '?';
            out->bytes[i + 1] = '?';
        }
    }
}
