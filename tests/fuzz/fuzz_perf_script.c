/* Any bytes: read as perf's text, whole and in pieces with the same result, and what could be read
 * is written as pprof, read again and has the same totals. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "formats/formats.h"
#include "formats/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void compare(const struct pprofc_profile *a, const struct pprofc_profile *b)
{
    if (a->n_types != b->n_types)
        abort();
    for (uint32_t type = 0; type < a->n_types; type++) {
        if (pp_profile_total(a, type) != pp_profile_total(b, type))
            abort();
    }
}

/* The same bytes from a file, of which the first are read already. */
static void compare_pieces(const struct pprofc_profile *whole, const uint8_t *bytes, size_t n_bytes)
{
    pp_autobuffer struct pp_buffer head = PP_BUFFER_INIT;
    const int file = memfd_create("fuzz", MFD_CLOEXEC);
    const size_t n_head = n_bytes / 3;
    struct pprofc_profile *pieces = NULL;
    struct pp_lines lines;

    if (file < 0 || write(file, bytes + n_head, n_bytes - n_head) != (ssize_t)(n_bytes - n_head) ||
        lseek(file, 0, SEEK_SET) != 0)
        abort();
    pp_buffer_append(&head, bytes, n_head);
    pp_lines_of_descriptor(&lines, file, &head);
    if (pp_perf_script_read(&lines, "pieces", &pieces, NULL) != 0)
        abort();
    compare(whole, pieces);
    pprofc_profile_free(pieces);
    pp_lines_done(&lines);
    (void)close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    struct pprofc_profile *profile = NULL, *again = NULL;
    struct pprofc_error err = {.message = "", .offset_bytes = 0};
    struct pp_lines lines;

    (void)pp_format_of_bytes(bytes, n_bytes);
    pp_lines_of_bytes(&lines, bytes, n_bytes);
    if (pp_perf_script_read(&lines, "fuzz", &profile, &err) != 0) {
        if (profile != NULL || err.message[0] == '\0' || err.offset_bytes > n_bytes)
            abort();
        return 0;
    }
    compare_pieces(profile, bytes, n_bytes);
    if (pp_pprof_write(profile, false, &out, NULL) != 0 ||
        pp_pprof_read(out.bytes, out.n_bytes, "again", &again, NULL) != 0)
        abort();
    compare(profile, again);
    pprofc_profile_free(profile);
    pprofc_profile_free(again);
    return 0;
}
