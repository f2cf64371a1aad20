/* Any bytes: read as speedscope's JSON, and what could be read is written in every format. */
#include <stddef.h>
#include <stdint.h>

#include "imported.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    return imported(pp_speedscope_read, bytes, n_bytes);
}
