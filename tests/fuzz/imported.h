/* What every fuzzed reader must keep: a refusal has a message and no profile, and what was read can
 * be written in every format and keeps its totals. */
#ifndef TESTS_FUZZ_IMPORTED_H
#define TESTS_FUZZ_IMPORTED_H

#include <stdlib.h>

#include "formats/formats.h"

typedef int read_function(const void *bytes, size_t n_bytes, const char *name,
                          struct pprofc_profile **profile_out, struct pprofc_error *err);

static void compare(const struct pprofc_profile *profile, read_function *read,
                    const struct pp_buffer *bytes)
{
    struct pprofc_profile *again = NULL;

    if (read(bytes->bytes, bytes->n_bytes, "again", &again, NULL) != 0 ||
        again->n_types != profile->n_types)
        abort();
    for (uint32_t type = 0; type < profile->n_types; type++) {
        if (pp_profile_total(profile, type) != pp_profile_total(again, type))
            abort();
    }
    pprofc_profile_free(again);
}

static int imported(read_function *read, const void *bytes, size_t n_bytes)
{
    pp_autobuffer struct pp_buffer pprof = PP_BUFFER_INIT, otlp = PP_BUFFER_INIT;
    pp_autobuffer struct pp_buffer speedscope = PP_BUFFER_INIT, csv = PP_BUFFER_INIT;
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err = {.message = ""};

    (void)pp_format_of_bytes(bytes, n_bytes);
    if (read(bytes, n_bytes, "fuzz", &profile, &err) != 0) {
        if (profile != NULL || err.message[0] == '\0')
            abort();
        return 0;
    }
    if (pp_pprof_write(profile, false, &pprof, NULL) != 0 ||
        pp_otlp_write(profile, &otlp, NULL) != 0 || pp_csv_write(profile, 0, &csv, NULL) != 0)
        abort();
    compare(profile, pp_pprof_read, &pprof);
    if (pp_speedscope_write(profile, &speedscope, NULL) == 0)
        compare(profile, pp_speedscope_read, &speedscope);
    pprofc_profile_free(profile);
    return 0;
}

#endif
