/* Reading ELF headers out of memory. */
#include "capture/elf_memory.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/memory.h"
#include "sigsafe/arch.h"

enum { PAGE_BYTES = 4096, MAX_NOTE_BYTES = 1024, MAX_SECTIONS = 1024 };

/* Where system calls on other processes are filtered. */
static int read_by_file(uint64_t addr, void *to, size_t n_bytes)
{
    pp_autoclose_fd int descriptor = open("/proc/thread-self/mem", O_RDONLY | O_CLOEXEC);
    size_t n_done = 0;

    if (descriptor < 0)
        return -errno;
    while (n_done < n_bytes) {
        const ssize_t n =
            pread(descriptor, (char *)to + n_done, n_bytes - n_done, (off_t)(addr + n_done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -EFAULT;
        n_done += (size_t)n;
    }
    return 0;
}

int pp_memory_read(uint64_t addr, void *to, size_t n_bytes)
{
    const pid_t pid = getpid();
    size_t n_done = 0;

    while (n_done < n_bytes) {
        struct iovec local = {(char *)to + n_done, n_bytes - n_done};
        struct iovec remote = {(void *)(uintptr_t)(addr + n_done), n_bytes - n_done};
        const ssize_t n = process_vm_readv(pid, &local, 1, &remote, 1, 0);
        if (n < 0 && (errno == EPERM || errno == ENOSYS))
            return read_by_file(addr, to, n_bytes);
        if (n <= 0)
            return -EFAULT;
        n_done += (size_t)n;
    }
    return 0;
}

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t n_bytes)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < n_bytes; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3ull; /* FNV-1a */
    return hash;
}

static int read_headers(uint64_t header, Elf64_Ehdr *ehdr, Elf64_Phdr *phdrs, size_t max_phdrs)
{
    int result = pp_memory_read(header, ehdr, sizeof *ehdr);

    if (result < 0)
        return result;
    if (memcmp(ehdr->e_ident, ELFMAG, SELFMAG) != 0 || ehdr->e_ident[EI_CLASS] != ELFCLASS64 ||
        ehdr->e_machine != PP_ARCH_ELF_MACHINE || ehdr->e_phentsize != sizeof *phdrs ||
        ehdr->e_phnum == 0 || ehdr->e_phnum > max_phdrs || ehdr->e_phoff > PAGE_BYTES)
        return -EBADMSG;
    return pp_memory_read(header + ehdr->e_phoff, phdrs, ehdr->e_phnum * sizeof *phdrs);
}

static void add_segment(struct pp_elf_image *image, const Elf64_Phdr *phdr)
{
    const uint64_t start = image->bias + phdr->p_vaddr;
    struct pp_elf_segment *segment;

    /* No loader maps one that is larger in the file than in memory, or goes round the end. */
    if (image->n_segments == PP_ELF_MAX_SEGMENTS || phdr->p_memsz == 0 ||
        phdr->p_filesz > phdr->p_memsz || phdr->p_memsz > UINT64_MAX - start)
        return;
    segment = &image->segments[image->n_segments++];
    segment->start = start;
    segment->limit = segment->start + phdr->p_filesz;
    segment->offset = phdr->p_offset;
    segment->is_readable = (phdr->p_flags & PF_R) != 0;
    segment->is_executable = (phdr->p_flags & PF_X) != 0;
    if (segment->start < image->start)
        image->start = segment->start;
    if (segment->start + phdr->p_memsz > image->limit)
        image->limit = segment->start + phdr->p_memsz;
}

/* Set the build id if it is among these notes. */
static void read_notes(struct pp_elf_image *image, const Elf64_Phdr *phdr)
{
    _Alignas(8) uint8_t notes[MAX_NOTE_BYTES];
    const uint64_t n_bytes = phdr->p_filesz < sizeof notes ? phdr->p_filesz : sizeof notes;
    const uint64_t alignment = phdr->p_align == 8 ? 8 : 4;

    if (image->n_build_id_bytes != 0 ||
        pp_memory_read(image->bias + phdr->p_vaddr, notes, n_bytes) < 0)
        return;
    for (uint64_t at = 0; at + sizeof(Elf64_Nhdr) <= n_bytes;) {
        Elf64_Nhdr note;
        uint64_t name, desc;
        memcpy(&note, notes + at, sizeof note);
        name = at + sizeof note;
        desc = name + ((note.n_namesz + alignment - 1) & ~(alignment - 1));
        if (desc > n_bytes || note.n_descsz > n_bytes - desc)
            return;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
            memcmp(notes + name, "GNU", 4) == 0) {
            image->n_build_id_bytes =
                note.n_descsz < PP_ELF_BUILD_ID_BYTES ? note.n_descsz : PP_ELF_BUILD_ID_BYTES;
            memcpy(image->build_id, notes + desc, image->n_build_id_bytes);
            return;
        }
        at = desc + ((note.n_descsz + alignment - 1) & ~(alignment - 1));
    }
}

