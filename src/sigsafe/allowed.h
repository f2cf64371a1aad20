/* The libc functions that code in src/sigsafe may call, each with its reason.  tests/lint reads
 * this file. */
#ifndef PP_SIGSAFE_ALLOWED_H
#define PP_SIGSAFE_ALLOWED_H

#include <time.h>

#include "sigsafe/sigsafe.h"

/* On POSIX's list of async-signal-safe functions; in the vdso or one system call, no lock, no
 * allocation.  Asked for clocks that are always there only: it touches errno, a thread-local, when
 * it fails. */
PP_SIG int clock_gettime(clockid_t clock, struct timespec *time);

/* indirect: pp_sig_chain_call: the application's own handler, called as the kernel would have
 * called it */

/* The allocator itself, in place of the call that the program made; never from a handler of ours.
 * indirect: pp_sig_malloc_slowly: the program's allocator
 * indirect: pp_sig_malloc: the program's allocator
 * indirect: pp_sig_calloc_slowly: the program's allocator
 * indirect: pp_sig_calloc: the program's allocator
 * indirect: pp_sig_memalign: the program's allocator
 * indirect: pp_sig_aligned_alloc: the program's allocator
 * indirect: pp_sig_posix_memalign: the program's allocator
 * indirect: pp_sig_valloc: the program's allocator
 * indirect: pp_sig_pvalloc: the program's allocator
 * indirect: free_near: the program's allocator
 * indirect: free_first: the program's allocator
 * indirect: pp_sig_free: the program's allocator
 * indirect: pp_sig_realloc_slowly: the program's allocator
 * indirect: resize_a_little: the program's allocator
 * indirect: realloc_unknown: the program's allocator
 * indirect: realloc_uncounted: the program's allocator
 * indirect: usable_before: the program's allocator
 * indirect: realloc_to_nothing: the program's allocator
 * indirect: realloc_otherwise: the program's allocator
 * indirect: pp_sig_reallocarray: the program's allocator
 * indirect: pp_sig_new: the program's allocator
 * indirect: pp_sig_new_array: the program's allocator
 * indirect: pp_sig_new_nothrow: the program's allocator
 * indirect: pp_sig_new_array_nothrow: the program's allocator
 * indirect: pp_sig_new_aligned: the program's allocator
 * indirect: pp_sig_new_array_aligned: the program's allocator
 * indirect: pp_sig_new_aligned_nothrow: the program's allocator
 * indirect: pp_sig_new_array_aligned_nothrow: the program's allocator
 * indirect: pp_sig_mallocx: the program's allocator
 * indirect: pp_sig_tc_malloc: the program's allocator
 * indirect: pp_sig_mi_malloc: the program's allocator
 * indirect: pp_sig_delete: the program's allocator
 * indirect: pp_sig_delete_array: the program's allocator
 * indirect: pp_sig_delete_nothrow: the program's allocator
 * indirect: pp_sig_delete_array_nothrow: the program's allocator
 * indirect: pp_sig_delete_sized: the program's allocator
 * indirect: pp_sig_delete_array_sized: the program's allocator
 * indirect: pp_sig_delete_aligned: the program's allocator
 * indirect: pp_sig_delete_array_aligned: the program's allocator
 * indirect: pp_sig_delete_aligned_nothrow: the program's allocator
 * indirect: pp_sig_delete_array_aligned_nothrow: the program's allocator
 * indirect: pp_sig_delete_sized_aligned: the program's allocator
 * indirect: pp_sig_delete_array_sized_aligned: the program's allocator
 * indirect: pp_sig_dallocx: the program's allocator
 * indirect: pp_sig_sdallocx: the program's allocator
 * indirect: pp_sig_tc_free: the program's allocator
 * indirect: pp_sig_tc_free_sized: the program's allocator
 * indirect: pp_sig_mi_free: the program's allocator
 * indirect: pp_sig_rallocx: the program's allocator
 * indirect: pp_sig_tc_realloc: the program's allocator
 * indirect: pp_sig_mi_realloc: the program's allocator
 * indirect: usable_bytes: the program's allocator
 * indirect: count_malloc: the program's allocator
 * indirect: count_free: the program's allocator
 * indirect: count_calloc: the program's allocator
 * indirect: count_realloc: the program's allocator
 * indirect: count_memalign: the program's allocator
 * indirect: count_aligned_alloc: the program's allocator
 * indirect: count_posix_memalign: the program's allocator
 * indirect: count_valloc: the program's allocator
 * indirect: count_pvalloc: the program's allocator
 * indirect: count_new: the program's allocator
 * indirect: count_new_array: the program's allocator
 * indirect: count_new_nothrow: the program's allocator
 * indirect: count_new_array_nothrow: the program's allocator
 * indirect: count_new_aligned: the program's allocator
 * indirect: count_new_array_aligned: the program's allocator
 * indirect: count_new_aligned_nothrow: the program's allocator
 * indirect: count_new_array_aligned_nothrow: the program's allocator
 * indirect: count_mallocx: the program's allocator
 * indirect: count_tc_malloc: the program's allocator
 * indirect: count_mi_malloc: the program's allocator
 * indirect: count_delete: the program's allocator
 * indirect: count_delete_array: the program's allocator
 * indirect: count_delete_nothrow: the program's allocator
 * indirect: count_delete_array_nothrow: the program's allocator
 * indirect: count_delete_sized: the program's allocator
 * indirect: count_delete_array_sized: the program's allocator
 * indirect: count_delete_aligned: the program's allocator
 * indirect: count_delete_array_aligned: the program's allocator
 * indirect: count_delete_aligned_nothrow: the program's allocator
 * indirect: count_delete_array_aligned_nothrow: the program's allocator
 * indirect: count_delete_sized_aligned: the program's allocator
 * indirect: count_delete_array_sized_aligned: the program's allocator
 * indirect: count_dallocx: the program's allocator
 * indirect: count_sdallocx: the program's allocator
 * indirect: count_tc_free: the program's allocator
 * indirect: count_tc_free_sized: the program's allocator
 * indirect: count_mi_free: the program's allocator
 * indirect: count_rallocx: the program's allocator
 * indirect: count_tc_realloc: the program's allocator
 * indirect: count_mi_realloc: the program's allocator
 */

/* Likewise the system call that the program made.
 * indirect: pp_sig_mmap: libc's mmap
 * indirect: pp_sig_munmap: libc's munmap
 * indirect: unmap: libc's munmap
 * indirect: pp_sig_mremap: libc's mremap
 * indirect: remap: libc's mremap
 */

#endif
