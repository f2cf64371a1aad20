/* The parts of an ELF file that names come from.
 *
 * A mapping would fault (SIGBUS) when the file is cut short, and change under our hands when it is
 * written over.  Reading all would cost the memory of code and data that nobody looks at: of a
 * program of 236 MB without debug information that is all but 30 MB. */
#include "binary/file_image.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

enum { FIRST_BYTES = 4096, CHUNK_BYTES = 64 * 1024 };

struct range {
    uint64_t begin, end;
};

struct parts {
    struct pp_file_image *image;
    int descriptor;
    bool only_symbols; /* DWARF is left out: it is most of a file */
    struct range *ranges;
    size_t n_ranges, capacity;
};

/* ---- reading ---- */

/* Looking first: opening some devices does something.  The descriptor is looked at again, as the
 * name may be another file's by then. */
static int open_regular(const char *path, struct stat *status)
{
    int descriptor;

    if (stat(path, status) != 0)
        return -errno;
    if (!S_ISREG(status->st_mode))
        return -ENOEXEC;
    descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (descriptor < 0)
        return -errno;
    if (fstat(descriptor, status) != 0 || !S_ISREG(status->st_mode)) {
        (void)close(descriptor);
        return -ENOEXEC;
    }
    return descriptor;
}

static int read_all(int descriptor, unsigned char *to, uint64_t begin, uint64_t end)
{
    while (begin < end) {
        const ssize_t n = pread(descriptor, to, end - begin, (off_t)begin);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EBADMSG;
        to += n;
        begin += (uint64_t)n;
    }
    return 0;
}

/* Holes stay holes: a small file may claim to have any size. */
static int read_range(const struct parts *parts, struct range range)
{
    uint64_t at = range.begin;
    int result = 0;

    while (result == 0 && at < range.end) {
        off_t begin = lseek(parts->descriptor, (off_t)at, SEEK_DATA), end;
        if (begin < 0 && errno == ENXIO)
            return 0;
        if (begin < 0 || (uint64_t)begin < at)
            begin = (off_t)at;
        if ((uint64_t)begin >= range.end)
            return 0;
        end = lseek(parts->descriptor, begin, SEEK_HOLE);
        if (end <= begin || (uint64_t)end > range.end)
            end = (off_t)range.end;
        result = read_all(parts->descriptor, parts->image->bytes + begin, (uint64_t)begin,
                          (uint64_t)end);
        at = (uint64_t)end;
    }
    return result;
}

/* ---- which parts ---- */

static struct range clamp(const struct parts *parts, uint64_t begin, uint64_t n_bytes)
{
    const uint64_t limit = parts->image->n_bytes;

    begin = begin < limit ? begin : limit;
    return (struct range){begin, n_bytes < limit - begin ? begin + n_bytes : limit};
}

static int want(struct parts *parts, uint64_t begin, uint64_t n_bytes)
{
    const struct range range = clamp(parts, begin, n_bytes);

    if (range.begin == range.end)
        return 0;
    if (pp_array_reserve(&parts->ranges, &parts->capacity, parts->n_ranges + 1,
                         sizeof *parts->ranges) != 0)
        return -ENOMEM;
    parts->ranges[parts->n_ranges++] = range;
    return 0;
}

static int compare_ranges(const void *left, const void *right)
{
    const struct range *a = left, *b = right;

    return (a->begin > b->begin) - (a->begin < b->begin);
}

/* Sorted and without overlaps, so that nothing is read twice. */
static uint64_t merge(struct parts *parts)
{
    uint64_t n_bytes = 0;
    size_t n = 0;

    qsort(parts->ranges, parts->n_ranges, sizeof *parts->ranges, compare_ranges);
    for (size_t i = 0; i < parts->n_ranges; i++) {
        const struct range range = parts->ranges[i];
        if (n > 0 && range.begin <= parts->ranges[n - 1].end) {
            if (range.end > parts->ranges[n - 1].end)
                parts->ranges[n - 1].end = range.end;
        } else {
            parts->ranges[n++] = range;
        }
    }
    parts->n_ranges = n;
    for (size_t i = 0; i < n; i++)
        n_bytes += parts->ranges[i].end - parts->ranges[i].begin;
    return n_bytes;
}

