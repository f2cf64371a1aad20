/* The few facts of an executable that decide whether it can be preloaded. */
#include "cli/elf_facts.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

enum {
    MAX_SEGMENTS = 512,
    MAX_DYNAMIC_BYTES = 64 * 1024,
    MAX_NOTES_BYTES = 64 * 1024,
    MAX_NAMES_BYTES = 64 * 1024 * 1024,
    MAX_SCAN_BYTES = 256 * 1024 * 1024,
    SCAN_BYTES = 64 * 1024,
};

struct elf {
    int descriptor;
    Elf64_Ehdr header;
    Elf64_Phdr segments[MAX_SEGMENTS];
    size_t n_segments;
};

static bool read_all(int descriptor, void *bytes, size_t n_bytes, uint64_t offset)
{
    for (size_t at = 0; at < n_bytes;) {
        ssize_t n;
        if (offset > INT64_MAX - at)
            return false;
        n = pread(descriptor, (char *)bytes + at, n_bytes - at, (off_t)(offset + at));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

/* 'n_bytes' of the file in new memory with a NUL behind them, or NULL. */
static char *read_part(const struct elf *elf, uint64_t offset, uint64_t n_bytes, size_t max_bytes)
{
    char *bytes;

    if (n_bytes == 0 || n_bytes > max_bytes)
        return NULL;
    bytes = malloc(n_bytes + 1);
    if (bytes == NULL)
        return NULL;
    if (!read_all(elf->descriptor, bytes, n_bytes, offset)) {
        free(bytes);
        return NULL;
    }
    bytes[n_bytes] = '\0';
    return bytes;
}

static const Elf64_Phdr *find_segment(const struct elf *elf, uint32_t type)
{
    for (size_t i = 0; i < elf->n_segments; i++)
        if (elf->segments[i].p_type == type)
            return &elf->segments[i];
    return NULL;
}

static bool read_segments(struct elf *elf)
{
    if (elf->header.e_phentsize != sizeof elf->segments[0])
        return false;
    elf->n_segments = elf->header.e_phnum < MAX_SEGMENTS ? elf->header.e_phnum : MAX_SEGMENTS;
    return read_all(elf->descriptor, elf->segments, elf->n_segments * sizeof elf->segments[0],
                    elf->header.e_phoff);
}

/* File offset of virtual address 'address'; 0 when no segment has it. */
static uint64_t offset_of_address(const struct elf *elf, uint64_t address)
{
    for (size_t i = 0; i < elf->n_segments; i++) {
        const Elf64_Phdr *segment = &elf->segments[i];
        if (segment->p_type == PT_LOAD && address >= segment->p_vaddr &&
            address - segment->p_vaddr < segment->p_filesz)
            return address - segment->p_vaddr + segment->p_offset;
    }
    return 0;
}

/* The names of the dynamic section (libraries, symbols) in new memory, or NULL. */
static char *read_dynamic_names(const struct elf *elf, size_t *n_bytes_out)
{
    const Elf64_Phdr *segment = find_segment(elf, PT_DYNAMIC);
    uint64_t address = 0, n_bytes = 0;
    pp_autofree Elf64_Dyn *entries = NULL;

    if (segment == NULL)
        return NULL;
    entries = (Elf64_Dyn *)(void *)read_part(elf, segment->p_offset, segment->p_filesz,
                                             MAX_DYNAMIC_BYTES);
    if (entries == NULL)
        return NULL;
    for (size_t i = 0; i < segment->p_filesz / sizeof *entries && entries[i].d_tag != DT_NULL;
         i++) {
        if (entries[i].d_tag == DT_STRTAB)
            address = entries[i].d_un.d_ptr;
        else if (entries[i].d_tag == DT_STRSZ)
            n_bytes = entries[i].d_un.d_val;
    }
    *n_bytes_out = (size_t)n_bytes;
    return read_part(elf, offset_of_address(elf, address), n_bytes, MAX_NAMES_BYTES);
}

/* Is there a name that begins with 'name'?  With its NUL in 'n_chars': exactly that name. */
static bool has_name(const char *names, size_t n_bytes, const char *name, size_t n_chars)
{
    const char *at = names;

    while ((at = memmem(at, n_bytes - (size_t)(at - names), name, n_chars)) != NULL) {
        if (at == names || at[-1] == '\0')
            return true;
        at++;
    }
    return false;
}

/* Every sanitizer's program names its runtime library or its runtime's entry, also when the runtime
 * is linked in: its interface stays exported. */
static const char *find_sanitizer(const char *names, size_t n_bytes)
{
    static const struct {
        const char *library, *entry, *shown;
    } known[] = {
        {"libasan.so", "__asan_init", "AddressSanitizer"},
        {"libtsan.so", "__tsan_init", "ThreadSanitizer"},
        {"libmsan.so", "__msan_init", "MemorySanitizer"},
        {"libhwasan.so", "__hwasan_init", "HWAddressSanitizer"},
        {"liblsan.so", "__lsan_init", "LeakSanitizer"},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (has_name(names, n_bytes, known[i].library, strlen(known[i].library)) ||
            has_name(names, n_bytes, known[i].entry, strlen(known[i].entry) + 1))
            return known[i].shown;
    return NULL;
}

/* The Go linker leaves a note called "Go" with its build id. */
static bool has_go_note(const struct elf *elf)
{
    for (size_t i = 0; i < elf->n_segments; i++) {
        const Elf64_Phdr *segment = &elf->segments[i];
        pp_autofree char *notes = NULL;
        if (segment->p_type != PT_NOTE)
            continue;
        notes = read_part(elf, segment->p_offset, segment->p_filesz, MAX_NOTES_BYTES);
        if (notes != NULL && segment->p_filesz >= sizeof(Elf64_Nhdr) + 4) {
            const Elf64_Nhdr *note = (const Elf64_Nhdr *)(const void *)notes;
            if (note->n_namesz == 4 && note->n_type == 4 &&
                memcmp(notes + sizeof *note, "Go\0", 4) == 0)
                return true;
        }
    }
    return false;
}

/* Libpprofc in a static program, stripped or not: it asks for this variable by name. */
static bool has_capture_library(const struct elf *elf)
{
    static const char name[] = "PPROFC_RUN_ID";
    const size_t overlap = sizeof name;
    pp_autofree char *bytes = malloc(overlap + SCAN_BYTES);
    size_t n_kept = 0;

    if (bytes == NULL)
        return false;
    for (off_t offset = 0; offset < MAX_SCAN_BYTES;) {
        const ssize_t n = pread(elf->descriptor, bytes + n_kept, SCAN_BYTES, offset);
        size_t n_bytes;
        if (n <= 0)
            return false;
        n_bytes = n_kept + (size_t)n;
        if (memmem(bytes, n_bytes, name, sizeof name) != NULL)
            return true;
        n_kept = n_bytes < overlap ? n_bytes : overlap;
        memmove(bytes, bytes + n_bytes - n_kept, n_kept);
        offset += n;
    }
    return false;
}

static void read_interpreter(const struct elf *elf, struct pp_elf_facts *facts)
{
    const Elf64_Phdr *segment = find_segment(elf, PT_INTERP);
    const size_t n_bytes = sizeof facts->interpreter - 1;

    if (segment == NULL)
        return;
    facts->is_dynamic = true;
    if (!read_all(elf->descriptor, facts->interpreter,
                  segment->p_filesz < n_bytes ? segment->p_filesz : n_bytes, segment->p_offset))
        facts->interpreter[0] = '\0';
}

void pp_elf_facts_read(int descriptor, struct pp_elf_facts *facts_out)
{
    pp_autofree struct elf *elf = calloc(1, sizeof *elf);
    pp_autofree char *names = NULL;
    size_t n_bytes = 0;

    memset(facts_out, 0, sizeof *facts_out);
    if (elf == NULL)
        return;
    elf->descriptor = descriptor;
    /* The first 20 bytes are the same for 32 and 64 bits. */
    if (!read_all(descriptor, &elf->header, 20, 0) ||
        memcmp(elf->header.e_ident, ELFMAG, SELFMAG) != 0)
        return;
    facts_out->is_elf = true;
    facts_out->is_64_bit = elf->header.e_ident[EI_CLASS] == ELFCLASS64;
    facts_out->is_little_endian = elf->header.e_ident[EI_DATA] == ELFDATA2LSB;
    facts_out->machine = elf->header.e_machine;
    if (!facts_out->is_little_endian)
        facts_out->machine = __builtin_bswap16(elf->header.e_machine);
    if (!facts_out->is_64_bit || !facts_out->is_little_endian ||
        !read_all(descriptor, &elf->header, sizeof elf->header, 0) || !read_segments(elf))
        return;

    read_interpreter(elf, facts_out);
    facts_out->is_go = has_go_note(elf);
    names = read_dynamic_names(elf, &n_bytes);
    if (names != NULL) {
        facts_out->sanitizer = find_sanitizer(names, n_bytes);
        /* "ld.so ./program": the loader itself has no PT_INTERP, and preloads all the same. */
        if (has_name(names, n_bytes, "ld-linux", strlen("ld-linux")))
            facts_out->is_dynamic = true;
    }
    if (!facts_out->is_dynamic)
        facts_out->links_capture = has_capture_library(elf);
}

const char *pp_elf_machine_name(uint16_t machine)
{
    switch (machine) {
    case EM_386:
        return "i386";
    case EM_X86_64:
        return "x86_64";
    case EM_ARM:
        return "arm";
    case EM_AARCH64:
        return "aarch64";
    case EM_RISCV:
        return "riscv";
    case EM_PPC64:
        return "ppc64";
    case EM_S390:
        return "s390x";
    case EM_MIPS:
        return "mips";
    default:
        return "another machine";
    }
}
