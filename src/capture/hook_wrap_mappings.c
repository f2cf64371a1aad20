/* For -Wl,--wrap=mmap and the others that map memory: all of them in one object.  Only a program
 * that wraps gets it, and libc's own mappings do not come here.
 *
 * It defines nothing that an object of libpprofc.a asks for, or the linker would take it for that.
 * Calls come before any constructor. */
#include <stddef.h>
#include <sys/types.h>

#include "capture/hook_mappings.h"
#include "sigsafe/heap_mapping_calls.h"
#include "sigsafe/heap_text.h"

void *__real_mmap(void *address, size_t n_bytes, int protection, int flags, int file, off_t offset);
int __real_munmap(void *address, size_t n_bytes);
void *__real_mremap(void *address, size_t n_bytes, size_t n_after, int flags, ...);

const bool pp_mappings_are_wrapped = true;

static const struct pp_sig_mapping_calls REAL = {
    .mmap = __real_mmap,
    .munmap = __real_munmap,
    .mremap = __real_mremap,
};

/* In the first call, while there is one thread. */
static inline void find_real(void)
{
    if (__builtin_expect(pp_sig_mapping_calls.mmap == NULL, 0))
        pp_sig_mapping_calls = REAL;
}

/* Jumps: no frame stays between the program and ours. */
#define WRAP(type, name, ours, parameters, arguments) \
    type __wrap_##name parameters;                    \
    PP_HEAP_TEXT type __wrap_##name parameters        \
    {                                                 \
        find_real();                                  \
        return ours arguments;                        \
    }
WRAP(void *, mmap, pp_sig_mmap,
     (void *address, size_t n_bytes, int protection, int flags, int file, off_t offset),
     (address, n_bytes, protection, flags, file, offset))
WRAP(void *, mmap64, pp_sig_mmap,
     (void *address, size_t n_bytes, int protection, int flags, int file, off_t offset),
     (address, n_bytes, protection, flags, file, offset))
WRAP(int, munmap, pp_sig_munmap, (void *address, size_t n_bytes), (address, n_bytes))
WRAP(void *, mremap, pp_sig_mremap,
     (void *address, size_t n_bytes, size_t n_after, int flags, void *target),
     (address, n_bytes, n_after, flags, target))
