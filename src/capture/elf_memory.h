/* ELF objects as they lie in this process's memory, read by system calls: nothing faults when they
 * go away meanwhile. */
#ifndef PP_CAPTURE_ELF_MEMORY_H
#define PP_CAPTURE_ELF_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PP_ELF_BUILD_ID_BYTES = 32, PP_ELF_MAX_SEGMENTS = 16 };

/* Addresses are those of the process. */
struct pp_elf_image {
    uint64_t bias;
    uint64_t start, limit;                       /* of all its segments */
    uint64_t eh_frame_hdr, n_eh_frame_hdr_bytes; /* 0: none */
    uint64_t fingerprint; /* of its headers: another object at the same place has another one */
    uint8_t build_id[PP_ELF_BUILD_ID_BYTES];
    uint32_t n_build_id_bytes;
    uint32_t n_segments;
    struct pp_elf_segment {
        uint64_t start, limit; /* what comes from the file */
        uint64_t offset;
        bool is_readable, is_executable;
    } segments[PP_ELF_MAX_SEGMENTS];
};

/* Read 'n_bytes' at 'addr'.  0, -EFAULT when not all of it is mapped, or another negative errno. */
int pp_memory_read(uint64_t addr, void *to, size_t n_bytes);

/* The object whose ELF header is at 'header', of which the file's part from 'offset' on is mapped
 * at 'start'. -EBADMSG: no ELF object of this CPU, or none with such a segment. */
int pp_elf_read_image(uint64_t header, uint64_t start, uint64_t offset,
                      struct pp_elf_image *image_out);

/* Where the file's part with 'addr' ends in memory; 0: not in a readable segment. */
uint64_t pp_elf_segment_limit(const struct pp_elf_image *image, uint64_t addr);

/* The .eh_frame of the object at 'header' that has no index, by the section headers of its file.
 * -ENOENT when there is none, or 'path' is another file by now. */
int pp_elf_find_eh_frame(const char *path, uint64_t header, uint64_t *virtual_address_out,
                         uint64_t *n_bytes_out);

#endif
