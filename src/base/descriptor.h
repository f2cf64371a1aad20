/* Bytes out through a descriptor. */
#ifndef PP_BASE_DESCRIPTOR_H
#define PP_BASE_DESCRIPTOR_H

#include <stddef.h>

/* Write all of them, on past signals and short writes.  Returns 0 or -errno: some of the bytes may
 * be out by then.  May block for as long as write(2) does; thread safe, takes no memory. */
int pp_write_all(int descriptor, const void *bytes, size_t n_bytes);

#endif
