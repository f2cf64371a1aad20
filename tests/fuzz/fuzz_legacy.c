/* Any bytes behind one of the heads: read as a profile of gperftools or its kin, and what could be
 * read is written as pprof, read again and has the same totals. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <string.h>

#include "formats/formats.h"

#define CPU_32 "\0\0\0\0\3\0\0\0\0\0\0\0\x10\x27\0\0\0\0\0\0"
#define CPU_64 \
    "\0\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\x27\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define CPU_JAVA "\0\0\0\0\0\0\0\3\0\0\0\1\0\0\x27\x10\0\0\0\0"
#define HEAD(text)            \
    {                         \
        text, sizeof text - 1 \
    }

static const struct {
    const char *bytes;
    size_t n_bytes;
} heads[] = {
    HEAD(""),
    HEAD(CPU_32),
    HEAD(CPU_64),
    HEAD(CPU_JAVA),
    HEAD("heap profile:   144:  8498176 [   145:  8498177] @ heapz_v2/524288\n"),
    HEAD("heap_v2/524288\n  t*: 2: 65556 [0: 0]\n@ 0x4a3f\n"),
    HEAD("--- contention\ncycles/second = 3201000000\n"),
    HEAD("--- threadz 1 ---\n--- Thread 7f79 (name: main/14748) stack: ---\n"),
    HEAD("goroutine profile: total 1\n1 @ 0x44cb3 0x45045\n#\t0x44cb2\tmain.f+0x1\tf.go:12\n"),
    HEAD("--- heapz 1 ---\nformat = java\nresolution = bytes\n"),
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void read_one(const char *bytes, size_t n_bytes)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    struct pprofc_profile *profile = NULL, *again = NULL;
    struct pprofc_error err = {.message = "", .offset_bytes = 0};

    if (pp_legacy_read(bytes, n_bytes, "fuzz", &profile, &err) != 0) {
        if (profile != NULL || err.message[0] == '\0' || err.offset_bytes > n_bytes)
            abort();
        return;
    }
    if (!pp_legacy_is(bytes, n_bytes) || pp_pprof_write(profile, false, &out, NULL) != 0 ||
        pp_pprof_read(out.bytes, out.n_bytes, "again", &again, NULL) != 0 ||
        again->n_types != profile->n_types)
        abort();
    for (uint32_t type = 0; type < profile->n_types; type++) {
        if (pp_profile_total(profile, type) != pp_profile_total(again, type))
            abort();
    }
    pprofc_profile_free(profile);
    pprofc_profile_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    pp_autobuffer struct pp_buffer in = PP_BUFFER_INIT;
    const size_t head = n_bytes > 0 ? bytes[0] % (sizeof heads / sizeof heads[0]) : 0;

    pp_buffer_append(&in, heads[head].bytes, heads[head].n_bytes);
    if (n_bytes > 1)
        pp_buffer_append(&in, bytes + 1, n_bytes - 1);
    read_one(in.bytes, in.n_bytes);
    return 0;
}
