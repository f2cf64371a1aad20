/* Any bytes: read as folded stacks, and what could be read is written, read again and has the same
 * total. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "formats/formats.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

/* In millionths, whatever the unit. */
static __int128 total_of(const struct pprofc_profile *profile)
{
    const char *unit = profile->strings[profile->types[0].unit];
    const int parts = strcmp(unit, "millionths") == 0    ? 1
                      : strcmp(unit, "thousandths") == 0 ? 1000
                                                         : 1000000;

    return (__int128)pp_profile_total(profile, 0) * parts;
}

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
                            total_of(again) != total_of(profile)))
        abort();
    pprofc_profile_free(profile);
    pprofc_profile_free(again);
    return 0;
}