/* The segment that the mapping of the file's part at 'offset' belongs to. */
static const Elf64_Phdr *find_segment(const Elf64_Phdr *phdrs, size_t n_phdrs, uint64_t offset)
{
    const Elf64_Phdr *found = NULL;

    for (size_t i = 0; i < n_phdrs; i++) {
        const uint64_t begin = phdrs[i].p_offset & ~(uint64_t)(PAGE_BYTES - 1);
        if (phdrs[i].p_type != PT_LOAD || offset < begin ||
            phdrs[i].p_filesz > UINT64_MAX - phdrs[i].p_offset ||
            offset >= phdrs[i].p_offset + phdrs[i].p_filesz)
            continue;
        if (found == NULL || (phdrs[i].p_flags & PF_X) != 0)
            found = &phdrs[i];
    }
    return found;
}

int pp_elf_read_image(uint64_t header, uint64_t start, uint64_t offset,
                      struct pp_elf_image *image_out)
{
    Elf64_Ehdr ehdr;
    Elf64_Phdr phdrs[24];
    const Elf64_Phdr *mapped;
    struct pp_elf_image image = {.start = ~(uint64_t)0};
    int result = read_headers(header, &ehdr, phdrs, sizeof phdrs / sizeof phdrs[0]);

    if (result < 0)
        return result;
    mapped = find_segment(phdrs, ehdr.e_phnum, offset);
    if (mapped == NULL)
        return -EBADMSG;
    image.bias = start - (mapped->p_vaddr - mapped->p_offset + offset);
    for (size_t i = 0; i < ehdr.e_phnum; i++) {
        if (phdrs[i].p_type == PT_LOAD) {
            add_segment(&image, &phdrs[i]);
        } else if (phdrs[i].p_type == PT_NOTE) {
            read_notes(&image, &phdrs[i]);
        } else if (phdrs[i].p_type == PT_GNU_EH_FRAME) {
            image.eh_frame_hdr = image.bias + phdrs[i].p_vaddr;
            image.n_eh_frame_hdr_bytes = phdrs[i].p_filesz;
        }
    }
    image.fingerprint = hash_bytes(0xcbf29ce484222325ull, &ehdr, sizeof ehdr);
    image.fingerprint = hash_bytes(image.fingerprint, phdrs, ehdr.e_phnum * sizeof phdrs[0]);
    image.fingerprint = hash_bytes(image.fingerprint, image.build_id, image.n_build_id_bytes);
    if (image.n_segments == 0)
        return -EBADMSG;
    *image_out = image;
    return 0;
}

uint64_t pp_elf_segment_limit(const struct pp_elf_image *image, uint64_t addr)
{
    for (uint32_t i = 0; i < image->n_segments; i++)
        if (image->segments[i].is_readable && addr >= image->segments[i].start &&
            addr < image->segments[i].limit)
            return image->segments[i].limit;
    return 0;
}

static int read_at(int descriptor, void *to, size_t n_bytes, uint64_t offset)
{
    if (offset > INT64_MAX)
        return -EBADMSG;
    return pread(descriptor, to, n_bytes, (off_t)offset) == (ssize_t)n_bytes ? 0 : -EBADMSG;
}

static bool has_name(int descriptor, const Elf64_Shdr *names, uint32_t name_offset,
                     const char *wanted)
{
    char name[16] = "";
    const size_t n_bytes = strlen(wanted) + 1;

    return name_offset < names->sh_size && n_bytes <= sizeof name &&
           read_at(descriptor, name, n_bytes, names->sh_offset + name_offset) == 0 &&
           memcmp(name, wanted, n_bytes) == 0;
}

int pp_elf_find_eh_frame(const char *path, uint64_t header, uint64_t *virtual_address_out,
                         uint64_t *n_bytes_out)
{
    pp_autoclose_fd int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    Elf64_Ehdr ehdr, mapped;
    Elf64_Shdr names, section;

    if (descriptor < 0)
        return -errno;
    /* Is it still that file?  Device numbers would not tell: some file systems show others in maps.
     */
    if (pp_memory_read(header, &mapped, sizeof mapped) < 0 ||
        read_at(descriptor, &ehdr, sizeof ehdr, 0) < 0 || memcmp(&ehdr, &mapped, sizeof ehdr) != 0)
        return -ENOENT;
    if (ehdr.e_shentsize != sizeof section || ehdr.e_shnum > MAX_SECTIONS ||
        ehdr.e_shstrndx >= ehdr.e_shnum ||
        read_at(descriptor, &names, sizeof names, ehdr.e_shoff + ehdr.e_shstrndx * sizeof names) <
            0)
        return -ENOENT;
    for (unsigned i = 0; i < ehdr.e_shnum; i++) {
        if (read_at(descriptor, &section, sizeof section, ehdr.e_shoff + i * sizeof section) < 0)
            return -ENOENT;
        if ((section.sh_flags & SHF_ALLOC) != 0 &&
            has_name(descriptor, &names, section.sh_name, ".eh_frame")) {
            *virtual_address_out = section.sh_addr;
            *n_bytes_out = section.sh_size;
            return 0;
        }
    }
    return -ENOENT;
}
