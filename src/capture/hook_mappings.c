/* Finds the real mmap, munmap and mremap.
 *
 * glibc's malloc, thread stacks and the loader map memory without these names: nothing of theirs
 * comes to ours.  Other allocators do call them: their objects' entries are left alone
 * (capture/got.c), or that memory would count twice.  Where an allocator is linked into the program
 * itself there is one entry for both. */
#include "capture/hook_mappings.h"

#include <stddef.h>
#include <stdint.h>

#include "sigsafe/heap_calls.h"
#include "sigsafe/heap_mapping_calls.h"
#include "sigsafe/heap_mappings.h"

/* More than any allocator has left over from its start. */
static const size_t PROBE_BYTES = (size_t)96 << 20;

struct pp_hook pp_mapping_hooks[PP_N_MAPPING_HOOKS] = {
    {"mmap", (uintptr_t)pp_sig_mmap, 0},
    {"mmap64", (uintptr_t)pp_sig_mmap, 0},
    {"munmap", (uintptr_t)pp_sig_munmap, 0},
    {"mremap", (uintptr_t)pp_sig_mremap, 0},
};

bool pp_mappings_find_real(void)
{
    for (int i = 0; i < PP_N_MAPPING_HOOKS; i++)
        if (pp_mapping_hooks[i].real == 0)
            pp_mapping_hooks[i].real = (uintptr_t)pp_hook_find(pp_mapping_hooks[i].name);
    if (&pp_mappings_are_wrapped != NULL) /* the linker has told where they are */
        return true;
    if (pp_mapping_hooks[0].real == 0 || pp_mapping_hooks[2].real == 0 ||
        pp_mapping_hooks[3].real == 0)
        return false;
    pp_sig_mapping_calls.mmap = (__typeof__(pp_sig_mapping_calls.mmap))pp_mapping_hooks[0].real;
    pp_sig_mapping_calls.munmap = (__typeof__(pp_sig_mapping_calls.munmap))pp_mapping_hooks[2].real;
    pp_sig_mapping_calls.mremap = (__typeof__(pp_sig_mapping_calls.mremap))pp_mapping_hooks[3].real;
    return true;
}

bool pp_mappings_are_told_apart(void)
{
    uint32_t n_before;
    void *probe;

    if (&pp_mappings_are_wrapped == NULL)
        return true;
    atomic_store(&pp_sig_mappings.state, PP_MAPPINGS_COUNTED);
    n_before = atomic_load(&pp_sig_mappings.n_calls);
    probe = pp_sig_allocator.malloc(PROBE_BYTES);
    pp_sig_allocator.free(probe);
    atomic_store(&pp_sig_mappings.state, PP_MAPPINGS_OFF);
    return atomic_load(&pp_sig_mappings.n_calls) == n_before;
}
