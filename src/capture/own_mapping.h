/* What we map ourselves: system calls of our own, so that none of it is taken for the program's.
 *
 * In a program that we are linked into its entries for mmap() are ours, too, and may be patched. */
#ifndef PP_CAPTURE_OWN_MAPPING_H
#define PP_CAPTURE_OWN_MAPPING_H

#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static inline void *pp_own_mmap(void *address, size_t n_bytes, int protection, int flags, int file,
                                off_t offset)
{
    return (void *)syscall(SYS_mmap, address, n_bytes, protection, flags, file, offset);
}

static inline int pp_own_munmap(void *memory, size_t n_bytes)
{
    return (int)syscall(SYS_munmap, memory, n_bytes);
}

static inline void *pp_own_mremap(void *memory, size_t n_bytes, size_t n_after, int flags)
{
    return (void *)syscall(SYS_mremap, memory, n_bytes, n_after, flags);
}

#endif
