/* Any bytes: read as folded stacks, and what could be read is written, read again and has the same
 * total. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "formats/formats.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    struct pprofc_profile *profile = NULL, *again = NULL;
    struct pprofc_error err = {.message = "", .offset_bytes = 0};

    if (pp_folded_read(bytes, n_bytes, "fuzz", &profile, &err) != 0) {
        if (profile != NULL || err.message[0] == '\0')
            abort();
        return 0;
    }
    if (pp_folded_write(profile, 0, &out, NULL) != 0)
        abort();
    if (out.n_bytes > 0 && (pp_folded_read(out.bytes, out.n_bytes, "again", &again, NULL) != 0 ||
                            pp_profile_total(again, 0) != pp_profile_total(profile, 0)))
        abort();
    pprofc_profile_free(profile);
    pprofc_profile_free(again);
    return 0;
}
