/* Texts in /metrics. */
#include "serve/metrics_text.h"

#include <string.h>

#include "base/utf8.h"

enum { MAX_NAME_BYTES = 120 };

void pp_metrics_append_value(struct pp_buffer *out, const char *text)
{
    const size_t n_bytes = strlen(text);
    size_t n;

    for (size_t i = 0; i < n_bytes && i < MAX_NAME_BYTES; i += n) {
        n = pp_utf8_length(text + i, n_bytes - i);
        if (n == 0 || i + n > MAX_NAME_BYTES) {
            pp_buffer_text(out, "?");
            n = 1;
        } else if (text[i] == '\\' || text[i] == '"') {
            pp_buffer_printf(out, "\\%c", text[i]);
        } else if (text[i] == '\n') {
            pp_buffer_text(out, "\\n");
        } else {
            pp_buffer_append(out, text + i, n);
        }
    }
}
