/* Any bytes: read as a profile of V8's, and what could be read is written in every format. */
#include <stddef.h>
#include <stdint.h>

#include "imported.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    return imported(pp_cpuprofile_read, bytes, n_bytes);
}
