/* One ELF image, from a file or from memory, opened so that nothing in it can lead outside of it.
 */
#ifndef PP_BINARY_ELF_FILE_H
#define PP_BINARY_ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gelf.h>
#include <libelf.h>

#include "base/error.h"

enum { PP_BUILD_ID_MAX_BYTES = 64, PP_BUILD_ID_HEX_BYTES = 2 * PP_BUILD_ID_MAX_BYTES + 1 };

struct pp_segment_load {
    uint64_t vaddr;
    uint64_t memory_bytes;
    uint64_t file_offset;
    uint64_t file_bytes;
};

struct pp_elf_file {
    char *path; /* "" for an image in memory */
    Elf *elf;
    void *image; /* what was read of the file (file_image.h), or our copy of the memory */
    size_t n_image_bytes;
    bool is_mapped;
    uint64_t device; /* which file it is, 0 for memory */
    uint64_t inode;
    uint64_t
        first_load_vaddr; /* of the first PT_LOAD: differs in a prelinked file and its debug file */
    uint64_t end_vaddr;   /* behind the last PT_LOAD */
    struct pp_segment_load *executable; /* the PT_LOADs that can be executed */
    size_t n_executable;
    char build_id[PP_BUILD_ID_HEX_BYTES]; /* lower-case hexadecimal, "" without one */
};

/* Reads what names come from, with 'only_symbols' no debug information, and closes the file: many
 * modules are open at once.  Returns 0, -ENOMEM, or another negative errno (-ENOEXEC: not ELF). */
int pp_elf_file_open(const char *path, bool only_symbols, struct pp_elf_file **file_out,
                     struct pprofc_error *err);
int pp_elf_file_from_memory(const void *memory, size_t n_bytes, struct pp_elf_file **file_out,
                            struct pprofc_error *err);
void pp_elf_file_close(struct pp_elf_file *file);

/* The section named 'name' that has bytes in the file, or NULL. */
Elf_Scn *pp_elf_file_section(const struct pp_elf_file *file, const char *name,
                             GElf_Shdr *header_out);

/* Its bytes as they are in the file, or NULL. */
const void *pp_elf_file_section_bytes(const struct pp_elf_file *file, const char *name,
                                      size_t *n_bytes_out);

bool pp_elf_file_is_executable(const struct pp_elf_file *file, uint64_t vaddr);

#endif
