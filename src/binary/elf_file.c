/* One ELF image, from a file or from memory, opened so that nothing in it can lead outside of it.
 */
#include "binary/elf_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "binary/file_image.h"

enum { MAX_PROGRAM_HEADERS = 65535 };

static void read_build_id_notes(struct pp_elf_file *file, Elf_Data *data)
{
    GElf_Nhdr note;
    size_t offset = 0;
    size_t name_offset, desc_offset;

    while (data != NULL && data->d_buf != NULL && file->build_id[0] == '\0' &&
           (offset = gelf_getnote(data, offset, &note, &name_offset, &desc_offset)) > 0) {
        const unsigned char *bytes = (const unsigned char *)data->d_buf + desc_offset;

        if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != 4 ||
            memcmp((const char *)data->d_buf + name_offset, "GNU", 4) != 0 ||
            note.n_descsz > PP_BUILD_ID_MAX_BYTES)
            continue;
        for (size_t i = 0; i < note.n_descsz; i++) {
            file->build_id[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
            file->build_id[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
        }
        file->build_id[2 * note.n_descsz] = '\0';
    }
}

/* Separate debug files keep their note sections but their note segments point nowhere: sections
 * first. */
static void find_build_id(struct pp_elf_file *file)
{
    size_t n_headers = 0;
    Elf_Scn *section = NULL;
    GElf_Shdr section_header;
    GElf_Phdr header;

    while (file->build_id[0] == '\0' && (section = elf_nextscn(file->elf, section)) != NULL)
        if (gelf_getshdr(section, &section_header) != NULL && section_header.sh_type == SHT_NOTE)
            read_build_id_notes(file, elf_getdata(section, NULL));
    if (elf_getphdrnum(file->elf, &n_headers) != 0 || n_headers > MAX_PROGRAM_HEADERS)
        return;
    for (size_t i = 0; i < n_headers && file->build_id[0] == '\0'; i++)
        if (gelf_getphdr(file->elf, (int)i, &header) != NULL && header.p_type == PT_NOTE &&
            header.p_filesz > 0 && header.p_offset <= file->n_image_bytes &&
            header.p_filesz <= file->n_image_bytes - header.p_offset)
            read_build_id_notes(
                file, elf_getdata_rawchunk(file->elf, (int64_t)header.p_offset, header.p_filesz,
                                           header.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR));
}

static int read_segments(struct pp_elf_file *file)
{
    size_t n_headers = 0;
    size_t capacity = 0;
    bool is_first = true;
    GElf_Phdr header;

    if (elf_getphdrnum(file->elf, &n_headers) != 0 || n_headers > MAX_PROGRAM_HEADERS)
        return 0;
    for (size_t i = 0; i < n_headers; i++) {
        if (gelf_getphdr(file->elf, (int)i, &header) == NULL || header.p_type != PT_LOAD)
            continue;
        if (is_first)
            file->first_load_vaddr = header.p_vaddr;
        is_first = false;
        if (header.p_vaddr > UINT64_MAX - header.p_memsz)
            continue;
        if (header.p_vaddr + header.p_memsz > file->end_vaddr)
            file->end_vaddr = header.p_vaddr + header.p_memsz;
        if ((header.p_flags & PF_X) == 0)
            continue;
        if (pp_array_reserve(&file->executable, &capacity, file->n_executable + 1,
                             sizeof *file->executable) != 0)
            return -ENOMEM;
        file->executable[file->n_executable++] = (struct pp_segment_load){
            header.p_vaddr, header.p_memsz, header.p_offset, header.p_filesz};
    }
    return 0;
}

static int parse(struct pp_elf_file *file, struct pprofc_error *err)
{
    (void)elf_version(EV_CURRENT);
    file->elf = elf_memory(file->image, file->n_image_bytes);
    if (file->elf == NULL || elf_kind(file->elf) != ELF_K_ELF)
        return pp_fail(err, -ENOEXEC, 0, "'%s' is not an ELF file", file->path);
    find_build_id(file);
    if (read_segments(file) != 0)
        return pp_fail(err, -ENOMEM, 0, "no memory to read '%s'", file->path);
    return 0;
}

static int read_file(struct pp_elf_file *file, bool only_symbols, struct pprofc_error *err)
{
    struct pp_file_image image;
    const int result = pp_file_image_read(file->path, only_symbols, &image, err);

    if (result != 0)
        return result;
    file->image = image.bytes; /* writable: libelf changes headers in place when it unpacks */
    file->n_image_bytes = image.n_bytes;
    file->is_mapped = true;
    file->device = image.device;
    file->inode = image.inode;
    return 0;
}

int pp_elf_file_open(const char *path, bool only_symbols, struct pp_elf_file **file_out,
                     struct pprofc_error *err)
{
    struct pp_elf_file *file = calloc(1, sizeof *file);
    int result;

    if (file == NULL || (file->path = strdup(path)) == NULL) {
        free(file);
        return pp_fail(err, -ENOMEM, 0, "no memory to open '%s'", path);
    }
    result = read_file(file, only_symbols, err);
    if (result == 0)
        result = parse(file, err);
    if (result == 0)
        *file_out = file;
    else
        pp_elf_file_close(file);
    return result;
}

int pp_elf_file_from_memory(const void *memory, size_t n_bytes, struct pp_elf_file **file_out,
                            struct pprofc_error *err)
{
    struct pp_elf_file *file = calloc(1, sizeof *file);
    int result;

    if (file == NULL || (file->path = strdup("")) == NULL ||
        (file->image = malloc(n_bytes + 1)) == NULL) {
        pp_elf_file_close(file);
        return pp_fail(err, -ENOMEM, 0, "no memory for an ELF image of %zu bytes", n_bytes);
    }
    memcpy(file->image, memory, n_bytes);
    file->n_image_bytes = n_bytes;
    result = parse(file, err);
    if (result == 0)
        *file_out = file;
    else
        pp_elf_file_close(file);
    return result;
}

void pp_elf_file_close(struct pp_elf_file *file)
{
    if (file == NULL)
        return;
    if (file->elf != NULL)
        (void)elf_end(file->elf);
    if (file->is_mapped)
        pp_file_image_done(
            &(struct pp_file_image){.bytes = file->image, .n_bytes = file->n_image_bytes});
    else
        free(file->image);
    free(file->executable);
    free(file->path);
    free(file);
}

Elf_Scn *pp_elf_file_section(const struct pp_elf_file *file, const char *name,
                             GElf_Shdr *header_out)
{
    size_t names = 0;
    Elf_Scn *section = NULL;

    if (elf_getshdrstrndx(file->elf, &names) != 0)
        return NULL;
    while ((section = elf_nextscn(file->elf, section)) != NULL) {
        const char *section_name;
        if (gelf_getshdr(section, header_out) == NULL || header_out->sh_type == SHT_NOBITS)
            continue;
        section_name = elf_strptr(file->elf, names, header_out->sh_name);
        if (section_name != NULL && strcmp(section_name, name) == 0)
            return section;
    }
    return NULL;
}

const void *pp_elf_file_section_bytes(const struct pp_elf_file *file, const char *name,
                                      size_t *n_bytes_out)
{
    GElf_Shdr header;

    if (pp_elf_file_section(file, name, &header) == NULL ||
        header.sh_offset > file->n_image_bytes ||
        header.sh_size > file->n_image_bytes - header.sh_offset)
        return NULL;
    *n_bytes_out = header.sh_size;
    return (const char *)file->image + header.sh_offset;
}

bool pp_elf_file_is_executable(const struct pp_elf_file *file, uint64_t vaddr)
{
    for (size_t i = 0; i < file->n_executable; i++)
        if (vaddr >= file->executable[i].vaddr &&
            vaddr - file->executable[i].vaddr < file->executable[i].memory_bytes)
            return true;
    return false;
}