static bool begins_with(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* Code and data are left out, and the tables that only debuggers look at. */
static bool is_section_read(const Elf64_Shdr *section, const char *name, bool only_symbols)
{
    const bool is_debug = begins_with(name, ".debug_") || begins_with(name, ".zdebug_");

    if (section->sh_type == SHT_NULL || section->sh_type == SHT_NOBITS)
        return false;
    if (section->sh_type != SHT_PROGBITS && section->sh_type != SHT_X86_64_UNWIND)
        return true;
    if ((section->sh_flags & SHF_COMPRESSED) == 0 && begins_with(name, ".debug_loc"))
        return false;
    return (is_debug && !only_symbols) || begins_with(name, ".gnu_debug") ||
           begins_with(name, ".eh_frame_hdr") || begins_with(name, ".plt") ||
           begins_with(name, ".iplt");
}

static void section_at(const struct parts *parts, uint64_t table, uint64_t i, Elf64_Shdr *section)
{
    memcpy(section, parts->image->bytes + table + i * sizeof *section, sizeof *section);
}

/* The section headers are in memory; their names come to it here. */
static int want_sections(struct parts *parts, const Elf64_Ehdr *header)
{
    const uint64_t table = header->e_shoff, n_file = parts->image->n_bytes;
    const uint64_t room = table < n_file ? (n_file - table) / sizeof(Elf64_Shdr) : 0;
    uint64_t n_sections = header->e_shnum, names_index = header->e_shstrndx;
    struct range names;
    Elf64_Shdr section;
    int result;

    if (room == 0 || header->e_shentsize != sizeof section)
        return 0;
    result = read_range(parts, clamp(parts, table, sizeof section));
    section_at(parts, table, 0, &section);
    if (n_sections == 0)
        n_sections = section.sh_size;
    if (names_index == SHN_XINDEX)
        names_index = section.sh_link;
    n_sections = n_sections < room ? n_sections : room;
    if (result == 0)
        result = read_range(parts, clamp(parts, table, n_sections * sizeof section));
    if (result != 0 || names_index >= n_sections)
        return result;
    section_at(parts, table, names_index, &section);
    names = clamp(parts, section.sh_offset, section.sh_size);
    result = read_range(parts, names);
    for (uint64_t i = 0; result == 0 && i < n_sections; i++) {
        char name[16] = "";
        section_at(parts, table, i, &section);
        if (section.sh_name < names.end - names.begin)
            (void)strncpy(name, (const char *)parts->image->bytes + names.begin + section.sh_name,
                          names.end - names.begin - section.sh_name < sizeof name - 1
                              ? names.end - names.begin - section.sh_name
                              : sizeof name - 1);
        if (is_section_read(&section, name, parts->only_symbols))
            result = want(parts, section.sh_offset, section.sh_size);
    }
    return result;
}

/* Program headers, and the notes they point to: the build id of a file without sections. */
static int want_notes(struct parts *parts, const Elf64_Ehdr *header)
{
    const struct range table =
        clamp(parts, header->e_phoff, (uint64_t)header->e_phnum * sizeof(Elf64_Phdr));
    int result = read_range(parts, table);

    for (uint64_t at = table.begin; result == 0 && table.end - at >= sizeof(Elf64_Phdr);
         at += sizeof(Elf64_Phdr)) {
        Elf64_Phdr segment;
        memcpy(&segment, parts->image->bytes + at, sizeof segment);
        if (segment.p_type == PT_NOTE)
            result = want(parts, segment.p_offset, segment.p_filesz);
    }
    return result;
}

static int want_parts(struct parts *parts)
{
    const unsigned char *bytes = parts->image->bytes;
    Elf64_Ehdr header;
    int result;

    memcpy(&header, bytes, sizeof header);
    if (bytes[EI_CLASS] != ELFCLASS64 || bytes[EI_DATA] != ELFDATA2LSB)
        return want(parts, 0, parts->image->n_bytes); /* rare, so whole */
    result = want_notes(parts, &header);
    return result != 0 ? result : want_sections(parts, &header);
}

static int read_parts(struct parts *parts)
{
    const long n_pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    int result = read_range(parts, clamp(parts, 0, FIRST_BYTES));

    if (result != 0)
        return result;
    if (parts->image->n_bytes < sizeof(Elf64_Ehdr) ||
        memcmp(parts->image->bytes, ELFMAG, SELFMAG) != 0)
        return -ENOEXEC;
    result = want_parts(parts);
    if (result == 0 && merge(parts) > (uint64_t)n_pages * (uint64_t)page_bytes / 2)
        result = -EFBIG;
    for (size_t i = 0; result == 0 && i < parts->n_ranges; i++)
        result = read_range(parts, parts->ranges[i]);
    return result;
}

/* ---- the whole ---- */

static int fail(const char *path, int code, struct pprofc_error *err)
{
    switch (code) {
    case -ENOEXEC:
        return pp_fail(err, code, 0, "'%s' is not an ELF file", path);
    case -EFBIG:
        return pp_fail(err, code, 0, "'%s' is too large to be read for its names", path);
    case -EBADMSG:
        return pp_fail(err, code, 0, "'%s' was cut short while it was read", path);
    default:
        return pp_fail(err, code, 0, "cannot read '%s': %s", path, strerror(-code));
    }
}

int pp_file_image_read(const char *path, bool only_symbols, struct pp_file_image *image_out,
                       struct pprofc_error *err)
{
    struct stat status;
    pp_autoclose_fd int descriptor = open_regular(path, &status);
    struct pp_file_image image;
    struct parts parts = {.image = &image, .descriptor = descriptor, .only_symbols = only_symbols};
    int result;

    if (descriptor < 0)
        return fail(path, descriptor, err);
    if (status.st_size <= 0)
        return fail(path, -ENOEXEC, err);
    image = (struct pp_file_image){
        .n_bytes = (size_t)status.st_size, .device = status.st_dev, .inode = status.st_ino};
    /* Address space for all of it, memory for what is read. */
    image.bytes = mmap(NULL, image.n_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (image.bytes == MAP_FAILED)
        return fail(path, -EFBIG, err);
    result = read_parts(&parts);
    free(parts.ranges);
    if (result != 0) {
        pp_file_image_done(&image);
        return fail(path, result, err);
    }
    *image_out = image;
    return 0;
}

void pp_file_image_done(struct pp_file_image *image)
{
    if (image->bytes != NULL)
        (void)munmap(image->bytes, image->n_bytes);
    image->bytes = NULL;
}

int pp_file_checksum(const char *path, uint32_t *checksum_out)
{
    struct stat status;
    pp_autoclose_fd int descriptor = open_regular(path, &status);
    pp_autofree unsigned char *chunk = malloc(CHUNK_BYTES);
    uint32_t table[256]; /* CRC-32, the one of zlib */
    uint32_t checksum = UINT32_MAX;
    ssize_t n;

    if (descriptor < 0 || chunk == NULL)
        return descriptor < 0 ? descriptor : -ENOMEM;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++)
            value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320u : 0);
        table[i] = value;
    }
    while ((n = read(descriptor, chunk, CHUNK_BYTES)) > 0)
        for (ssize_t i = 0; i < n; i++)
            checksum = (checksum >> 8) ^ table[(checksum ^ chunk[i]) & 0xff];
    if (n < 0)
        return -errno;
    *checksum_out = ~checksum;
    return 0;
}
