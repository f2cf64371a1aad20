/* Any bytes: read as pprof, and what could be read is written, read again and written again with
 * the same bytes; ranked, folded and printed too, since those see the strangest profiles here. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "formats/formats.h"
#include "profile/top.h"
#include "views/top_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void use(struct pprofc_profile *profile)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    const struct pp_top_table_options options = {.type = profile->default_type,
                                                 .group = PP_BY_LINE};

    if (pp_json_write(profile, &out, NULL) != 0 || pp_folded_write(profile, 0, &out, NULL) != 0 ||
        pp_top_table_write(profile, &options, &out, NULL) != 0)
        abort();
    for (enum pp_group group = PP_BY_FUNCTION; group <= PP_BY_THREAD; group++) {
        struct pp_top top;
        if (pp_top_make(profile, 0, group, &top, NULL) != 0)
            abort();
        pp_top_done(&top);
    }
    if (pp_profile_block(profile, "libc,a", false, NULL) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    pp_autobuffer struct pp_buffer first = PP_BUFFER_INIT, second = PP_BUFFER_INIT;
    struct pprofc_profile *profile = NULL, *again = NULL;
    struct pprofc_error err = {.message = ""};

    (void)pp_format_of_bytes(bytes, n_bytes);
    if (pp_pprof_read(bytes, n_bytes, "fuzz", &profile, &err) != 0) {
        if (profile != NULL || err.message[0] == '\0')
            abort();
        return 0;
    }
    if (pp_pprof_write(profile, false, &first, NULL) != 0 ||
        pp_pprof_read(first.bytes, first.n_bytes, "again", &again, NULL) != 0 ||
        pp_pprof_write(again, false, &second, NULL) != 0)
        abort();
    for (uint32_t type = 0; type < profile->n_types; type++) {
        if (pp_profile_total(profile, type) != pp_profile_total(again, type))
            abort();
    }
    use(profile);
    pprofc_profile_free(profile);
    pprofc_profile_free(again);
    return 0;
}
