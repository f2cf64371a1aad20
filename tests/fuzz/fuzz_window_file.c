/* Any bytes, taken for a file of the queue: what is read of it can be written and read again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/gzip.h"
#include "export/window_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    pp_autobuffer struct pp_buffer gz = PP_BUFFER_INIT, out = PP_BUFFER_INIT;
    struct pp_window_record record, again;

    if (pp_window_file_read(bytes, n_bytes, &record) != 0)
        return 0;
    if (pp_gzip_deflate("x", 1, &gz, NULL) != 0 || strlen(record.kind) >= sizeof record.kind)
        abort();
    if (pp_window_file_make(&record, gz.bytes, gz.n_bytes, &out, NULL) != 0)
        return 0;
    if (pp_window_file_read(out.bytes, out.n_bytes, &again) != 0 ||
        again.begin_ns != record.begin_ns || strcmp(again.kind, record.kind) != 0)
        abort();
    for (size_t i = 0; i < PP_WINDOW_PARTS; i++)
        if (again.parts[i].n_bytes != record.parts[i].n_bytes ||
            (record.parts[i].n_bytes > 0 &&
             memcmp(again.parts[i].bytes, record.parts[i].bytes, record.parts[i].n_bytes) != 0))
            abort();
    return 0;
}
