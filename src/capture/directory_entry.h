/* What getdents64 gives: the raw call is used, as opendir() would allocate from the program's heap.
 */
#ifndef PP_CAPTURE_DIRECTORY_ENTRY_H
#define PP_CAPTURE_DIRECTORY_ENTRY_H

#include <stdint.h>

/* linux_dirent64 of getdents64(2), which no header has. */
struct pp_directory_entry {
    uint64_t inode;
    int64_t offset;
    uint16_t n_bytes;
    uint8_t type;
    char name[];
};

#endif
