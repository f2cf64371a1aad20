/* Any bytes as a program: names, lines and inlined calls of addresses in it. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "binary/symbolizer.h"

enum { MAX_FRAMES = 16, N_ADDRESSES = 512 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void ask(struct pp_module *module)
{
    struct pp_frame frames[MAX_FRAMES];
    uint64_t vaddr;

    /* Linkers begin at 0 or 0x400000; the headers of the file say where its code is. */
    if (pp_module_vaddr_of_offset(module, 0x1000, &vaddr) != 0)
        vaddr = 0x1000;
    for (uint64_t i = 0; i < N_ADDRESSES; i++)
        (void)pp_module_frames(module, vaddr + 7 * i, frames, MAX_FRAMES);
    (void)pp_module_frames(module, 0, frames, MAX_FRAMES);
    (void)pp_module_frames(module, UINT64_MAX, frames, 1);
    (void)pp_module_shortcoming(module);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct pp_symbolizer *symbolizer = NULL;
    struct pp_module *module = NULL;
    char path[64];
    char build_id[129];
    const int descriptor = memfd_create("fuzz_elf", MFD_CLOEXEC);

    if (descriptor < 0)
        return 0;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    if (write(descriptor, bytes, n_bytes) == (ssize_t)n_bytes &&
        pp_symbolizer_new(NULL, &symbolizer, NULL) == 0) {
        (void)pp_build_id_of_file(path, build_id, sizeof build_id, NULL);
        if (pp_symbolizer_module(symbolizer, path, NULL, NULL, 0, &module, NULL) == 0)
            ask(module);
        if (pp_symbolizer_module(symbolizer, "[vdso]", NULL, bytes, n_bytes, &module, NULL) == 0)
            ask(module);
    }
    pp_symbolizer_free(symbolizer);
    (void)close(descriptor);
    return 0;
}
