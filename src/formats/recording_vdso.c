/* The kernel's code in every process.  What was recorded on the kernel that runs now is in our own
 * memory too. */
#include "formats/recording_vdso.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>

enum { NOTE_BUILD_ID = 3 /* NT_GNU_BUILD_ID */ };

static bool has_build_id(const char *notes, size_t n_bytes, const uint8_t *build_id,
                         size_t n_build_id_bytes)
{
    Elf64_Nhdr note;

    while (n_bytes >= sizeof note) {
        size_t name, whole;
        memcpy(&note, notes, sizeof note);
        name = sizeof note + (note.n_namesz + 3UL) / 4 * 4;
        whole = name + (note.n_descsz + 3UL) / 4 * 4;
        if (whole > n_bytes)
            return false;
        if (note.n_type == NOTE_BUILD_ID && note.n_namesz == 4 &&
            memcmp(notes + sizeof note, "GNU", 4) == 0)
            return note.n_descsz == n_build_id_bytes &&
                   memcmp(notes + name, build_id, n_build_id_bytes) == 0;
        notes += whole;
        n_bytes -= whole;
    }
    return false;
}

const void *pp_own_vdso(const uint8_t *build_id, size_t n_build_id_bytes, size_t *n_bytes_out)
{
    /* The kernel's own work: trusted, as code that we run. */
    const char *image =
        (const char *)getauxval(AT_SYSINFO_EHDR); // NOLINT(performance-no-int-to-ptr)
    const Elf64_Ehdr *head = (const Elf64_Ehdr *)image;
    size_t n_bytes;
    bool is_same = false;

    if (image == NULL || n_build_id_bytes == 0 || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 ||
        head->e_ident[EI_CLASS] != ELFCLASS64)
        return NULL;
    n_bytes = head->e_shoff + (size_t)head->e_shnum * head->e_shentsize;
    for (int i = 0; i < head->e_phnum; i++) {
        const Elf64_Phdr *part = (const Elf64_Phdr *)(image + head->e_phoff) + i;
        if (part->p_offset + part->p_filesz > n_bytes)
            n_bytes = part->p_offset + part->p_filesz;
        if (part->p_type == PT_NOTE)
            is_same |=
                has_build_id(image + part->p_offset, part->p_filesz, build_id, n_build_id_bytes);
    }
    if (!is_same)
        return NULL;
    *n_bytes_out = n_bytes;
    return image;
}
